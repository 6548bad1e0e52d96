"""Draw a network's accuracy (or another headline metric) against the cost of its training, stage by stage."""

import argparse
import sys

import edgeprune.scripting
from edgeprune.reporting import captions_runs, runs, script


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, fromfile_prefix_chars="@")
    script.add_results(parser, measurements=False)
    script.add_pair(parser)
    script.add_outputs(parser)
    args = parser.parse_args(argv)
    rows, title = script.read(args)

    from edgeprune.plotting import cost

    script.write(args, cost.draw(rows, title), rows, captions_runs.cost(runs.group(rows)))


if __name__ == "__main__":
    sys.exit(edgeprune.scripting.run(main))
