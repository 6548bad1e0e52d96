"""Draw the latency that a device's table of layer costs predicts for each run against the one that was measured."""

import argparse
import sys

import edgeprune.scripting
from edgeprune import files
from edgeprune.reporting import forecast, table


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, fromfile_prefix_chars="@")
    parser.add_argument("--table", required=True, help="the device's table of the network's layer costs")
    parser.add_argument("--profile", required=True, help="profile.json of the network")
    parser.add_argument("--plans", nargs="+", required=True, help="plans of the runs (or @file with the list)")
    parser.add_argument("--measurements", nargs="+", required=True, help="their measurements on that device")
    parser.add_argument("--network", required=True, help="its name in the title")
    parser.add_argument("--dataset", required=True, help="its name in the title")
    parser.add_argument("--device", required=True, help="its name in the title")
    parser.add_argument("--out-svg")
    parser.add_argument("--out-png")
    parser.add_argument("--out-csv", help="the data of the figure")
    parser.add_argument("--out-caption", help="reStructuredText for the report")
    args = parser.parse_args(argv)
    rows = forecast.read(args.table, args.profile, args.plans, args.measurements)

    from edgeprune.plotting import prediction as figure
    from edgeprune.plotting import style

    style.save(figure.draw(rows, f"{args.network} on {args.dataset}, {args.device}"), args.out_svg, args.out_png)
    if args.out_csv:
        files.write_text(args.out_csv, table.to_csv(rows))
    if args.out_caption:
        files.write_text(args.out_caption, forecast.caption(args.network, args.dataset, args.device, rows))


if __name__ == "__main__":
    sys.exit(edgeprune.scripting.run(main))
