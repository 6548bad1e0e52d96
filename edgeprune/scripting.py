"""How a script of the pipeline ends: cleanly, with a message a user can act on."""

import sys

from edgeprune.errors import EdgepruneError


def run(main, argv=None):
    """Call ``main(argv)``; turn an :class:`EdgepruneError` into a message on stderr.

    Returns:
        int: 0, or 1 after a user's error; meant for ``sys.exit``.
    """
    try:
        main(argv)
    except EdgepruneError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0
