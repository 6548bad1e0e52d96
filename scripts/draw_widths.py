"""Draw how many filters the plans of each mode keep in each layer, beside the dense network."""

import argparse
import sys

import edgeprune.scripting
from edgeprune import files
from edgeprune.reporting import captions, table


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, fromfile_prefix_chars="@")
    parser.add_argument("--plans", nargs="+", required=True, help="plans of one network on one dataset (or @file)")
    parser.add_argument("--network", required=True, help="its name in the title")
    parser.add_argument("--dataset", required=True, help="its name in the title")
    parser.add_argument("--out-svg")
    parser.add_argument("--out-png")
    parser.add_argument("--out-csv", help="the data of the figure")
    parser.add_argument("--out-caption", help="reStructuredText for the report")
    args = parser.parse_args(argv)

    from edgeprune.plotting import style, widths

    rows = widths.read(args.plans)
    style.save(widths.draw(rows, f"{args.network} on {args.dataset}"), args.out_svg, args.out_png)
    if args.out_csv:
        files.write_text(args.out_csv, table.to_csv(rows))
    if args.out_caption:
        files.write_text(args.out_caption, captions.widths(args.network, args.dataset, rows))


if __name__ == "__main__":
    sys.exit(edgeprune.scripting.run(main))
