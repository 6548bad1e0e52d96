"""Train one network of the grid from scratch: checkpoint, ONNX file, history, metrics, timing."""

import argparse
import json
import sys

from edgeprune import scripting


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", required=True, help="name in the configuration")
    parser.add_argument("--spec", required=True, type=json.loads, help="its factory and args, as JSON")
    parser.add_argument("--data", required=True, help="folder of the fetched dataset")
    parser.add_argument("--profile", required=True, help="profile.json of the dense network")
    parser.add_argument("--plan", required=True, help="widths to keep, a JSON file")
    parser.add_argument("--recipe", required=True, type=json.loads, help="training settings, as JSON")
    parser.add_argument("--seed", required=True, type=int)
    parser.add_argument("--variant", required=True, help="the run's key in the grid")
    parser.add_argument("--out", required=True, help="folder to write to")
    parser.add_argument("--threads", type=int, help="CPU threads, instead of the recipe's")
    parser.add_argument("--no-onnx", dest="onnx", action="store_false", help="write no model.onnx")
    arguments = parser.parse_args(argv)

    from edgeprune.training.run import run

    run(**vars(arguments))


if __name__ == "__main__":
    sys.exit(scripting.run(main))
