"""Filters of each layer: the dense network's as grey bars, what the plans of each mode keep as markers."""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from edgeprune.errors import EdgepruneError
from edgeprune.plotting import style
from edgeprune.plotting.layer_complexity import short_names
from edgeprune.reporting import Row, planned, runs, script
from edgeprune.reporting.captions import escape
from edgeprune.sampling.plan import Plan

ROW = 2.1  # inches of a panel's height
DENSE = {"color": "0.55", "linewidth": 2.2}
NAMED = 60  # more layers than that are numbered


def add_options(parser: ArgumentParser) -> None:
    """What :func:`make` reads."""
    parser.add_argument("--plans", nargs="+", required=True, help="plans of one network on one dataset (or @file)")
    parser.add_argument("--variants", default={}, type=json.loads, help="references and budgets of the grid's variants")
    script.add_pair(parser, required=True)


def make(args: Namespace) -> tuple[Figure, list[Row], str]:
    """The figure, its rows and its caption, as ``scripts/draw_figure.py`` wants them."""
    rows = read(args.plans, args.variants)
    return draw(rows, f"{args.network} on {args.dataset}"), rows, caption(args.network, args.dataset, rows)


def read(paths: Iterable[str | Path], variants: Mapping[str, Row] | None = None) -> list[Row]:
    """One dict for each plan and layer: ``variant, method, mode, target, reference, budget, seed, series, layer,
    dense, kept``.

    ``variant`` tells plans apart that differ in more than the seed; ``series`` is what the legend calls them.

    Args:
        paths: of plans.
        variants: ``{variant: {"reference", "budget"}}`` of the grid, for plans that lie where the pipeline puts them.

    Raises:
        EdgepruneError: a file is not a plan, or plans have different layers.
    """
    rows, layers = [], []
    for path in paths:
        plan = Plan.load(path)
        layers = layers or list(plan.layers)
        if list(plan.layers) != layers:
            raise EdgepruneError("is a plan for another network", file=path, remedy="give plans of one network")
        row = {"method": plan.method, "mode": plan.mode, "target": plan.target}
        name = "-".join(str(value) for value in row.values() if value is not None)
        variant, _ = planned.run_of(path) or (name, None)
        row |= {"reference": None, "budget": None} | (variants or {}).get(variant, {})
        series = runs.label(row)
        for layer, (dense, kept) in plan.layers.items():
            rows.append(
                {
                    "variant": variant,
                    **row,
                    "seed": plan.seed,
                    "series": series,
                    "layer": layer,
                    "dense": dense,
                    "kept": kept,
                }
            )
    place = {layer: index for index, layer in enumerate(layers)}
    return sorted(rows, key=lambda row: (_order(row), place[row["layer"]]))


def draw(rows: Sequence[Row], title: str | None = None) -> Figure:
    """The figure of :func:`read`'s rows: one panel for each target or budget, below each other; markers are means over
    the runs, whiskers one sample standard deviation.
    """
    style.setup()
    pruned = [row for row in rows if row["method"] != "dense"]
    layers = list(dict.fromkeys(row["layer"] for row in rows))
    dense = {row["layer"]: row["dense"] for row in rows}
    targets = sorted({(row["target"], row["budget"]) for row in pruned}, key=_place) or [(None, None)]
    size = min(max(0.34 * len(layers) + 1.6, 4.5), 10), ROW * len(targets) + 0.9
    figure, axes = plt.subplots(
        len(targets), 1, figsize=size, sharex=True, sharey=True, squeeze=False, layout="constrained"
    )
    series, looks = {}, style.Looks(rows)
    for row in sorted(pruned, key=_order):
        series.setdefault(row["series"], row)
    places = np.arange(len(layers))
    for ax, target in zip(axes[:, 0], targets):
        for place in places[::2]:
            ax.axvspan(place - 0.5, place + 0.5, color="0.96", linewidth=0, zorder=0)
        ax.hlines([dense[layer] for layer in layers], places - 0.46, places + 0.46, **DENSE)
        for index, (name, first) in enumerate(series.items()):
            kept = {}
            for row in pruned:
                if (row["series"], row["target"], row["budget"]) == (name, *target):
                    kept.setdefault(row["layer"], []).append(row["kept"])
            if not kept:
                continue
            shift = 0.72 * ((index + 0.5) / len(series) - 0.5)
            mean = [np.mean(kept[layer]) for layer in layers]
            spread = [np.std(kept[layer], ddof=1) if len(kept[layer]) > 1 else 0 for layer in layers]
            look = looks.marker(first, size=4.5 if len(layers) <= 20 else 3.8)
            ax.errorbar(places + shift, mean, yerr=spread, linestyle="", elinewidth=0.8, zorder=3, **look)
        ax.set_title(_title(*target), fontsize="small", loc="left")
        ax.set_ylabel("Filters")
        ax.grid(visible=False, axis="x")
        _scale(ax, [row["kept"] for row in rows] + list(dense.values()))
    _name_layers(axes[-1, 0], layers)
    if title:
        figure.suptitle(title, fontsize="medium")
    handles = [Line2D([], [], label="dense", **DENSE)]
    for name, row in series.items():
        handles.append(Line2D([], [], linestyle="", label=name, **looks.marker(row, size=6)))
    figure.legend(handles=handles, loc="outside lower center", ncols=int(size[0] / 1.3), fontsize="small")
    return figure


def _place(target: tuple[float | None, str | None]) -> tuple[bool, float, str]:
    """Sort key of a panel: targets come before budgets."""
    return target[0] is None, target[0] or 0, target[1] or ""


def _title(target: float | None, budget: str | None) -> str:
    if target is not None:
        return f"target −{100 * target:g} %"
    return f"budget {budget}" if budget else ""


def _order(row: Row) -> tuple:
    known = {"network": "", "dataset": "", "device": None, "variant": ""}
    return runs.order({**known, **row})


def _scale(ax: Axes, values: Sequence[int]) -> None:
    """Powers of two where the values span more than a factor of 8, so that narrow layers can be read too."""
    if max(values) <= 8 * min(values):
        ax.set_ylim(0, 1.08 * max(values))
        return
    ax.set_yscale("log", base=2)
    ax.yaxis.set_major_locator(LogLocator(base=2 if max(values) <= 64 * min(values) else 4))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.set_ylim(min(values) / 1.4, 1.4 * max(values))


def _name_layers(ax: Axes, layers: Sequence[str]) -> None:
    ax.set_xlim(-0.6, len(layers) - 0.4)
    if len(layers) > NAMED:
        ax.set_xlabel("Layer, in the order of the forward pass")
        return
    ax.set_xlabel("Layer")
    size = "small" if len(layers) <= 20 else "xx-small"
    ax.set_xticks(range(len(layers)), short_names(layers), rotation=90, fontsize=size)


def caption(network: str, dataset: str, rows: Sequence[Row]) -> str:
    """Of the widths by layer: per mode, the layer that was thinned most.

    Args:
        rows: what :func:`read` made: one for each plan and layer.
    """
    rows = [row for row in rows if row["method"] != "dense"]
    plans = sum(row["layer"] == rows[0]["layer"] for row in rows)  # one for each run, whatever seeds runs share
    lines = [
        f"**Filters that the plans keep in each layer of {escape(network)} on {escape(dataset)}.** Grey bars are "
        f"the dense network, markers means over the plans of a variant's runs ({plans} in all), whiskers one sample "
        "standard deviation.",
        "",
    ]
    kept = {}
    for row in rows:
        per_layer = kept.setdefault((row["series"], row["target"]), {})
        per_layer.setdefault(row["layer"], []).append(row["kept"] / row["dense"])
    for (series, target), layers in kept.items():
        means = {layer: sum(values) / len(values) for layer, values in layers.items()}
        thinnest = min(means, key=means.__getitem__)
        share = "" if target is None else f" at −{100 * target:g} %"
        lines.append(f"- {escape(series)}{share}: {escape(thinnest)} keeps least, {100 * means[thinnest]:.0f} %.")
    return "\n".join(lines) + "\n"
