"""The score against the whole cost of training, and that cost stage by stage, of one network and dataset."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from edgeprune.names import BASELINES
from edgeprune.plotting import style, tradeoff
from edgeprune.reporting import Row, engines, pairs, runs, script, units
from edgeprune.reporting.captions import escape, score
from edgeprune.reporting.columns import STAGES

TRAINING = tradeoff.Facet("training_flops", "Training compute, estimated", "flops")
#: What bars are drawn of, where it is known.
COSTS = (
    TRAINING,
    tradeoff.Facet("training_seconds", "Training time", "seconds"),
    tradeoff.Facet("training_joules", "Training energy", "joules"),
)
#: What the caption calls the columns.
NOUNS = {"training_flops": "compute", "training_seconds": "time", "training_joules": "energy"}
BAR = 0.17  # inches of the figure's height
#: Stages before the last one; the last has the series' colour.
EARLIER: dict[str, dict[str, Any]] = {
    "train": {"facecolor": "white", "edgecolor": style.GREY, "hatch": "/////", "linewidth": 0.6},
    "prune": {"facecolor": "0.8", "edgecolor": "0.2", "hatch": "xxxxx", "linewidth": 0.6},
}


def add_options(parser: ArgumentParser) -> None:
    """What :func:`make` reads: the runs of one network on one dataset."""
    script.add_runs(parser)
    script.add_pair(parser)


def make(args: Namespace) -> tuple[Figure, list[Row], str]:
    """The figure, its rows and its caption, as ``scripts/draw_figure.py`` wants them."""
    return script.figure(runs.once(script.read_pair(args)), draw, caption)


def draw(rows: Sequence[Row], title: str | None = None) -> Figure:
    """The figure of :func:`edgeprune.reporting.runs.read`'s rows of one network and dataset.

    Left: the headline metric against training FLOPs, as in the figure of the trade-off. Then a panel for each of FLOPs,
    seconds and joules that is known, with a bar for each variant, stacked by stage: hatched the dense training that
    weights come from, crossed the pruning, filled the training of the network itself; beside each bar its ratio to the
    dense training where that is there.
    """
    style.setup()
    rows = runs.once(rows)
    metric, groups, looks = runs.headline(rows), runs.group(rows), style.Looks(rows)
    known = [facet for facet in COSTS if any(row[facet.column] is not None for row in groups)]
    figure, axes = plt.subplots(
        1,
        1 + len(known),
        figsize=(4.4 + 2.4 * len(known), max(3.2, BAR * len(groups) + 1.5)),
        width_ratios=(1.3, *[1] * len(known)),
        layout="constrained",
    )
    means = tradeoff.panel(axes[0], TRAINING, rows, metric, looks)
    axes[0].set_ylabel(f"Test {units.inside(metric.label)}")
    for index, (facet, ax) in enumerate(zip(known, axes[1:])):
        _bars(ax, facet, groups, looks, names=index == 0)
    handles: list[Artist] = [*tradeoff.legend(rows)]
    if any(row["earlier_training_flops"] for row in groups):
        handles.append(Patch(label="dense training before", **EARLIER["train"]))
        handles.append(Patch(label="pruning", **EARLIER["prune"]))
        handles.append(Patch(label="training or fine-tuning", color=style.GREY, linewidth=0))
    figure.legend(handles=handles, loc="outside lower center", ncols=min(7, len(handles)), fontsize="small")
    tradeoff.finish(figure, title, {axes[0]: means})
    return figure


def stages(row: Row, column: str) -> list[tuple[str, float]]:
    """``[(stage, value)]`` of a row's cost, in the order of time; the last is the training of the network itself."""
    found = [(stage, row[f"stage_{stage}_{column}"]) for stage in STAGES]
    return [(stage, value) for stage, value in found if value is not None]


def _bars(ax: Axes, facet: tradeoff.Facet, groups: Sequence[Row], looks: style.Looks, names: bool) -> None:
    divisor, unit = units.scale([row[facet.column] for row in groups], facet.kind)
    dense = next((row[facet.column] for row in groups if runs.is_dense(row)), None)
    for place, row in enumerate(groups):
        if row[facet.column] is None:
            ax.annotate(
                "not known", (0, place), xytext=(3, 0), textcoords="offset points", va="center", fontsize="x-small"
            )
            continue
        parts, start = stages(row, facet.column), 0
        for stage, value in parts:
            own = stage == parts[-1][0]
            look: dict[str, Any] = EARLIER[stage] if not own else {"color": looks.marker(row)["color"], "linewidth": 0}
            ax.barh(place, value / divisor, left=start / divisor, height=0.7, **look)
            start += value
        spread = row[f"{facet.column}_std"] or 0
        if spread:
            ax.errorbar(start / divisor, place, xerr=spread / divisor, color="0.5", elinewidth=1, capsize=2)
        if dense:
            ax.annotate(
                f"{start / dense:.2f}×", ((start + spread) / divisor, place), xytext=(3, 0), textcoords="offset points",
                va="center", fontsize="x-small",
            )  # fmt: skip
    size = "small" if len(groups) <= 20 else "x-small"
    ax.set_yticks(range(len(groups)), [_name(row) for row in groups] if names else [""] * len(groups), fontsize=size)
    ax.set_ylim(len(groups) - 0.4, -0.6)
    ax.margins(x=0.2)
    ax.set_xlim(left=0)
    ax.xaxis.set_major_locator(MaxNLocator(6, steps=style.STEPS))
    ax.grid(visible=False, axis="y")
    ax.set_xlabel(f"{facet.title} ({unit})", fontsize="small")


def _name(row: Row) -> str:
    return runs.label(row) + ("" if row["target"] is None else f" −{100 * row['target']:g} %")


def caption(groups: Sequence[Row]) -> str:
    """Of the score against the whole cost of training: dense, then the single pass beside baselines of three stages.

    Args:
        groups: what :func:`edgeprune.reporting.runs.group` made of the runs shown, each run once.
    """
    metric = runs.headline(groups)
    network, dataset = groups[0]["network"], groups[0]["dataset"]
    staged = any(row["earlier_training_flops"] for row in groups)
    text = f"**What training {escape(network)} on {escape(dataset)} costs"
    text += ": a single pass beside three stages.**" if staged else ".**"
    text += (
        f" First: {escape(units.inside(metric.label))} on the test split against training FLOPs (estimated as three "
        "times the forward pass, times the images); markers as in the figure of the trade-off. Then the cost as bars"
    )
    if staged:
        text += (
            ", stage by stage: filled is the training of the network that is shown (fine-tuning included), hatched the "
            "dense training that its weights come from, crossed the pruning between them"
        )
    text += "; beside each its ratio to the dense training"
    if any(row["n"] > 1 for row in groups):
        text += "; whiskers are one sample standard deviation over the runs"
    lines = [text + "."]
    lines.append("")
    dense = next((row for row in groups if runs.is_dense(row)), None)
    if dense:
        lines.append(f"- dense: {score(dense, metric)}, {units.one(dense['training_flops'], 'flops')} of training.")
    compared = [c for here in pairs.places(groups).values() for c in pairs.compare(here, metric)]
    for c in compared:
        row = c.baseline
        if row["method"] not in BASELINES:
            continue
        stages = (
            f"{100 * row[f'stage_{stage}_training_flops'] / row['training_flops']:.0f} % {noun}"
            for stage, noun in zip(STAGES, ("dense training", "pruning", "fine-tuning"))
            if row[f"stage_{stage}_training_flops"]
        )
        told = f"; {escape(pairs.against(c, metric))}" if c.found else ""
        lines.append(
            f"- {escape(pairs.title(c.ours))}: single pass {score(c.ours, metric)} for "
            f"{units.one(c.ours['training_flops'], 'flops')}; {escape(runs.label(row))} {score(row, metric)} for "
            f"{units.one(row['training_flops'], 'flops')} ({', '.join(stages)}): the single pass costs "
            f"{_saved(c.ours, row)}{told}."
        )
    if engines.note(groups):
        lines.append(f"- {escape(engines.note(groups))}")
    return "\n".join(lines) + "\n"


def _saved(ours: Row, baseline: Row) -> str:
    """``60 % less compute, 55 % less time`` of what both have."""
    parts = []
    for key, noun in NOUNS.items():
        if ours[key] and baseline[key]:
            less = 100 * (1 - ours[key] / baseline[key])
            parts.append(f"{abs(less):.0f} % {'less' if less >= 0 else 'more'} {noun}")
    return ", ".join(parts)
