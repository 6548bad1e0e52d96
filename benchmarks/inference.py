"""Whether the intervals of a speed-up hold what they say: networks beside themselves (A/A), and beside slower ones.

    python benchmarks/inference.py [--busy 4] [--measurements 40] [--slower 10] [--seconds 2] [--out found.json]

Three networks (CIFAR size, 3 x 32 x 32, random weights), by the pipeline's own protocol, ONNX Runtime, one thread:

* **A/A**: each beside itself, 40 measurements in all. The 95 % interval of the speed-up must hold 1 in at least 36.
* **5 % slower**: each beside a copy that does more work, so much that it takes 5 % more CPU time by a long measurement
  of its own, which is printed. The interval must lie below 1 in at least 9 of 10.

``--busy 4`` starts four programs that do nothing but compute, and ends them. The exit code is 1 if either is missed.
"""

import argparse
import contextlib
import itertools
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import onnx
import torch
from onnx import helper

from edgeprune import entrypoint
from edgeprune.export.onnx import export
from edgeprune.measuring.calibration import summary
from edgeprune.measuring.measure import measure
from edgeprune.networks.resolve import build

NETWORKS = {
    "vgg16": "edgeprune.networks.vgg:vgg16",
    "resnet8": "edgeprune.networks.resnet:resnet8",
    "mobilenetv2": "edgeprune.networks.mobilenet:mobilenetv2",
}
SHAPE = (3, 32, 32)
COVERED, TOLD, SLOWER = 0.9, 0.9, 0.05
LONG = 3  # times the seconds, for the measurement that says how much slower a copy is


def write(name, path):
    torch.manual_seed(0)
    export(build(NETWORKS[name], num_classes=10, in_channels=SHAPE[0], input_size=SHAPE[1]).eval(), SHAPE, path)


def write_slower(source, path, count):
    """``source`` with ``count`` operators before it, which do their work and leave the input as it is."""
    model = onnx.load(source)
    graph = model.graph
    image = graph.input[0].name
    names = [image, *(f"again-{i}" for i in range(count))]
    for node in graph.node:
        node.input[:] = [names[-1] if name == image else name for name in node.input]
    chain = [helper.make_node("Relu", [before], [after]) for before, after in itertools.pairwise(names)]
    nodes = [*chain, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.save(model, path)


def slower_by(share, source, path, device):
    """Write a copy of ``source`` whose CPU time is ``share`` more; how much more it takes by a long measurement."""
    device, count, found = {**device, "seconds": LONG * device["seconds"]}, 40, 0.0
    for _ in range(4):
        write_slower(source, path, count)
        found = 1 / measure("here", device, path, source)["speedup"] - 1
        if abs(found / share - 1) < 0.1:
            break
        count = max(1, round(count * share / max(found, share / 5)))
    return found


@contextlib.contextmanager
def busy(count):
    """``count`` programs that compute, meanwhile."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: sum(range(1000))"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def say(name, what, found):
    ratios = ", ".join(f"{e['speedup']:.3f} ({e['speedup_low']:.3f} to {e['speedup_high']:.3f})" for e in found[:3])
    print(f"| {name} | {what} | {ratios} … |", flush=True)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--busy", type=int, default=0, help="programs that compute meanwhile (default none)")
    parser.add_argument("--measurements", type=int, default=40, help="A/A, of all networks together (default 40)")
    parser.add_argument("--slower", type=int, default=10, help="of each network beside its slower copy (default 10)")
    parser.add_argument("--seconds", type=float, default=2.0, help="of a measurement, for each model (default 2)")
    parser.add_argument("--out", help="write every measurement as JSON too")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    device = {"kind": "local", "threads": 1, "seconds": args.seconds, "energy": {"source": "none"}}
    started, alike, apart, covered, told = time.monotonic(), [], [], 0, 0
    with tempfile.TemporaryDirectory(prefix="edgeprune-") as folder:
        files = {name: (Path(folder, f"{name}.onnx"), Path(folder, f"{name}-slower.onnx")) for name in args.networks}
        slower = {}
        for name, (dense, copy) in files.items():
            write(name, dense)
            if args.slower:
                slower[name] = slower_by(SLOWER, dense, copy, device)
                print(f"{name}: the slower copy takes {slower[name]:.1%} more time by itself", flush=True)
        print("\n| network | beside | times as fast (95 %) |\n|---|---|---|")
        with busy(args.busy):
            for i, (name, (dense, copy)) in enumerate(files.items()):
                count = len(range(i, args.measurements, len(files)))
                found = [measure("here", device, dense, dense) for _ in range(count)]
                say(name, "itself", found)
                alike += found
                if args.slower:
                    found = [measure("here", device, copy, dense) for _ in range(args.slower)]
                    say(f"{name}, {slower[name]:.1%} slower", "dense", found)
                    apart += found
    covered = sum(each["speedup_low"] <= 1 <= each["speedup_high"] for each in alike)
    told = sum(each["speedup_high"] < 1 for each in apart)
    first = (alike + apart)[0]
    print(
        f"\nA/A: {covered} of {len(alike)} intervals hold 1; 5 % slower: {told} of {len(apart)} are told\n"
        f"nine of ten measurements would tell {summary(alike)['resolution']:.1%}\n"
        f"{first['fingerprint']['cpu_model']}, {first['fingerprint']['cores']} cores, {args.busy} busy programs, "
        f"ONNX Runtime {first['fingerprint']['onnxruntime']}, 1 thread, {args.seconds:g} s for each model, "
        f"{time.monotonic() - started:.0f} s in all"
    )
    if args.out:
        Path(args.out).write_text(json.dumps({"alike": alike, "apart": apart, "slower": slower}, indent=2) + "\n")
    if covered < COVERED * len(alike) or told < TOLD * len(apart):
        sys.exit(1)


if __name__ == "__main__":
    sys.exit(entrypoint.run(main))
