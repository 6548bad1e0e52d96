"""Prune a trained dense network by a baseline's ranking of its filters: the plan, and the weights to fine-tune."""

import argparse
import json
import sys

from edgeprune import entrypoint
from edgeprune.garbage import uncollected


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dense", required=True, help="model.pt of the dense run of the same seed")
    parser.add_argument("--profile", required=True, help="profile.json of the dense network")
    parser.add_argument("--method", required=True, help="l1, fpgm or lamp")
    parser.add_argument("--mode", required=True, help="PA, FA or MA")
    parser.add_argument("--target", required=True, type=float, help="fraction to remove")
    parser.add_argument("--seed", required=True, type=int, help="of the dense run's training")
    parser.add_argument("--plan-seed", type=int, help="of the dense run's plan, if it is another; noted in the plan")
    parser.add_argument("--settings", default={}, type=json.loads, help="sampling settings, as JSON")
    parser.add_argument("--variant", required=True, help="the run's key in the grid")
    parser.add_argument("--out", required=True, help="folder to write to")
    arguments = parser.parse_args(argv)

    with uncollected():
        from edgeprune.baselines.run import run

    run(**vars(arguments))


if __name__ == "__main__":
    sys.exit(entrypoint.run(main))
