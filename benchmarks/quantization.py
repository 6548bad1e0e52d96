"""What the choices of quantisation cost and gain: the table of docs/measuring.md.

    python benchmarks/quantization.py --runs results/quick/train_network/vgg8/digits/dense/seed-*
                                      --data results/quick/fetch_dataset/digits [--seconds 5]

Scores are of trained runs (their model.onnx) on the *whole* validation split: the mean over the runs of a network in
fp32, and differences from it with their standard errors over images. Speeds are of `--networks` at CIFAR size and
full width with random weights, times fp32, one thread, by the pipeline's own protocol; none with `--seconds 0`.
"""

import argparse
import contextlib
import statistics
import sys
import tempfile
import warnings
from math import sqrt
from pathlib import Path

import numpy
import torch
from inference import NETWORKS, SHAPE
from onnxruntime.quantization import CalibrationMethod, QuantType

from edgeprune import entrypoint, files, tasks
from edgeprune.export import int8, onnx
from edgeprune.export.evaluate import evaluate
from edgeprune.measuring.measure import measure
from edgeprune.networks.resolve import build
from edgeprune.tasks.jackknife import variance

EIGHT = {"reduce_range": False}
SETTINGS = {
    "**int8 per channel in 7 bits, uint8**": {},
    "the same, ranges by percentile": {"calibrate_method": CalibrationMethod.Percentile},
    "the same, ranges by entropy": {"calibrate_method": CalibrationMethod.Entropy},
    "int8 per channel, uint8": EIGHT,
    "int8 per channel, int8": {**EIGHT, "activation_type": QuantType.QInt8},
    "int8 per tensor, uint8": {**EIGHT, "per_channel": False},
    "uint8 per tensor, uint8": {**EIGHT, "per_channel": False, "weight_type": QuantType.QUInt8},
}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", nargs="*", default=[], type=Path, help="folders of trained runs on one dataset")
    parser.add_argument("--data", type=Path, help="folder of that dataset")
    parser.add_argument("--networks", nargs="*", choices=NETWORKS, default=["mobilenetv2", "vgg16"])
    parser.add_argument("--seconds", type=float, default=5.0, help="for each measurement (default 5); 0 for none")
    args = parser.parse_args(argv)
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    trained = {}
    for run in args.runs:
        trained.setdefault(files.read_json(run / "metrics.json")["network"], []).append(run)
    with contextlib.redirect_stdout(sys.stderr):  # the quantiser reports there
        columns = [scores(name, runs, args.data) for name, runs in trained.items()]
    with tempfile.TemporaryDirectory(prefix="edgeprune-") as folder:
        columns += [speeds(name, Path(folder), args.seconds) for name in args.networks if args.seconds]
    print("| weights, activations | " + " | ".join(head for head, _ in columns) + " |")
    print("|---" * (1 + len(columns)) + "|")
    for setting in ("fp32", *SETTINGS):
        print(f"| {setting} | " + " | ".join(cells[setting] for _, cells in columns) + " |")


def scores(name, runs, data):
    """Head and cells of a network's scores."""
    metric = tasks.get(files.read_json(runs[0] / "metrics.json")["task"]).headline
    seen, found = int8.calibration(data), {}
    for setting, changes in {"fp32": None, **SETTINGS}.items():
        for run in runs:
            model = run / "model.onnx" if changes is None else int8.to_bytes(run / "model.onnx", seen, **changes)
            found.setdefault(setting, []).append(evaluate(model, data, "val", uncertain=True))
        print(f"{name}, {setting}: {[each[metric.name] for each in found[setting]]}", file=sys.stderr)
    means = {key: statistics.fmean(each[metric.name] for each in many) for key, many in found.items()}
    cells = {"fp32": f"{means['fp32'] * metric.scale:.{metric.decimals}f} {metric.unit}".rstrip()}
    for setting in SETTINGS:
        pairs = zip(*(map(left_out, found[key]) for key in (setting, "fp32")))
        per_part = zip(*([a - b for a, b in zip(*pair)] for pair in pairs))
        error = sqrt(variance([statistics.fmean(part) for part in per_part])) * metric.scale
        difference = (means[setting] - means["fp32"]) * metric.scale
        cells[setting] = f"{difference:+.{metric.decimals}f} ± {error:.{metric.decimals}f}"
    images, many = found["fp32"][0]["uncertainty"]["images"], len(runs)
    return f"{name}, {metric.title.lower()} of {images} images, {many} run{'s' if many > 1 else ''}", cells


def left_out(score):
    return score["uncertainty"]["left_out"]


def speeds(name, folder, seconds):
    """Head and cells of a network's speed-ups, with their intervals."""
    device = {"kind": "local", "threads": 1, "seconds": seconds, "energy": {"source": "none"}}
    torch.manual_seed(0)
    model = build(NETWORKS[name], num_classes=10, in_channels=SHAPE[0], input_size=SHAPE[1]).eval()
    onnx.export(model, SHAPE, folder / f"{name}.onnx")
    images, cells = numpy.random.default_rng(0).standard_normal((20, *SHAPE), dtype="float32"), {"fp32": "1"}
    for number, (setting, changes) in enumerate(SETTINGS.items()):
        file = folder / f"{name}-{number}.onnx"
        file.write_bytes(int8.to_bytes(folder / f"{name}.onnx", images, **changes))
        found = measure("here", device, file, folder / f"{name}.onnx")
        cells[setting] = f"{found['speedup']:.2f} ({found['speedup_low']:.2f} to {found['speedup_high']:.2f})"
        print(f"{name}, {setting}: {cells[setting]}", file=sys.stderr)
    return f"{name}, times fp32 (95 %)", cells


if __name__ == "__main__":
    sys.exit(entrypoint.run(main))
