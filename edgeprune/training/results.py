"""The files of a finished run, as bytes: the network, its history, its metrics, its times."""

import contextlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from edgeprune import files, identity
from edgeprune.sampling import health
from edgeprune.training import checkpoint, cost, device, history
from edgeprune.training.clock import Clock
from edgeprune.training.dataset import Dataset
from edgeprune.training.engine import Engine
from edgeprune.training.job import Job


def model_pt(job: Job, model: nn.Module, epochs: int) -> bytes:
    """The checkpoint: weights and all that is needed to build their network again."""
    dataset = job.dataset
    return checkpoint.to_bytes(
        {
            "network": job.network,
            "factory": job.spec if isinstance(job.spec, dict) else {"factory": job.spec},
            "arguments": json.loads(json.dumps(dataset.task.factory_arguments())),
            "input_shape": list(dataset.input_shape),
            "dataset": dataset.manifest["name"],
            "task": dataset.task.name,
            "variant": job.variant,
            "seed": job.seed,
            "recipe": job.recipe.to_dict(),
            "epochs": epochs,
            "plan": job.plan.to_json(),
            "widths": dict(job.plan.widths),
            "state_dict": checkpoint.weights(model),
        }
    )


def model_onnx(model: nn.Module, dataset: Dataset) -> bytes:
    """The ONNX file, checked against the network."""
    from edgeprune.export import onnx as exporter

    data = exporter.to_bytes(model, dataset.input_shape)
    difference = exporter.check(data, model, dataset.input_shape)
    print(f"model.onnx: ONNX Runtime's output differs by at most {difference:.1e}", file=sys.stderr)
    return data


def metrics(
    job: Job,
    engine: Engine,
    test: dict[str, float],
    uncertainty: dict[str, Any],
    sizes: Mapping[str, int],
    flops: int,
) -> dict[str, Any]:
    """``metrics.json``: no times, so that equal runs give equal files. ``flops``: of a forward pass in training;
    ``uncertainty``: of the validation score, :meth:`edgeprune.tasks.jackknife.Jackknife.uncertainty`."""
    plan, dataset, last = job.plan, job.dataset, engine.history[-1]
    stages, _ = cost.earlier(job.earlier)
    stages = stages + [cost.work(job.stage, job.variant, len(engine.history), engine.images, flops)]
    run = {
        "network": job.network,
        "dataset": dataset.manifest["name"],
        "task": dataset.task.name,
        "variant": job.variant,
        "method": plan.method,
        "mode": plan.mode,
        "target": plan.target,
        "seed": job.seed,
        "plan_seed": plan.seed,
        "budget": job.budget,
        **({"reference": job.reference} if job.reference else {}),
    }
    return {
        "format": "edgeprune.metrics",
        "version": 1,
        **identity.completed(run),
        "test": test,
        "val": {name.removeprefix("val_"): value for name, value in last.items() if name.startswith("val_")},
        "val_uncertainty": uncertainty,
        "complexity": dict(plan.totals),
        "dense": dict(plan.dense_totals),
        "reduction": dict(plan.reduction),
        "health": health.of(plan),
        "cost": cost.total_work(stages),
        "recipe": job.recipe.to_dict(),
        "engine": {"device": dataset.device.type, "precision": engine.precision, "threads": job.threads},
        "model_bytes": {"checkpoint": sizes["model.pt"], "onnx": sizes.get("model.onnx")},
        "reasons": {} if "model.onnx" in sizes else {"model_bytes.onnx": "not exported, as asked"},
    }


def timing(job: Job, engine: Engine, clock: Clock) -> dict[str, Any]:
    """``timing.json``: what the run took, interruptions left out, and what all its stages took together."""
    _, stages = cost.earlier(job.earlier)
    seconds, joules = clock.read()
    here = {"name": job.stage, "seconds": seconds, "joules": joules, "reason": clock.reason}
    return {
        "format": "edgeprune.timing",
        "version": 1,
        "seconds": {"total": seconds, **engine.seconds},
        "images_per_second": engine.images / engine.seconds["training"] if engine.seconds["training"] else None,
        "joules": joules,
        "reasons": {"joules": clock.reason} if joules is None else {},
        "joules_method": clock.method,
        "cost": cost.total_time(stages + [here]),
        "device": job.dataset.device.type,
        "device_name": device.describe(job.dataset.device),
        "hardware": clock.hardware,
        "threads": job.threads,
        "torch": torch.__version__,
    }


def as_json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n").encode()


def history_csv(engine: Engine) -> bytes:
    return history.to_csv(engine.history).encode()


def write(folder: Path, contents: Mapping[str, bytes]) -> None:
    """All files or, after an error while writing, none: they are renamed when all of them lie ready.

    What earlier, killed attempts left of them under temporary names is removed.
    """
    with contextlib.ExitStack() as stack:
        # the first to be entered is the last to be renamed: where metrics.json is new, so is all the rest
        for name in sorted(contents, key=lambda n: n != "metrics.json"):
            stack.enter_context(files.replacing(folder / name)).write_bytes(contents[name])
    for name in contents:
        files.remove_remains(folder / name)
