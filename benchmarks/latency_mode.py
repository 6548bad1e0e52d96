"""LA against FA, by the stopwatch: which networks are faster at equal FLOPs, which keep more FLOPs at equal latency.

    python benchmarks/latency_mode.py [--networks vgg16 resnet8 mobilenetv2] [--seeds 8] [--seconds 2] [--tables FOLDER]

For each network the device's table of layer costs is made (or read from --tables), and four kinds of plans are drawn
for each seed, with ``round_to: 8``:

* ``FA``: half of the FLOPs are removed; ``LA, same FLOPs``: the chain of LA, stopped at half of the FLOPs;
* ``LA``: half of the latency is removed, as the table predicts; ``FA, same latency``: the chain of FA, stopped there.

Each is measured in turns with the dense network (untrained weights, 32 x 32 images, one thread, ONNX Runtime). One plan
with its measurement is one run. Printed are the means with 95 % intervals over the seeds (Student's t); how far the
table's prediction was off; and two comparisons of each network, unpaired (Welch), three networks corrected after Holm:
LA's latency against FA's at equal FLOPs, as a ratio, on logarithms; and the FLOPs left at equal latency.
"""

import argparse
import math
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
from edgeprune.reporting.difference import Sample, family, half_width, welch, words
from edgeprune.sampling.predicted_latency import latency
from edgeprune.sampling.problem import Problem
from edgeprune.sampling.sample import sample_many
from edgeprune.sampling.table import CostTable

NETWORKS = {
    "vgg16": "edgeprune.networks.vgg:vgg16",
    "resnet8": "edgeprune.networks.resnet:resnet8",
    "mobilenetv2": "edgeprune.networks.mobilenet:mobilenetv2",
}
SHAPE, HALF, SETTINGS = (3, 32, 32), 0.5, {"round_to": 8}
#: At targets so far apart a chain is looked at for the first plan within the other mode's limit.
STEP = 0.005
FA, LA_THERE, LA, FA_THERE = "FA", "LA, same FLOPs", "LA", "FA, same latency"
DEVICE = {"kind": "local", "threads": 1, "energy": {"source": "none"}}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--seeds", type=int, default=8, help="how many")
    parser.add_argument("--seconds", type=float, default=2, help="of each of the two networks in a measurement")
    parser.add_argument("--tables", type=Path, help="folder of tables and profiles: read if there, else written")
    args = parser.parse_args()
    torch.set_num_threads(1)
    runs = {}
    with tempfile.TemporaryDirectory() as scratch:
        for network in args.networks:
            runs[network] = measured(network, args, Path(scratch))
    print("| network | plans | latency, of dense | FLOPs, of dense | narrowest layer | table's error |")
    print("|---|---|---|---|---|---|")
    for network, plans in runs.items():
        for label, rows in plans.items():
            values = {key: [row[key] for row in rows] for key in rows[0]}
            print(
                f"| {network} | {label} | {spread(values['latency'])} | {spread(values['flops'])} "
                f"| {min(values['narrowest']):.2f} | {100 * sum(values['error']) / len(rows):.1f} % |"
            )
    compare("latency, LA over FA at equal FLOPs", runs, LA_THERE, FA, "latency", math.log, math.exp)
    compare("FLOPs left (of dense), LA minus FA at equal latency", runs, LA, FA_THERE, "flops", float, float)


def measured(network, args, scratch):
    """``{kind of plan: [what was measured of each seed]}``."""
    model = build(NETWORKS[network], num_classes=10, in_channels=SHAPE[0])
    profile = edgeprune.profile(model, SHAPE, network=network)
    file = (args.tables or scratch) / f"{network}.table.json"
    if not file.exists():
        started = time.perf_counter()
        files.write_json(file, measure_layers("local", DEVICE, model, profile, settings=SETTINGS))
        print(f"{network}: table in {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    table, dense = CostTable.load(file), scratch / f"{network}.onnx"
    dense.write_bytes(to_bytes(model, SHAPE))
    was, found = latency(profile, table, profile.widths), {}
    chains = {mode: chain(profile, mode, range(args.seeds), table) for mode in ("FA", "LA")}
    for seed in range(args.seeds):

        def fast(plan):
            return latency(profile, table, plan.widths) <= (1 - HALF) * was

        def small(plan):
            return plan.reduction["flops"] >= HALF

        for label, within in ((FA, small), (LA_THERE, small), (LA, fast), (FA_THERE, fast)):
            plan = next(plan for plan in chains[label[:2]][seed] if within(plan))
            file = scratch / "pruned.onnx"
            file.write_bytes(to_bytes(edgeprune.prune(model, plan), SHAPE))
            ratio = 1 / measure("local", DEVICE | {"seconds": args.seconds}, file, dense)["speedup"]
            row = {
                "latency": ratio,
                "flops": 1 - plan.reduction["flops"],
                "narrowest": min(kept / wide for wide, kept in plan.layers.values()),
                "error": abs(latency(profile, table, plan.widths) / was / ratio - 1),
            }
            found.setdefault(label, []).append(row)
        print(f"{network}: seed {seed + 1} of {args.seeds} measured", file=sys.stderr, flush=True)
    return found


def chain(profile, mode, seeds, table):
    """``{seed: its plans, rising}`` as far as the floors allow."""
    problem = Problem(profile, table=table, **SETTINGS)
    resource = {"FA": "flops", "LA": "latency"}[mode]
    most = 1 - problem.costs.total(resource, problem.floor) / problem.costs.dense_total(resource)
    targets = [STEP * n for n in range(1, int(most / STEP))]
    plans = sample_many(profile, [mode], targets, seeds, table=table, **SETTINGS)
    return {seed: [plans[mode, target, seed] for target in targets] for seed in seeds}


def spread(values):
    sample = Sample.of(values)
    half = half_width(sample)
    return f"{sample.mean:.3f}" + ("" if half is None else f" ± {half:.3f}")


def compare(title, runs, ours, theirs, key, there, back):
    differences = family(
        [
            welch(*(Sample.of([there(row[key]) for row in plans[label]]) for label in (ours, theirs)))
            for plans in runs.values()
        ]
    )
    print(f"\n| network | {title} | 95 % interval | n | after Holm |\n|---|---|---|---|---|")
    for network, found in zip(runs, differences):
        interval = "–" if found.low is None else f"{back(found.low):.3f} to {back(found.high):.3f}"
        verdict = {"ahead": "larger", "behind": "smaller"}.get(found.verdict, words(found, 3))
        print(f"| {network} | {back(found.value):.3f} | {interval} | {found.counts} | {verdict} |")


if __name__ == "__main__":
    sys.exit(main())
