"""Made-up profiles, metrics and measurements for tests of tables and figures. No number here was measured."""

import json
import random

from edgeprune.complexity.profile import Group, Layer, Profile, Slot
from edgeprune.complexity.width import constant

DENSE = {"params": 1_250_000, "macs": 39_000_000, "flops": 78_500_000, "memory": 610_000, "peak_memory": 5_200_000}
TARGETS, SEEDS = (0.5, 0.7), (0, 1, 2)


def profile(network, convolutions, linears=()):
    """A profile of ``convolutions`` ``(name, inputs per filter, filters, kernel, output side)`` and ``linears``
    ``(name, inputs, units)``, nothing of it prunable but the first layer."""
    layers = [
        Layer(name, "conv2d", constant(out), constant(inp), (kernel, kernel), False, side * side, side * side)
        for name, inp, out, kernel, side in convolutions
    ]
    layers += [Layer(name, "linear", constant(out), constant(inp), (), True, 1, 1) for name, inp, out in linears]
    groups = (Group(layers[0].name, layers[0].out[0][0], (layers[0].name,)),)
    slots = tuple(Slot(layer.name, (layer.out, layer.inp)) for layer in layers)
    return Profile(network, ((3, 32, 32),), groups, tuple(layers), slots)


def vgg16():
    plan = [(32, 64, 2), (16, 128, 2), (8, 256, 3), (4, 512, 3), (2, 512, 3)]
    convolutions, inp = [], 3
    for stage, (side, out, depth) in enumerate(plan, 1):
        for index in range(1, depth + 1):
            convolutions.append((f"features.conv{stage}_{index}", inp, out, 3, side))
            inp = out
    linears = [("classifier.fc1", 512, 512), ("classifier.fc2", 512, 512), ("classifier.fc3", 512, 10)]
    return profile("vgg16", convolutions, linears)


def resnet50():
    convolutions, inp = [("stem.conv", 3, 64, 3, 32)], 64
    for stage, (side, mid, depth) in enumerate([(32, 64, 3), (16, 128, 4), (8, 256, 6), (4, 512, 3)], 1):
        for block in range(depth):
            name = f"layer{stage}.{block}"
            convolutions.append((f"{name}.conv1", inp, mid, 1, side if block or stage == 1 else 2 * side))
            convolutions.append((f"{name}.conv2", mid, mid, 3, side))
            convolutions.append((f"{name}.conv3", mid, 4 * mid, 1, side))
            if not block:
                convolutions.append((f"{name}.shortcut", inp, 4 * mid, 1, side))
            inp = 4 * mid
    return profile("resnet50", convolutions, [("fc", 2048, 10)])


def mobilenetv2():
    convolutions, inp, side = [("stem", 3, 32, 3, 32)], 32, 32
    plan = [(1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
    for stage, (factor, out, depth, stride) in enumerate(plan):
        for block in range(depth):
            wide, name = inp * factor, f"blocks.{stage}.{block}"
            if factor > 1:
                convolutions.append((f"{name}.expand", inp, wide, 1, side))
            side //= stride if block == 0 else 1
            convolutions.append((f"{name}.depthwise", 1, wide, 3, side))
            convolutions.append((f"{name}.project", wide, out, 1, side))
            inp = out
    convolutions.append(("head", 320, 1280, 1, side))
    return profile("mobilenetv2", convolutions, [("classifier", 1280, 10)])


def grid(folder, network="vgg8", dataset="digits", seeds=SEEDS, device="local"):
    """Write metrics, measurements and plans of a whole grid; returns three lists of paths."""
    metrics, measurements, plans = [], [], []
    variants = [("dense", "dense", None, None)]
    for method in ("complexity", "uniform"):
        prefix = "" if method == "complexity" else "uniform-"
        variants += [(f"{prefix}{mode}-{t:.2f}", method, mode, t) for mode in ("PA", "FA", "MA") for t in TARGETS]
    for variant, method, mode, target in variants:
        for seed in seeds:
            where = folder / network / dataset / variant / f"seed-{seed}"
            where.mkdir(parents=True, exist_ok=True)
            values = run(network, dataset, variant, method, mode, target, seed)
            for kind, value in zip(("metrics", "measurement", "plan"), values):
                (where / f"{kind}.json").write_text(json.dumps(value))
            values[1]["device"] = device
            (where / "measurement.json").write_text(json.dumps(values[1]))
            metrics.append(where / "metrics.json")
            measurements.append(where / "measurement.json")
            plans.append(where / "plan.json")
    return metrics, measurements, plans


def run(network, dataset, variant, method, mode, target, seed):
    """``(metrics, measurement, plan)`` of one made-up run."""
    noise = random.Random(f"{variant}{seed}")
    keep = dict.fromkeys(DENSE, 1.0)
    if target:
        asked = {"PA": "params", "FA": "flops", "MA": "memory"}[mode]
        keep = {key: (1 - target) * noise.uniform(1.0, 1.5) for key in DENSE}
        keep[asked] = (1 - target) * noise.uniform(0.985, 1.0)
        keep["macs"] = keep["flops"]
        if method == "uniform":
            keep = dict.fromkeys(DENSE, (1 - target) * noise.uniform(0.985, 1.0))
    loss = {None: 0, "PA": 0.02, "FA": 0.035, "MA": 0.045}[mode] * (target or 0) + 0.01 * (method == "uniform")
    accuracy = 0.972 - loss + noise.gauss(0, 0.003)
    complexity = {key: round(DENSE[key] * keep[key]) for key in DENSE}
    identity = {
        "network": network, "dataset": dataset, "variant": variant, "method": method, "mode": mode, "target": target,
        "seed": seed,
    }  # fmt: skip
    metrics = {
        "format": "edgeprune.metrics", "version": 1, **identity, "task": "classification",
        "test": {"accuracy": accuracy, "loss": 0.1}, "val": {"accuracy": accuracy + 0.004, "loss": 0.09},
        "complexity": complexity, "dense": DENSE, "reduction": {key: 1 - keep[key] for key in DENSE},
        "cost": {"epochs": 20, "training_flops": 3 * 20 * 1400 * complexity["flops"]},
        "model_bytes": {"checkpoint": 4 * complexity["params"] + 9000, "onnx": 4 * complexity["params"] + 3000},
    }  # fmt: skip
    p50 = 0.9 * (0.25 + 0.75 * keep["flops"]) * noise.uniform(0.98, 1.02)
    measurement = {
        "format": "edgeprune.measurement", "version": 2, "device": "local", "kind": "local", "run": identity,
        "runtime": "fp32", "engine": "onnxruntime", "accuracy": accuracy, "speedup": 0.9 / p50,
        "speedup_low": 0.88 / p50, "speedup_high": 0.92 / p50, "energy_source": None, "warnings": [],
        "cpu_percent": 99.0 + noise.random(),
        "cpu_ms_per_inference": p50, "peak_rss_bytes": int(60e6 + 5 * complexity["params"]),
        "idle_rss_bytes": int(55e6), "energy_mj": None, "reasons": {"energy_mj": "no sensor"},
        "latency_ms": {"p50": p50, "p90": p50 * 1.1, "p99": p50 * 1.4, "mean": p50 * 1.03, "std": p50 * 0.1,
                       "iqr": p50 * 0.08,
                       "iterations": 500},
        "fingerprint": {"cpu_model": "made up"},
    }  # fmt: skip
    layers = {}
    for index in range(8):
        dense = (32, 32, 64, 64, 128, 128, 256, 256)[index]
        lean = {None: 1, "PA": 1.2 - 0.09 * index, "FA": 0.5 + 0.05 * index, "MA": 0.3 + 0.09 * index}[mode]
        kept = (
            dense
            if target is None
            else max(2, min(dense, round(dense * lean * (1.3 - target) * noise.uniform(0.9, 1.1))))
        )
        layers[f"features.{index}.conv"] = [dense, kept]
    groups = {name: dense for name, (dense, _) in layers.items()}
    plan = {
        "format": "edgeprune.plan", "version": 1, **identity, "profile_digest": "0", "budget": None, "settings": {},
        "dense_totals": DENSE, "totals": complexity, "reduction": {key: 1 - keep[key] for key in DENSE},
        "dense_widths": groups, "widths": {name: kept for name, (_, kept) in layers.items()}, "layers": layers,
    }  # fmt: skip
    return metrics, measurement, plan
