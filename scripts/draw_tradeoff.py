"""Draw a network's accuracy (or another task's headline metric) against each resource, counted and measured."""

import sys

import edgeprune.entrypoint
from edgeprune.reporting import captions_runs, runs, script


def main(argv=None):
    args, rows, title = script.read(argv, __doc__)

    from edgeprune.plotting import style, tradeoff

    style.write(args, tradeoff.draw(rows, title), rows, captions_runs.tradeoff(runs.group(rows)))


if __name__ == "__main__":
    sys.exit(edgeprune.entrypoint.run(main))
