"""How the figure ``samples`` shows what a task gives for an image: a class for each of ``Task.pictures``."""
