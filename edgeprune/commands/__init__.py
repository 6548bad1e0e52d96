"""The subcommands of ``edgeprune``: each module has ``arguments(parser)`` and ``run(args)``."""
