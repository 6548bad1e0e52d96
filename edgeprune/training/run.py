"""One run of the grid: dataset, network, plan, recipe and seed in; weights, history and metrics out."""

import contextlib
import json
import sys
import time
from pathlib import Path

import torch

from edgeprune import files
from edgeprune.complexity.profile import Profile
from edgeprune.errors import EdgepruneError
from edgeprune.networks.resolve import build
from edgeprune.sampling.plan import Plan
from edgeprune.surgery.prune import prune
from edgeprune.training import checkpoint, device, history
from edgeprune.training.dataset import Dataset
from edgeprune.training.engine import Engine, evaluate
from edgeprune.training.recipe import Recipe
from edgeprune.training.seeds import derive

#: FLOPs of a training step over those of a forward pass: one more for the gradient of the activations, one for that of
#: the weights (the usual estimate, e.g. Kaplan et al., 2020). Batch norm, activations and the optimiser are left out.
STEP_OVER_FORWARD = 3


def run(*, network, spec, data, profile, plan, recipe, seed, variant, out, threads=None, onnx=True):
    """Train one pruned (or dense) network from scratch and write the run's files.

    Args:
        network: its name in the configuration.
        spec: its factory, see :func:`edgeprune.networks.resolve.build`.
        data: folder of a fetched dataset.
        profile, plan: files.
        recipe: settings, see :class:`Recipe`.
        seed: everything random in the training follows from it.
        variant: the run's key in the grid.
        out: folder for ``model.pt``, ``model.onnx``, ``history.csv``, ``metrics.json``, ``timing.json``.
        threads: CPU threads, instead of the recipe's.
        onnx: whether to write ``model.onnx``.

    Returns:
        dict: the content of ``metrics.json``.

    Raises:
        EdgepruneError: bad input, divergence, or a network that cannot be exported. No file is changed then.
    """
    with _naming(network):
        return _run(network, spec, data, profile, plan, recipe, seed, variant, Path(out), threads, onnx)


def _run(network, spec, data, profile, plan, recipe, seed, variant, out, threads, onnx):
    start = time.perf_counter()
    recipe = Recipe.from_dict(recipe)
    target_device = device.choose(recipe.device)
    threads = threads or recipe.threads
    device.prepare(target_device, threads)
    dataset = Dataset(data, target_device)
    plan = Plan.load(plan).attach(Profile.load(profile))
    model = initialised(network, spec, dataset, plan, seed).to(target_device)
    if onnx:
        from edgeprune.export import onnx as exporter

        exporter.to_bytes(model, dataset.input_shape)  # what can't be exported should not cost a training first

    engine = Engine(model, dataset, recipe, seed)
    engine.run(report=history.LiveLine(dataset.task.headline, recipe.epochs))
    last = engine.history[-1]
    begin = time.perf_counter()
    test = evaluate(model, dataset, "test", recipe.eval_batch_size)
    engine.refuse_nan(test["loss"], recipe.epochs - 1, "test")
    engine.seconds["evaluation"] += time.perf_counter() - begin

    checkpoint_bytes = checkpoint.to_bytes(
        {
            "network": network,
            "factory": spec if isinstance(spec, dict) else {"factory": spec},
            "arguments": json.loads(json.dumps(dataset.task.factory_arguments(dataset.manifest))),
            "input_shape": list(dataset.input_shape),
            "dataset": dataset.manifest["name"],
            "task": dataset.task.name,
            "variant": variant,
            "seed": seed,
            "recipe": recipe.to_dict(),
            "plan": plan.to_json(),
            "widths": dict(plan.widths),
            "state_dict": checkpoint.weights(model),
        }
    )
    contents = {"model.pt": checkpoint_bytes}
    if onnx:
        contents["model.onnx"] = exporter.to_bytes(model, dataset.input_shape)
        difference = exporter.check(contents["model.onnx"], model, dataset.input_shape)
        print(f"model.onnx: ONNX Runtime's output differs by at most {difference:.1e}", file=sys.stderr)
    contents["history.csv"] = history.to_csv(engine.history).encode()
    metrics = {
        "format": "edgeprune.metrics",
        "version": 1,
        "network": network,
        "dataset": dataset.manifest["name"],
        "task": dataset.task.name,
        "variant": variant,
        "method": plan.method,
        "mode": plan.mode,
        "target": plan.target,
        "seed": seed,
        "test": test,
        "val": {name.removeprefix("val_"): value for name, value in last.items() if name.startswith("val_")},
        "complexity": dict(plan.totals),
        "dense": dict(plan.dense_totals),
        "reduction": dict(plan.reduction),
        "cost": {
            "epochs": recipe.epochs,
            "images": engine.images,
            "training_flops": STEP_OVER_FORWARD * plan.totals["flops"] * engine.images,
            "training_flops_method": f"estimate: {STEP_OVER_FORWARD} x forward FLOPs x images x epochs",
        },
        "model_bytes": {"checkpoint": len(checkpoint_bytes), "onnx": len(contents["model.onnx"]) if onnx else None},
        "reasons": {} if onnx else {"model_bytes.onnx": "not exported, as asked"},
    }
    contents["metrics.json"] = _json(metrics)
    total = time.perf_counter() - start
    contents["timing.json"] = _json(_timing(engine, total, target_device, threads))
    _write(out, contents)
    headline = dataset.task.headline
    print(
        f"test {headline.label} {test[headline.name] * headline.scale:.2f}, {plan.totals['params']:,} parameters, "
        f"{plan.totals['macs']:,} MACs, {total:.1f} s",
        file=sys.stderr,
    )
    return metrics


def initialised(network, spec, dataset, plan, seed):
    """The plan's network with fresh weights, checked against the dataset.

    The dense network goes the same way, so that all variants start from the modules' own rules, whatever the factory
    did to its weights.

    Raises:
        EdgepruneError: the factory fails, the output doesn't fit the dataset, or the plan is another network's.
    """
    torch.manual_seed(derive(seed, "initialise"))  # for what no module of the network can set anew
    model = build(spec, name=network, **dataset.task.factory_arguments(dataset.manifest))
    check_output(model, dataset, network)
    torch.manual_seed(derive(seed, "initialise"))
    return prune(model, plan)


def check_output(model, dataset, network):
    """Refuse a network that cannot take the dataset's images or whose output doesn't fit its targets."""
    model.eval()
    sample = torch.zeros(1, *dataset.input_shape, device=next(model.parameters()).device)
    try:
        with torch.no_grad():
            output = model(sample)
    except Exception as error:  # the user's forward may raise anything
        raise EdgepruneError(
            f"the network fails on an input of {tuple(sample.shape)}: {type(error).__name__}: {error}",
            key=f"networks.{network}.args",
            remedy="choose a network, or arguments of its factory, that suit this dataset's images",
        ) from error
    dataset.task.check_output(output, dataset.manifest, key=f"networks.{network}.args")


def _timing(engine, total, target_device, threads):
    return {
        "format": "edgeprune.timing",
        "version": 1,
        "seconds": {"total": total, **engine.seconds},
        "images_per_second": engine.images / engine.seconds["training"],
        "device": target_device.type,
        "device_name": device.describe(target_device),
        "threads": threads,
        "torch": torch.__version__,
    }


def _json(value):
    return (json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n").encode()


def _write(folder, contents):
    """All files or, after an error while writing, none: they are renamed when all of them lie ready."""
    with contextlib.ExitStack() as stack:
        # the first to be entered is the last to be renamed: where metrics.json is new, so is all the rest
        for name in sorted(contents, key=lambda n: n != "metrics.json"):
            stack.enter_context(files.replacing(folder / name)).write_bytes(contents[name])


@contextlib.contextmanager
def _naming(network):
    """Errors about a recipe name the network's entry in the configuration."""
    try:
        yield
    except EdgepruneError as error:
        if not str(error.key).startswith("recipes.*"):
            raise
        key = error.key.replace("*", network, 1)
        raise EdgepruneError(error.problem, file=error.file, key=key, remedy=error.remedy) from error
