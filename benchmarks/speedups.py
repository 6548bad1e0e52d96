"""What pruning and quantisation are worth in time, and how well that repeats: networks of random weights, measured by
the pipeline's own protocol.

    python benchmarks/speedups.py [--networks vgg16 dncnn ...] [--round-to 8] [--seconds 5] [--seed 0] [--repeat 2]

Each network (3 x 32 x 32, the denoiser 1 x 256 x 256) is pruned in mode FA by 50 % with `round_to`, exported to ONNX
and quantised with random images for calibration: latency does not depend on the weights. Pruned and dense, in fp32 and
int8, are measured in turns with the dense network in fp32, ONNX Runtime, one thread, in a process of their own each.
All is done `--repeat` times in a row, and the speed-ups of the rounds are compared. The exit code is 1 if a required
speed-up (VGG-16's, at widths of 8) is missed or the rounds differ by more than is allowed.
"""

import argparse
import json
import sys
import tempfile
import warnings
from pathlib import Path

import numpy
import torch

import edgeprune
from edgeprune import entrypoint
from edgeprune.export import int8, onnx
from edgeprune.measuring.measure import measure
from edgeprune.networks.resolve import build

NETWORKS = {
    "vgg16": ("edgeprune.networks.vgg:vgg16", {}, (3, 32, 32)),
    "resnet50": ("edgeprune.networks.resnet:resnet50", {}, (3, 32, 32)),
    "mobilenetv2": ("edgeprune.networks.mobilenet:mobilenetv2", {}, (3, 32, 32)),
    # As the presets low-level and high-level have them.
    "dncnn": ("edgeprune.networks.restoration:dncnn", {"depth": 6, "width": 32}, (1, 256, 256)),
    "unet": ("edgeprune.networks.segmentation:unet", {"depth": 2, "width": 16}, (3, 32, 32)),
}
CLASSES, TARGET, IMAGES = 10, 0.5, 20
#: Least speed-up to the dense network in fp32.
REQUIRED = {("vgg16", "pruned", "fp32"): 1.5, ("vgg16", "pruned", "int8"): 6.0}
ALLOWED = 0.05  # most that two rounds may differ by, relative to the smaller


def write_models(name, round_to, seed, folder):
    """``{(size, runtime): file}`` of one network."""
    torch.manual_seed(seed)
    factory, settings, shape = NETWORKS[name]
    spec = {"factory": factory, "args": settings}
    dense = build(spec, num_classes=CLASSES, in_channels=shape[0], input_size=shape[1]).eval()
    plan = edgeprune.sample(edgeprune.profile(dense, shape), "FA", TARGET, seed, round_to=round_to)
    models = {"dense": dense, "pruned": edgeprune.prune(dense, plan).eval()}
    images = numpy.random.default_rng(seed).standard_normal((IMAGES, *shape), dtype="float32")
    written = {}
    for size, model in models.items():
        for runtime in ("fp32", "int8"):
            written[size, runtime] = folder / f"{name}-{size}-{runtime}.onnx"
        onnx.export(model, shape, written[size, "fp32"])
        written[size, "int8"].write_bytes(int8.to_bytes(written[size, "fp32"], images))
    return written


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=["vgg16", "resnet50", "mobilenetv2"])
    parser.add_argument("--round-to", type=int, default=8, help="widths are multiples of this (default 8)")
    parser.add_argument("--seconds", type=float, default=5.0, help="for each model and round (default 5)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repeat", type=int, default=2, help="rounds (default 2)")
    parser.add_argument("--out", help="write every measurement as JSON too")
    args = parser.parse_args(argv)
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    device = {"kind": "local", "threads": 1, "seconds": args.seconds, "energy": {"source": "none"}}
    good, everything = True, []
    print("| network | model | runtime | P50, ms | times dense fp32 (95 %) of each round | differ by | required |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="edgeprune-") as folder:
        for name in args.networks:
            models = write_models(name, args.round_to, args.seed, Path(folder))
            for key, file in models.items():
                if key == ("dense", "fp32"):
                    continue  # the reference of all
                rounds = [measure("here", device, file, models["dense", "fp32"]) for _ in range(args.repeat)]
                everything += [{"network": name, "model": key[0], "runtime": key[1], **each} for each in rounds]
                good &= say(name, key, rounds, REQUIRED if args.round_to == 8 else {})
    if args.out:
        Path(args.out).write_text(json.dumps(everything, indent=2) + "\n")
    first = everything[0]
    print(f"\n{first['fingerprint']['cpu_model']}, ONNX Runtime {first['fingerprint']['onnxruntime']}, 1 thread")
    for warning in sorted({warning for each in everything for warning in each["warnings"]}):
        print(f"warning: {warning}")
    if not good:
        sys.exit(1)


def say(name, key, rounds, least):
    """Print a row; whether it holds what is asked."""
    speedups, required = [each["speedup"] for each in rounds], least.get((name, *key))
    apart = max(speedups) / min(speedups) - 1
    medians = ", ".join(f"{each['latency_ms']['p50']:.3f}" for each in rounds)
    print(
        f"| {name} | {key[0]} | {key[1]} | {medians} | "
        + ", ".join(f"{e['speedup']:.2f} ({e['speedup_low']:.2f} to {e['speedup_high']:.2f})" for e in rounds)
        + f" | {apart:.1%}{'' if apart <= ALLOWED else ' (too much)'} | {required or ''} |",
        flush=True,
    )
    return apart <= ALLOWED and (required is None or min(speedups) >= required)


if __name__ == "__main__":
    sys.exit(entrypoint.run(main))
