"""Train one network of the grid: checkpoint, ONNX file, history, metrics, timing."""

import argparse
import json
import sys

from edgeprune import entrypoint
from edgeprune.garbage import uncollected
from edgeprune.gpus import slots


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    entrypoint.add_network(parser)
    parser.add_argument("--profile", required=True, help="profile.json of the dense network")
    parser.add_argument("--plan", required=True, help="widths to keep, a JSON file")
    parser.add_argument("--recipe", required=True, type=json.loads, help="training settings, as JSON")
    parser.add_argument("--seed", required=True, type=int)
    parser.add_argument("--variant", required=True, help="the run's key in the grid")
    parser.add_argument("--reference", help="the entry of `references` that the run belongs to, if it is one of theirs")
    parser.add_argument("--budget", help="name of the budget that the plan meets, if it meets one")
    parser.add_argument("--out", required=True, help="folder to write to")
    parser.add_argument("--threads", type=int, help="CPU threads, instead of the recipe's")
    parser.add_argument("--initial", help="checkpoint to start from (a network as the plan says), not fresh weights")
    parser.add_argument("--earlier", nargs="+", default=[], help="metrics.json of earlier stages, whose cost counts")
    parser.add_argument("--stage", help="this training's name among the stages; train, or finetune with --initial")
    parser.add_argument("--state", help="folder to keep the training's state in, to go on from after a kill")
    parser.add_argument("--tensorboard", help="folder for TensorBoard's event files, if its package is installed")
    parser.add_argument("--no-onnx", dest="onnx", action="store_false", help="write no model.onnx")
    parser.add_argument("--slots-per-gpu", type=int, default=1, help="how many trainings may share a GPU at a time")
    arguments = parser.parse_args(argv)
    slots.claim_for(arguments.recipe, vars(arguments).pop("slots_per_gpu"))  # before torch looks for GPUs

    with uncollected():
        from edgeprune.training.run import run
        from edgeprune.training.stopping import Stopped

    try:
        run(**vars(arguments))
    except Stopped as stopped:
        print(f"stopped: {stopped}", file=sys.stderr)
        sys.exit(stopped.exit_status)


if __name__ == "__main__":
    sys.exit(entrypoint.run(main))
