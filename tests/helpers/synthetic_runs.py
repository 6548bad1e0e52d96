"""Made-up profiles, metrics and measurements for tests of tables and figures. No number here was measured."""

import json
import random

from edgeprune import identity, tasks
from edgeprune.complexity.parts import Group, Layer, TensorShape
from edgeprune.complexity.profile import Profile
from edgeprune.complexity.width import constant
from edgeprune.measuring.measure import KEYS
from edgeprune.names import BASELINES

#: Variants of named references and of a budget: name, method, mode, target, entry of `references`, budget.
NAMED = (
    ("small", "complexity", None, None, None, "small"),
    ("uniform-small", "uniform", None, None, "uniform", "small"),
    ("layer-FA-0.50", "complexity", "FA", 0.5, "layer", None),
    ("layer-MA-0.50", "complexity", "MA", 0.5, "layer", None),
    ("layer-small", "complexity", None, None, "layer", "small"),
    ("longer-FA-0.50", "complexity", "FA", 0.5, "longer", None),
    ("mine-FA-0.50", "l1", "FA", 0.5, "mine", None),
    ("tuned", "dense", None, None, "tuned", None),
)

DENSE = {"params": 1_250_000, "macs": 39_000_000, "flops": 78_500_000, "memory": 610_000, "peak_memory": 5_200_000}
TARGETS, SEEDS = (0.5, 0.7), (0, 1, 2)
#: Test scores of a made-up network of this quality, from 0 to 1.
SCORES = {
    "classification": lambda quality: {"accuracy": quality},
    "denoising": lambda quality: {"psnr": 20 + 8 * quality},
    "super-resolution": lambda quality: {"psnr": 30 + 3 * quality, "ssim": 0.9 * quality},
    "segmentation": lambda quality: {
        "miou": quality,
        "pixel_accuracy": quality + 0.01,
        "iou": {"road": quality + 0.02, "a|b": quality - 0.02, "absent": None},
    },
}


def profile(network, convolutions, linears=()):
    """A profile of ``convolutions`` ``(name, inputs per filter, filters, kernel, output side)`` and ``linears``
    ``(name, inputs, units)``, nothing of it prunable but the first layer."""
    layers = [
        Layer(name, "conv2d", constant(out), constant(inp), (kernel, kernel), False, side * side, side * side)
        for name, inp, out, kernel, side in convolutions
    ]
    layers += [Layer(name, "linear", constant(out), constant(inp), (), True, 1, 1) for name, inp, out in linears]
    groups = (Group(layers[0].name, layers[0].out[0][0], (layers[0].name,)),)
    slots = tuple(TensorShape(layer.name, (layer.out, layer.inp)) for layer in layers)
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


def grid(
    folder,
    network="vgg8",
    dataset="digits",
    seeds=SEEDS,
    places=(("local", "fp32"),),
    baselines=(),
    absent=(),
    named=(),
    task="classification",
):
    """Write metrics, times, measurements and plans of a whole grid, as under ``results/<preset>/``.

    Args:
        folder: the results.
        places: ``(device, runtime)`` where every run is measured.
        seeds: of the runs; ``(plan, training)`` where they differ.
        baselines: methods of three stages, at FA.
        named: further variants, as those in :data:`NAMED`.
        absent: devices that could not be reached.
        task: of :data:`SCORES`.

    Returns:
        three lists of paths: metrics (a ``timing.json`` beside each), measurements, plans.
    """
    metrics, measurements, plans = [], [], []
    variants = [("dense", "dense", None, None)]
    for method in ("complexity", "uniform"):
        prefix = "" if method == "complexity" else "uniform-"
        variants += [(f"{prefix}{mode}-{t:.2f}", method, mode, t) for mode in ("PA", "FA", "MA") for t in TARGETS]
    variants += [(f"{baseline}-FA-{t:.2f}", baseline, "FA", t) for baseline in baselines for t in TARGETS]
    for variant, method, mode, target, *later in [*variants, *named]:
        for seed in seeds:
            plan_seed, seed = seed if isinstance(seed, tuple) else (seed, seed)
            where = f"{network}/{dataset}/{variant}/seed-{identity.seed_name(plan_seed, seed)}"
            further = dict(zip(("reference", "budget"), later))
            if further or plan_seed != seed:  # files of earlier versions lack these keys
                further["plan_seed"] = plan_seed
            value, plan = run(network, dataset, variant, method, mode, target, seed, task, **further)
            metrics.append(_write(folder / "train_network" / where / "metrics.json", value))
            _write(folder / "train_network" / where / "timing.json", timing(value))
            plans.append(_write(folder / "sample_plan" / f"{where}.json", plan))
            for device, runtime in places:
                path = folder / "measure_model" / device / runtime / f"{where}.json"
                found = unreachable(value, device, runtime) if device in absent else measured(value, device, runtime)
                measurements.append(_write(path, found))
    return metrics, measurements, plans


def timings(metrics):
    """The files of times beside the metrics."""
    return [path.with_name("timing.json") for path in metrics]


def baseline(path, dataset, task, name, quality):
    """Write what learnt nothing, of that quality."""
    scores = {split: SCORES[task](quality) for split in ("val", "test")}
    value = {"format": "edgeprune.baseline", "version": 1, "dataset": dataset, "task": task, "name": name, **scores}
    return _write(path, value)


def run(network, dataset, variant, method, mode, target, seed, task="classification", **later):
    """``(metrics, plan)`` of one made-up run; ``later`` holds keys of :data:`edgeprune.names.LATER`."""
    noise = random.Random(f"{variant}{seed}")
    keep = dict.fromkeys(DENSE, 1.0)
    if target:
        asked = {"PA": "params", "FA": "flops", "MA": "memory"}[mode]
        keep = {key: (1 - target) * noise.uniform(1.0, 1.5) for key in DENSE}
        keep[asked] = (1 - target) * noise.uniform(0.985, 1.0)
        keep["macs"] = keep["flops"]
        if method == "uniform":
            keep = dict.fromkeys(DENSE, (1 - target) * noise.uniform(0.985, 1.0))
    if later.get("budget"):
        keep = {key: 0.4 * noise.uniform(0.9, 1.0) for key in DENSE}
    loss = {None: 0, "PA": 0.02, "FA": 0.035, "MA": 0.045}[mode] * (target or 0) + 0.01 * (method == "uniform")
    quality = 0.972 - loss + noise.gauss(0, 0.003)
    val = {name: value for name, value in SCORES[task](quality + 0.004).items() if name != "iou"}
    complexity = {key: round(DENSE[key] * keep[key]) for key in DENSE}
    named = {
        "network": network, "dataset": dataset, "variant": variant, "method": method, "mode": mode, "target": target,
        "seed": seed, **later,
    }  # fmt: skip
    step = 3 * 1400 * 20
    stages = [_stage("train", 20, step * complexity["flops"])]
    if method in BASELINES:
        stages = [_stage("train", 20, step * DENSE["flops"]), _stage("prune", 0, 0)]
        stages.append(_stage("finetune", 5, step * complexity["flops"] // 4))
    sums = {key: sum(stage[key] for stage in stages) for key in ("epochs", "training_flops")}
    metrics = {
        "format": "edgeprune.metrics", "version": 1, **named, "task": task,
        "test": {**SCORES[task](quality), "loss": 0.1}, "val": {**val, "loss": 0.09},
        "complexity": complexity, "dense": DENSE, "reduction": {key: 1 - keep[key] for key in DENSE},
        "val_uncertainty": uncertainty(task, val, noise),
        "cost": {**sums, "stages": stages},
        "model_bytes": {"checkpoint": 4 * complexity["params"] + 9000, "onnx": 4 * complexity["params"] + 3000},
    }  # fmt: skip
    layers = {}
    for index in range(8):
        dense = (32, 32, 64, 64, 128, 128, 256, 256)[index]
        lean = {None: 1, "PA": 1.2 - 0.09 * index, "FA": 0.5 + 0.05 * index, "MA": 0.3 + 0.09 * index}[mode]
        kept = dense
        if target is not None:
            kept = max(2, min(dense, round(dense * lean * (1.3 - target) * noise.uniform(0.9, 1.1))))
        layers[f"features.{index}.conv"] = [dense, kept]
    groups = {name: dense for name, (dense, _) in layers.items()}
    plan = {
        "format": "edgeprune.plan", "version": 1, **named, "profile_digest": "0", "budget": None, "settings": {},
        "dense_totals": DENSE, "totals": complexity, "reduction": {key: 1 - keep[key] for key in DENSE},
        "dense_widths": groups, "widths": {name: kept for name, (_, kept) in layers.items()}, "layers": layers,
    }  # fmt: skip
    return metrics, plan | {"seed": later.get("plan_seed", seed)}


def uncertainty(task, val, noise):
    """Of 400 images that are the same for all networks: what the parts do to a score is nearly the same for all."""
    shared = random.Random("images")
    headline = tasks.get(task).headline
    size = 0.0006 * (100 / headline.scale)
    left_out = [val[headline.name] + size * (shared.gauss(0, 1) + 0.3 * noise.gauss(0, 1)) for _ in range(20)]
    return {"images": 400, "standard_error": {headline.name: 4.4 * size}, "left_out": left_out}


def timing(metrics):
    """Times of a run's stages: 2 TFLOPs a second and 40 J a second, three quarters of a second for pruning."""
    stages = []
    for stage in metrics["cost"]["stages"]:
        seconds = stage["training_flops"] / 2e12 + 0.75 * (stage["name"] == "prune")
        stages.append({"name": stage["name"], "seconds": seconds, "joules": 40 * seconds, "reason": None})
    sums = {key: sum(stage[key] for stage in stages) for key in ("seconds", "joules")}
    return {"format": "edgeprune.timing", "version": 1, "cost": {**sums, "reasons": {}, "stages": stages}}


def measured(metrics, device, runtime):
    """A measurement: the laptop `local` tells no energy, any other device has an estimate of it."""
    noise = random.Random(f"{metrics['variant']}{metrics['seed']}{device}{runtime}")
    dense = (0.9 if device == "local" else 7.5) * (0.35 if runtime == "int8" else 1)
    keep = metrics["complexity"]["flops"] / DENSE["flops"]
    p50 = dense * (0.25 + 0.75 * keep) * noise.uniform(0.97, 1.03)
    reference = dense / (0.35 if runtime == "int8" else 1)
    params = metrics["complexity"]["params"]
    estimated = device != "local"
    score = metrics["test"][tasks.get(metrics["task"]).headline.name]
    return {
        "format": "edgeprune.measurement", "version": 3, "device": device, "kind": "local", "runtime": runtime,
        "run": identity.copied(metrics, KEYS), "reference": {"latency_ms": {"p50": reference}},
        "speedup": reference / p50, "speedup_low": 0.97 * reference / p50, "speedup_high": 1.03 * reference / p50,
        "accuracy": score - (0.006 + 0.002 * noise.random() if runtime == "int8" else 0),
        "cpu_percent": 99.0 + noise.random(), "cpu_ms_per_inference": p50, "idle_rss_bytes": int(55e6),
        "peak_rss_bytes": int(60e6 + (2 if runtime == "int8" else 5) * params),
        "model_rss_bytes": int(5e6 + (2 if runtime == "int8" else 5) * params), "resolution": None,
        "model_bytes": (1 if runtime == "int8" else 4) * params + 3000,
        "energy_mj": 2.5 * p50 if estimated else None, "energy_source": "estimated" if estimated else None,
        "engine": "onnxruntime", "warnings": [],
        "reasons": {} if estimated else {"energy_mj": "no sensor can be read"},
        "latency_ms": {"p50": p50, "p90": p50 * 1.1, "p99": p50 * 1.4, "mean": p50 * 1.03, "std": p50 * 0.1,
                       "iqr": p50 * 0.08, "iterations": 500},
        "fingerprint": {"cpu_model": f"made up for {device}", "cores": 4, "threads": 1, "os": "none"},
    }  # fmt: skip


def unreachable(metrics, device, runtime):
    """What stands in a measurement's place when the device was not there."""
    there = measured(metrics, device, runtime)
    numbers = there.keys() - {"format", "version", "device", "kind", "runtime", "run", "reasons", "fingerprint"}
    return {
        "format": "edgeprune.measurement", "version": 3, "device": device, "kind": "ssh", "runtime": runtime,
        "run": identity.copied(metrics, KEYS), **dict.fromkeys(sorted(numbers)), "fingerprint": None,
        "unreachable": True, "reasons": {"unreachable": f"{device} does not answer"},
    }  # fmt: skip


def _stage(name, epochs, flops):
    return {"name": name, "epochs": epochs, "images": 1400 * epochs, "training_flops": flops}


def _write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
    return path
