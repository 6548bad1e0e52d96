"""Draw a network's accuracy (or another headline metric) against the cost of its training, all stages together."""

import argparse
import sys

import edgeprune.scripting
from edgeprune import files
from edgeprune.reporting import captions, runs, table


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, fromfile_prefix_chars="@")
    parser.add_argument(
        "--metrics", nargs="+", required=True, help="metrics.json of every run (or @file with the list)"
    )
    parser.add_argument("--timings", nargs="*", default=[], help="timing.json of these runs, beside the metrics")
    parser.add_argument("--network", help="needed if the files are of more than one")
    parser.add_argument("--dataset", help="needed if the files are of more than one")
    parser.add_argument("--out-svg")
    parser.add_argument("--out-png")
    parser.add_argument("--out-csv", help="the data of the figure")
    parser.add_argument("--out-caption", help="reStructuredText for the report")
    args = parser.parse_args(argv)
    rows = runs.select(runs.read(args.metrics, timings=args.timings), args.network, args.dataset)

    from edgeprune.plotting import cost, style

    title = f"{rows[0]['network']} on {rows[0]['dataset']}"
    style.save(cost.draw(rows, title), args.out_svg, args.out_png)
    if args.out_csv:
        files.write_text(args.out_csv, table.to_csv(rows))
    if args.out_caption:
        files.write_text(args.out_caption, captions.cost(runs.group(rows)))


if __name__ == "__main__":
    sys.exit(edgeprune.scripting.run(main))
