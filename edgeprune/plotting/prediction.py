"""Predicted against measured latency, one marker for each run, the line of equality and a band of 15 % about it."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from edgeprune import identity
from edgeprune.complexity.profile import Profile
from edgeprune.errors import EdgepruneError
from edgeprune.plotting import style
from edgeprune.reporting import Row, planned, runs, script, units
from edgeprune.reporting.captions import escape
from edgeprune.reporting.latency import SAID
from edgeprune.sampling.plan import Plan
from edgeprune.sampling.predicted_latency import latency
from edgeprune.sampling.table import CostTable

BAND = 0.15
#: What tells a plan from another where its place does not say which run it is of.
_PLAN = ("method", "mode", "target")
_RUN = ("variant", *_PLAN, "reference", "budget", "plan_seed", "seed")


def add_options(parser: ArgumentParser) -> None:
    """What :func:`make` reads."""
    parser.add_argument("--table", required=True, help="the device's table of the network's layer costs")
    parser.add_argument("--profile", required=True, help="profile.json of the network")
    parser.add_argument("--plans", nargs="+", required=True, help="plans of the runs (or @file with the list)")
    script.add_runs(parser)
    parser.add_argument("--device", required=True, help="its name in the title")
    script.add_pair(parser, required=True)


def make(args: Namespace) -> tuple[Figure, list[Row], str]:
    """The figure, its rows and its caption, as ``scripts/draw_figure.py`` wants them."""
    rows = read(args.table, args.profile, args.plans, script.read_pair(args))
    drawing = draw(rows, f"{args.network} on {args.dataset}, {args.device}")
    return drawing, rows, caption(args.network, args.dataset, args.device, rows)


def read(table: str | Path, profile: str | Path, plans: Iterable[str | Path], measured: Iterable[Row]) -> list[Row]:
    """One row for each run that was measured in fp32 on the table's device.

    Args:
        table, profile: files of the table and of the network's profile.
        plans: files of the runs' plans, in any order.
        measured: rows of :func:`edgeprune.reporting.runs.read` of one network on one dataset.

    Returns:
        list of dict: ``variant, method, mode, target, reference, budget, plan_seed, seed, predicted_ms, measured_ms,
        latency_ms, error`` (of the prediction, as a fraction of :mod:`edgeprune.reporting.latency`'s ``latency_ms``),
        dense first. A run that was not measured (the device was away) is left out.

    Raises:
        EdgepruneError: a file of another kind or network, no run on that device, or one without its plan.
    """
    costs, dense = CostTable.load(table), Profile.load(profile)
    predicted, rows = {}, []
    for path in plans:
        plan = Plan.load(path)
        plan.check(dense)
        key = planned.run_of(path) or (*(getattr(plan, key) for key in _PLAN), plan.seed)
        predicted[key] = latency(dense, costs, plan.widths)
    here = [row for row in measured if (row["device"], row.get("runtime")) == (costs.device, "fp32")]
    if not here:
        problem = f"is of the device {costs.device}, on which no run was measured"
        raise EdgepruneError(problem, file=table, remedy="give a table of a device that runs were measured on")
    for row in here:
        name = identity.seed_name(row["plan_seed"], row["seed"])
        keys = (row["variant"], name), (*(row[part] for part in _PLAN), row["plan_seed"])
        found = next((predicted[key] for key in keys if key in predicted), None)
        if found is None:
            problem = f"measures {row['variant']} of seed {name}, whose plan was not given"
            raise EdgepruneError(problem, file=row["measurement_file"], remedy="name its plan, too")
        if row["latency_ms"] is not None:
            times = {"predicted_ms": found, "latency_ms": row["latency_ms"], "measured_ms": row["latency_p50_ms"]}
            rows.append({key: row[key] for key in _RUN} | times | {"error": found / row["latency_ms"] - 1})
    return sorted(rows, key=lambda row: (not runs.is_dense(row), row["variant"], row["plan_seed"], row["seed"]))


def draw(rows: Sequence[Row], title: str | None = None) -> Figure:
    """The figure of :func:`read`'s rows."""
    style.setup()
    looks = style.Looks(rows)
    figure, ax = plt.subplots(figsize=(4.6, 4.4), layout="constrained")
    both = [row[key] for row in rows for key in ("predicted_ms", "latency_ms")]
    divisor, unit = units.scale(both, "time")
    low, high = (min(both) / divisor * 0.85, max(both) / divisor * 1.18) if both else (0.5, 2)
    ends = np.array([low, high])
    ax.fill_between(ends, ends * (1 - BAND), ends * (1 + BAND), color="0.92", linewidth=0)
    ax.plot(ends, ends, color=style.GREY, linewidth=1)
    names = {}
    for row in rows:
        look = looks.marker(row, size=6)
        ax.plot(row["predicted_ms"] / divisor, row["latency_ms"] / divisor, linestyle="none", **look)
        names.setdefault(runs.label(row), row)
    ax.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high), aspect="equal")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)) if high > 8 * low else MaxNLocator(6, steps=style.STEPS))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_locator(NullLocator())
    ax.set_xlabel(f"Predicted latency ({unit})")
    ax.set_ylabel(f"Latency, dense/speed-up ({unit})")
    error = mean_error(rows)
    if error is not None:
        ax.text(
            0.03, 0.97, f"mean absolute error {100 * error:.1f} %\n{len(rows)} runs, band ±{100 * BAND:.0f} %",
            transform=ax.transAxes, va="top", fontsize="small",
        )  # fmt: skip
    if title:
        ax.set_title(title)
    handles = [Line2D([], [], linestyle="none", label=name, **looks.marker(row, size=6)) for name, row in names.items()]
    if handles:
        ax.legend(handles=handles, loc="lower right", fontsize="small", ncols=1 if len(handles) < 8 else 2)
    return figure


def mean_error(rows: Sequence[Row]) -> float | None:
    """The mean absolute error as a fraction; None without rows."""
    return sum(abs(row["error"]) for row in rows) / len(rows) if rows else None


def caption(network: str, dataset: str, device: str, rows: Sequence[Row]) -> str:
    """Of the figure, in reStructuredText: the mean error, and the largest one."""
    head = (
        f"**Predicted against measured latency of {escape(network)} on {escape(dataset)}, on {escape(device)}.** The "
        "prediction is the sum of the layers' costs in the device's table at the plan's widths. "
        f"{SAID} The band is ±15 %."
    )
    error = mean_error(rows)
    if error is None:
        return head + " No run was measured.\n"
    worst = max(rows, key=lambda row: abs(row["error"]))
    return (
        f"{head}\n\n- Mean absolute error over {len(rows)} run{'s' if len(rows) > 1 else ''}: "
        f"{100 * error:.1f} %.\n- Largest: {escape(worst['variant'])} of seed "
        f"{identity.seed_name(worst['plan_seed'], worst['seed'])}, predicted "
        f"{worst['predicted_ms']:.3f} ms, measured {worst['latency_ms']:.3f} ms ({100 * worst['error']:+.1f} %).\n"
    ).replace("(-", "(−")
