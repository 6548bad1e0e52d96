"""One run of the grid: dataset, network, plan, recipe and seed in; weights, history and metrics out."""

import contextlib
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from edgeprune.errors import EdgepruneError
from edgeprune.networks.resolve import build_for
from edgeprune.sampling.plan import Plan
from edgeprune.surgery.prune import prune
from edgeprune.surgery.verify import counted
from edgeprune.tasks.jackknife import Jackknife
from edgeprune.training import budget, history, initial, results
from edgeprune.training.clock import Clock
from edgeprune.training.dataset import Dataset
from edgeprune.training.engine import Diverged, Engine, evaluate
from edgeprune.training.job import Job
from edgeprune.training.seeds import derive
from edgeprune.training.state import States, key
from edgeprune.training.stopping import Stopped, listening


def run(*, network: str, **settings: Any) -> dict[str, Any]:
    """Train one pruned (or dense) network and write the run's files.

    Args:
        network, settings: the arguments of :meth:`edgeprune.training.job.Job.open`.

    Returns:
        dict: the content of ``metrics.json``.

    Raises:
        EdgepruneError: bad input, divergence, or a network that cannot be exported. No file under ``out`` is changed
            then.
    """
    with _naming(network):
        return _run(Job.open(network=network, **settings))


def _run(job: Job) -> dict[str, Any]:
    clock = Clock(job.dataset.device)
    model = initialised(job.network, job.spec, job.dataset, job.plan, job.seed)
    if job.initial:
        initial.load_into(model, job.initial)
    model = model.to(job.dataset.device)
    if job.onnx:
        from edgeprune.export import onnx as exporter

        exporter.to_bytes(model, job.dataset.input_shape)  # what can't be exported should not cost a training first

    flops = forward_flops(job, model)
    epochs = budget.epochs(job.recipe, job.plan, fine_tuning=job.initial is not None)
    if epochs != job.recipe.epochs:
        print(f"{epochs} epochs, {job.recipe.epochs} for the dense network: the same training FLOPs", file=sys.stderr)
    engine = Engine(model, job.dataset, job.recipe, job.seed, epochs)
    states = States(job.state, key(job, engine.precision)) if job.state else None
    _train(job, engine, states, clock)

    model, begin = engine.trained, time.perf_counter()
    test = evaluate(model, job.dataset, "test", job.recipe.eval_batch_size)
    engine.refuse_nan(test["loss"], epochs - 1, "test")
    jackknife = Jackknife(job.dataset.task, len(job.dataset.samples("val")))
    evaluate(model, job.dataset, "val", job.recipe.eval_batch_size, jackknife)
    engine.seconds["evaluation"] += time.perf_counter() - begin

    contents = {"model.pt": results.model_pt(job, model, len(engine.history))}
    if job.onnx:
        contents["model.onnx"] = results.model_onnx(model, job.dataset)
    contents["history.csv"] = results.history_csv(engine)
    sizes = {name: len(data) for name, data in contents.items()}
    metrics = results.metrics(job, engine, test, jackknife.uncertainty(), sizes, flops)
    contents["metrics.json"] = results.as_json(metrics)
    contents["timing.json"] = results.as_json(results.timing(job, engine, clock))
    results.write(job.out, contents)
    if states:
        states.remove()
    headline = job.dataset.task.headline
    print(
        f"test {headline.label} {test[headline.name] * headline.scale:.2f}, {job.plan.totals['params']:,} parameters, "
        f"{job.plan.totals['macs']:,} MACs, {clock.read()[0]:.1f} s",
        file=sys.stderr,
    )
    return metrics


def _train(job: Job, engine: Engine, states: States | None, clock: Clock) -> None:
    """Train to the end, from a kept state if there is one; raise :class:`Stopped` after a signal."""
    found = states.newest() if states else None
    if found:
        path, value = found
        engine.load_state_dict(value["engine"])
        clock.load_state_dict(value["clock"])
        print(f"going on from {path}: {len(engine.history)} of {engine.recipe.epochs} epochs are done", file=sys.stderr)
        if len(clock.hardware) > 1:
            print(
                f"warning: this training ran on other hardware too ({' | '.join(clock.hardware)}): its last bits may "
                "differ from those of a training on one machine",
                file=sys.stderr,
            )

    def keep(engine: Engine) -> Path | None:
        if states:
            return states.save(*engine.position, {"engine": engine.state_dict(), "clock": clock.state_dict()})

    line = history.LiveLine(job.dataset.task.headline, engine.recipe.epochs)
    try:
        with listening() as signal, history.events(job.tensorboard, len(engine.history)) as events:

            def report(row: dict[str, Any], images_per_second: float, seconds_left: float) -> None:
                line(row, images_per_second, seconds_left)
                events(row, images_per_second, seconds_left)

            finished = engine.run(report=report, after_epoch=keep, stop=signal)
            kept = None if finished else keep(engine)  # while still listening: Slurm sends SIGTERM more than once
    except Diverged as error:
        kept = states.last() if states else None
        if kept is None:
            raise
        remedy = f"{error.remedy}; the last good state is {kept}"
        raise Diverged(error.problem, key=error.key, remedy=remedy) from error
    if not finished:
        epoch, step = engine.position
        raise Stopped(
            f"stopped by {signal()} in epoch {epoch + 1}, after {step} steps of it"
            + ("" if kept else "; nothing is kept"),
            file=kept,
            remedy="run the same command again to go on from there" if kept else "give --state to keep states",
        )


def forward_flops(job: Job, model: nn.Module) -> int:
    """FLOPs of a forward pass in training: the plan's, or those of a patch, as the plan's are for the deploy size.

    Raises:
        EdgepruneError: the network cannot take the patch.
    """
    side = job.recipe.patch
    if not side:
        return job.plan.totals["flops"]
    try:
        return 2 * counted(model, [(job.dataset.input_shape[0], side, side)])["macs"]
    except Exception as error:  # the user's forward may raise anything
        raise EdgepruneError(
            f"{job.network} fails on a patch of {side} x {side}: {type(error).__name__}: {error}",
            key="recipes.*.patch",
            remedy="choose a size that the network takes, as a multiple of its stride; or leave patch out",
        ) from error


def initialised(network: str, spec: str | Mapping[str, Any], dataset: Dataset, plan: Plan, seed: int) -> nn.Module:
    """The plan's network with fresh weights, checked against the dataset.

    The dense network goes the same way, so that all variants start from the modules' own rules, whatever the factory
    did to its weights.

    Raises:
        EdgepruneError: the factory fails, the output doesn't fit the dataset, or the plan is another network's.
    """
    torch.manual_seed(derive(seed, "initialise"))  # for what no module of the network can set anew
    model = build_for(dataset.task, spec, network)
    torch.manual_seed(derive(seed, "initialise"))
    return prune(model, plan)


@contextlib.contextmanager
def _naming(network: str) -> Iterator[None]:
    """Errors about a recipe name the network's entry in the configuration."""
    try:
        yield
    except EdgepruneError as error:
        if not str(error.key).startswith("recipes.*"):
            raise
        key = str(error.key).replace("*", network, 1)
        raise EdgepruneError(error.problem, file=error.file, key=key, remedy=error.remedy) from error
