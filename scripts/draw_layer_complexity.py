"""Draw each layer of a network as a circle: compute, feature-map memory, parameters."""

import argparse
import sys

import edgeprune.scripting
from edgeprune import files
from edgeprune.complexity.profile import Profile
from edgeprune.reporting import captions, table


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, fromfile_prefix_chars="@")
    parser.add_argument("--profile", required=True, help="profile.json of the network")
    parser.add_argument("--title", help="another title than the network's name")
    parser.add_argument("--scale", choices=("auto", "linear", "sqrt", "log"), default="auto", help="of both axes")
    parser.add_argument("--out-svg")
    parser.add_argument("--out-png")
    parser.add_argument("--out-csv", help="the data of the figure")
    parser.add_argument("--out-caption", help="reStructuredText for the report")
    args = parser.parse_args(argv)
    profile = Profile.load(args.profile)
    rows = profile.layer_table()

    from edgeprune.plotting import layer_complexity, style

    style.save(layer_complexity.draw(rows, args.title or profile.network, args.scale), args.out_svg, args.out_png)
    if args.out_csv:
        files.write_text(args.out_csv, table.to_csv(rows))
    if args.out_caption:
        files.write_text(args.out_caption, captions.layer_complexity(profile.network, rows, profile.totals))


if __name__ == "__main__":
    sys.exit(edgeprune.scripting.run(main))
