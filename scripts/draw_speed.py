"""Draw a network's multiply-accumulates against its measured latency, beside what proportion would give."""

import argparse
import sys

import edgeprune.scripting
from edgeprune.reporting import captions_runs, runs, script


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, fromfile_prefix_chars="@")
    script.add_results(parser)
    script.add_pair(parser)
    script.add_outputs(parser)
    args = parser.parse_args(argv)
    rows, title = script.read(args)

    from edgeprune.plotting import speed

    script.write(args, speed.draw(rows, title), rows, captions_runs.speed(runs.group(rows)))


if __name__ == "__main__":
    sys.exit(edgeprune.scripting.run(main))
