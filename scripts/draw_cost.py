"""Draw a network's accuracy (or another headline metric) against the cost of its training, stage by stage."""

import sys

import edgeprune.entrypoint
from edgeprune.reporting import captions_runs, runs, script


def main(argv=None):
    args, rows, title = script.read(argv, __doc__, measurements=False)

    from edgeprune.plotting import cost, style

    style.write(args, cost.draw(rows, title), rows, captions_runs.cost(runs.group(rows)))


if __name__ == "__main__":
    sys.exit(edgeprune.entrypoint.run(main))
