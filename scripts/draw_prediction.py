"""Draw the latency that a device's table of layer costs predicts for each run against the one that was measured."""

import argparse
import sys

import edgeprune.entrypoint
from edgeprune.reporting import predicted_latency, script


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, fromfile_prefix_chars="@")
    parser.add_argument("--table", required=True, help="the device's table of the network's layer costs")
    parser.add_argument("--profile", required=True, help="profile.json of the network")
    parser.add_argument("--plans", nargs="+", required=True, help="plans of the runs (or @file with the list)")
    parser.add_argument("--measurements", nargs="+", required=True, help="their measurements on that device")
    parser.add_argument("--network", required=True, help="its name in the title")
    parser.add_argument("--dataset", required=True, help="its name in the title")
    parser.add_argument("--device", required=True, help="its name in the title")
    script.add_outputs(parser)
    args = parser.parse_args(argv)
    rows = predicted_latency.read(args.table, args.profile, args.plans, args.measurements)

    from edgeprune.plotting import prediction, style

    caption = predicted_latency.caption(args.network, args.dataset, args.device, rows)
    style.write(args, prediction.draw(rows, f"{args.network} on {args.dataset}, {args.device}"), rows, caption)


if __name__ == "__main__":
    sys.exit(edgeprune.entrypoint.run(main))
