"""How a script of the pipeline starts and ends: in this environment, and with a message a user can act on."""

import os
import sys

from edgeprune.errors import EdgepruneError


def run(main, argv=None):
    """Call ``main(argv)``; turn an :class:`EdgepruneError` into a message on stderr.

    Returns:
        int: 0, or 1 after a user's error; meant for ``sys.exit``.
    """
    node = os.environ.get("SLURMD_NODENAME")
    if node:
        print(f"on node {node}, Slurm job {os.environ.get('SLURM_JOB_ID')}", file=sys.stderr)
    try:
        main(argv)
    except EdgepruneError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def refuse(error):
    """End a workflow that cannot go on with an :class:`EdgepruneError`: Snakemake would add its own lines to it."""
    print(f"error: {error}", file=sys.stderr)
    sys.exit(1)


def let_jobs_find_us(root):
    """Let processes started from here find this interpreter and this package.

    Neither an activated environment nor an installed package is needed then; inside a conda environment that a rule
    asks for, only the package is ours.
    """
    for name, folder in (("PATH", os.path.dirname(sys.executable)), ("PYTHONPATH", str(root))):
        old = [part for part in os.environ.get(name, "").split(os.pathsep) if part and part != folder]
        os.environ[name] = os.pathsep.join([folder, *old])
