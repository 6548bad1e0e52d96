"""Draw how many filters the plans of each mode keep in each layer, beside the dense network."""

import argparse
import json
import sys

import edgeprune.entrypoint
from edgeprune.reporting import captions, script


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, fromfile_prefix_chars="@")
    parser.add_argument("--plans", nargs="+", required=True, help="plans of one network on one dataset (or @file)")
    parser.add_argument("--variants", default={}, type=json.loads, help="references and budgets of the grid's variants")
    parser.add_argument("--network", required=True, help="its name in the title")
    parser.add_argument("--dataset", required=True, help="its name in the title")
    script.add_outputs(parser)
    args = parser.parse_args(argv)

    from edgeprune.plotting import style, widths

    rows = widths.read(args.plans, args.variants)
    caption = captions.widths(args.network, args.dataset, rows)
    style.write(args, widths.draw(rows, f"{args.network} on {args.dataset}"), rows, caption)


if __name__ == "__main__":
    sys.exit(edgeprune.entrypoint.run(main))
