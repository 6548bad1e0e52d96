"""How the program ends when it cannot do what was asked."""

USAGE, UNREADABLE, NO_RUNTIME, UNRUNNABLE, UNSUPPORTED = 2, 3, 4, 5, 6


class Failure(Exception):
    """What the caller can act on: an exit status and one sentence."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


def one_line(error):
    return " ".join(str(error).split())
