"""Predicted against measured latency, one marker for each run, the line of equality and a band of 15 % about it."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from edgeprune import files, identity
from edgeprune.complexity.profile import Profile
from edgeprune.errors import EdgepruneError
from edgeprune.plotting import style
from edgeprune.reporting import Row, columns, planned, runs, script, units
from edgeprune.reporting import latency as measured
from edgeprune.reporting.captions import escape
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
    parser.add_argument("--measurements", nargs="+", required=True, help="their measurements on that device (or @file)")
    parser.add_argument("--device", required=True, help="its name in the title")
    script.add_pair(parser, required=True)


def make(args: Namespace) -> tuple[Figure, list[Row], str]:
    """The figure, its rows and its caption, as ``scripts/draw_figure.py`` wants them."""
    rows = read(args.table, args.profile, args.plans, args.measurements)
    drawing = draw(rows, f"{args.network} on {args.dataset}, {args.device}")
    return drawing, rows, caption(args.network, args.dataset, args.device, rows)


def read(
    table: str | Path, profile: str | Path, plans: Iterable[str | Path], measurements: Iterable[str | Path]
) -> list[Row]:
    """One row for each run that was measured on the table's device.

    Args:
        table, profile: files of the table and of the network's profile.
        plans, measurements: files of the runs' plans and measurements, in any order.

    Returns:
        list of dict: ``variant, method, mode, target, reference, budget, plan_seed, seed, predicted_ms, measured_ms,
        latency_ms, error`` (of the prediction, as a fraction of :mod:`edgeprune.reporting.latency`'s ``latency_ms``),
        dense first. A run that was not measured (the device was away) is left out.

    Raises:
        EdgepruneError: a file of another kind, network or device, or a measurement without its plan.
    """
    costs, dense = CostTable.load(table), Profile.load(profile)
    predicted, rows = {}, []
    for path in plans:
        plan = Plan.load(path)
        plan.check(dense)
        key = planned.run_of(path) or (*(getattr(plan, key) for key in _PLAN), plan.seed)
        predicted[key] = latency(dense, costs, plan.widths)
    for path in measurements:
        value = files.read_json(path)
        run = value.get("run") if isinstance(value, dict) and value.get("format") == "edgeprune.measurement" else None
        if not run or value["device"] != costs.device:
            raise EdgepruneError(f"is not a run's measurement on {costs.device}", file=path, remedy="give one that is")
        run = identity.completed(run)
        name = identity.seed_name(run["plan_seed"], run["seed"])
        keys = (run["variant"], name), (*(run[part] for part in _PLAN), run["plan_seed"])
        found = next((predicted[key] for key in keys if key in predicted), None)
        if found is None:
            raise EdgepruneError(f"measures {run['variant']} of seed {name}, whose plan was not given", file=path)
        if value["latency_ms"] is None:
            continue
        rows.append(run | columns.of_measurement(value, path) | {"predicted_ms": found})
    rows = [
        {key: row[key] for key in (*_RUN, "predicted_ms", "latency_ms")}
        | {"measured_ms": row["latency_p50_ms"], "error": row["predicted_ms"] / row["latency_ms"] - 1}
        for row in measured.comparable(rows)
    ]
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
    ax.set_ylabel(f"Latency, dense / speed-up ({unit})")
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
        f"{measured.SAID} The band is ±15 %."
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
