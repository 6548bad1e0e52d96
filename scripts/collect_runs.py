"""Put what runs left behind together as one table, with a row for each run and place where it was measured."""

import sys

import edgeprune.entrypoint
from edgeprune import files
from edgeprune.reporting import runs, script, table


def main(argv=None):
    parser = script.Parser(description=__doc__)
    script.add_files(parser)
    parser.add_argument("--out", required=True, help="the table, as CSV")
    args = parser.parse_args(argv)
    files.write_text(args.out, table.to_csv(runs.read(args.metrics, args.measurements, args.timings)))


if __name__ == "__main__":
    sys.exit(edgeprune.entrypoint.run(main))
