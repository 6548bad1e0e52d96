"""Draw each layer of a network as a circle: compute, feature-map memory, parameters."""

import argparse
import sys

import edgeprune.entrypoint
from edgeprune.complexity.profile import Profile
from edgeprune.reporting import captions, script


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, fromfile_prefix_chars="@")
    parser.add_argument("--profile", required=True, help="profile.json of the network")
    parser.add_argument("--title", help="another title than the network's name")
    parser.add_argument("--scale", choices=("auto", "linear", "sqrt", "log"), default="auto", help="of both axes")
    script.add_outputs(parser)
    args = parser.parse_args(argv)
    profile = Profile.load(args.profile)
    rows = profile.layer_table()

    from edgeprune.plotting import layer_complexity, style

    figure = layer_complexity.draw(rows, args.title or profile.network, args.scale)
    style.write(args, figure, rows, captions.layer_complexity(profile.network, rows, profile.totals))


if __name__ == "__main__":
    sys.exit(edgeprune.entrypoint.run(main))
