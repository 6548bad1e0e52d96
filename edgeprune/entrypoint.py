"""How a script of the pipeline starts and ends: in this environment, and with a message a user can act on."""

import contextlib
import errno
import json
import os
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from edgeprune.errors import EdgepruneError, extras

#: What the system forbids or has no room for: the user's to mend, wherever it happens.
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT)
INTERRUPTED = 130  # as shells say it: 128 and the number of SIGINT


def run(main: Callable[[Sequence[str] | None], object], argv: Sequence[str] | None = None) -> int:
    """Call ``main(argv)``; turn an :class:`EdgepruneError`, what the system forbids, or the lack of a package of an
    extra into a message on stderr.

    Returns:
        int: 0, 1 after a user's error (or the error's own ``status``), or 130 after Ctrl-C; meant for ``sys.exit``.
    """
    node = os.environ.get("SLURMD_NODENAME")
    if node:
        print(f"on node {node}, Slurm job {os.environ.get('SLURM_JOB_ID')}", file=sys.stderr)
    try:
        with extras():
            main(argv)
    except EdgepruneError as error:
        told = error
    except OSError as error:
        if error.errno not in _FORBIDDEN:
            raise
        remedy = "free some space, or allow to read and write there"
        told = EdgepruneError(error.strerror or str(error), file=error.filename2 or error.filename, remedy=remedy)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    else:
        return 0
    print(f"error: {told}", file=sys.stderr)
    return told.status


def add_network(parser: ArgumentParser) -> None:
    """Options that name a network and the dataset that it is for."""
    parser.add_argument("--network", required=True, help="name in the configuration")
    parser.add_argument("--spec", required=True, type=json.loads, help="its factory and args, as JSON")
    parser.add_argument("--data", required=True, help="folder of the fetched dataset")


@contextlib.contextmanager
def refusing() -> Iterator[None]:
    """End a workflow that cannot go on with the message of an :class:`EdgepruneError`, without Snakemake's own lines.

    For a block, or a function as its decorator.
    """
    try:
        yield
    except EdgepruneError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


def let_jobs_find_us(root: str | Path) -> None:
    """Let processes started from here find this interpreter and this package.

    Neither an activated environment nor an installed package is needed then; inside a conda environment that a rule
    asks for, only the package is ours.
    """
    for name, folder in (("PATH", os.path.dirname(sys.executable)), ("PYTHONPATH", str(root))):
        old = [part for part in os.environ.get(name, "").split(os.pathsep) if part and part != folder]
        os.environ[name] = os.pathsep.join([folder, *old])
