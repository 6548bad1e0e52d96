"""The latency-aware mode against the stopwatch: plans of LA at -50 %, their measured latency beside what was asked for.

    python benchmarks/latency_mode.py [--networks vgg16 mobilenetv2 resnet50] [--round-to 8] [--seeds 0] [--seconds 20]

For each network: the device's table of layer costs (kept in --tables, made anew without it), the plan that LA draws
from it, and the stand-alone program's measurement of the pruned network's exported file in turns with the dense one's.
The error is |pruned - half of dense| / half of dense, of the medians; beside it stands the error of the table's
prediction. The exit code is 1 if an error exceeds 15 %.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import torch

import edgeprune
from edgeprune import files
from edgeprune.export.onnx import to_bytes
from edgeprune.measuring.layers.measure import measure as measure_layers
from edgeprune.measuring.measure import measure
from edgeprune.networks.resolve import build

NETWORKS = {
    "vgg16": "edgeprune.networks.vgg:vgg16",
    "mobilenetv2": "edgeprune.networks.mobilenet:mobilenetv2",
    "resnet50": "edgeprune.networks.resnet:resnet50",
}
SHAPE, CLASSES, TARGET, ALLOWED = (3, 32, 32), 10, 0.5, 0.15


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--round-to", type=int, default=8)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--seconds", type=float, default=20, help="of each of the two networks in the measurement")
    parser.add_argument("--layer-seconds", type=float, default=0.6, help="of each network of the table")
    parser.add_argument("--tables", type=Path, help="folder of tables and profiles: read if there, else written")
    parser.add_argument("--realtime", action="store_true", help="run before other processes of this machine (root)")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.realtime:  # what is started from here inherits it
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    print(
        "| network | seed | dense ms | pruned ms | of dense | error to target | predicted ms | its error | table, s |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    worst = 0.0
    with tempfile.TemporaryDirectory() as scratch:
        for network in args.networks:
            worst = max(worst, one(network, args, Path(scratch)))
    return int(worst > ALLOWED)


def one(network, args, scratch):
    model, worst = build(NETWORKS[network], num_classes=CLASSES), 0.0
    profile = edgeprune.profile(model, SHAPE, network=network)
    file = (args.tables or scratch) / f"{network}.table.json"
    settings, spent = {"round_to": args.round_to}, None
    if not file.exists():
        started = time.perf_counter()
        device = {"kind": "local", "threads": 1}
        table = measure_layers("local", device, model, profile, settings=settings, seconds=args.layer_seconds)
        spent = time.perf_counter() - started
        files.write_json(file, table)
    dense = scratch / f"{network}.onnx"
    dense.write_bytes(to_bytes(model, SHAPE))
    for seed in args.seeds:
        plan = edgeprune.sample(profile, "LA", TARGET, seed, table=file, **settings)
        pruned = scratch / f"{network}-{seed}.onnx"
        pruned.write_bytes(to_bytes(edgeprune.prune(model, plan), SHAPE))
        device = {"kind": "local", "threads": 1, "seconds": args.seconds, "energy": {"source": "none"}}
        found = measure("local", device, pruned, dense)
        was, now = found["reference"]["latency_ms"]["p50"], found["latency_ms"]["p50"]
        asked, said = (1 - TARGET) * was, plan.predicted["pruned"]
        error = abs(now - asked) / asked
        worst = max(worst, error)
        print(
            f"| {network} | {seed} | {was:.3f} | {now:.3f} | {now / was:.3f} | {100 * error:.1f} % | {said:.3f} "
            f"| {100 * abs(said - now) / now:.1f} % | {'–' if spent is None else f'{spent:.0f}'} |",
            flush=True,
        )
    return worst


if __name__ == "__main__":
    sys.exit(main())
