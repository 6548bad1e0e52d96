"""Draw a network's multiply-accumulates against its measured latency, beside what proportion would give."""

import sys

import edgeprune.entrypoint
from edgeprune.reporting import captions_runs, runs, script


def main(argv=None):
    args, rows, title = script.read(argv, __doc__)

    from edgeprune.plotting import speed, style

    style.write(args, speed.draw(rows, title), rows, captions_runs.speed(runs.group(rows)))


if __name__ == "__main__":
    sys.exit(edgeprune.entrypoint.run(main))
