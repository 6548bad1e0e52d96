"""Accuracy against the whole cost of training, and that cost stage by stage, of one network and dataset."""

import matplotlib.pyplot as plt
from matplotlib.patches import Patch

from edgeprune.plotting import style, tradeoff
from edgeprune.reporting import runs, units
from edgeprune.reporting.columns import STAGES

TRAINING = tradeoff.Facet("training_flops", "Training compute, estimated", "flops")
#: What bars are drawn of, where it is known.
COSTS = (
    TRAINING,
    tradeoff.Facet("training_seconds", "Training time", "seconds"),
    tradeoff.Facet("training_joules", "Training energy", "joules"),
)
BAR = 0.17  # inches of the figure's height
#: Stages before the last one; the last has the series' colour.
EARLIER = {
    "train": {"facecolor": "white", "edgecolor": style.GREY, "hatch": "/////", "linewidth": 0.6},
    "prune": {"facecolor": "0.8", "edgecolor": "0.2", "hatch": "xxxxx", "linewidth": 0.6},
}


def draw(rows, title=None):
    """The figure of :func:`edgeprune.reporting.runs.read`'s rows of one network and dataset.

    Left: the headline metric against training FLOPs, as in the figure of the trade-off. Then a panel for each of FLOPs,
    seconds and joules that is known, with a bar for each variant, stacked by stage: hatched the dense training that
    weights come from, crossed the pruning, filled the training of the network itself; beside each bar its ratio to the
    dense training where that is there.

    Returns:
        matplotlib.figure.Figure
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
    tradeoff.panel(axes[0], TRAINING, rows, metric, looks)
    axes[0].set_ylabel(f"Test {metric.label[0].lower()}{metric.label[1:]}")
    for index, (facet, ax) in enumerate(zip(known, axes[1:])):
        _bars(ax, facet, groups, looks, names=index == 0)
    if title:
        figure.suptitle(title, fontsize="medium")
    handles = tradeoff.legend(rows)
    if any(row["earlier_training_flops"] for row in groups):
        handles.append(Patch(label="dense training before", **EARLIER["train"]))
        handles.append(Patch(label="pruning", **EARLIER["prune"]))
        handles.append(Patch(label="training or fine-tuning", color=style.GREY, linewidth=0))
    figure.legend(handles=handles, loc="outside lower center", ncols=min(7, len(handles)), fontsize="small")
    return figure


def stages(row, column):
    """``[(stage, value)]`` of a row's cost, in the order of time; the last is the training of the network itself."""
    found = [(stage, row[f"stage_{stage}_{column}"]) for stage in STAGES]
    return [(stage, value) for stage, value in found if value is not None]


def _bars(ax, facet, groups, looks, names):
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
            color = looks.marker(row)["color"]
            look = {"color": color, "linewidth": 0} if own else EARLIER[stage]
            ax.barh(place, value / divisor, left=start / divisor, height=0.7, **look)
            start += value
        if dense:
            ax.annotate(
                f"{start / dense:.2f}×", (start / divisor, place), xytext=(3, 0), textcoords="offset points",
                va="center", fontsize="x-small",
            )  # fmt: skip
    size = "small" if len(groups) <= 20 else "x-small"
    ax.set_yticks(range(len(groups)), [_name(row) for row in groups] if names else [""] * len(groups), fontsize=size)
    ax.set_ylim(len(groups) - 0.4, -0.6)
    ax.margins(x=0.2)
    ax.set_xlim(left=0)
    ax.grid(visible=False, axis="y")
    ax.set_xlabel(f"{facet.title} ({unit})", fontsize="small")


def _name(row):
    return runs.label(row) + ("" if row["target"] is None else f" −{100 * row['target']:g} %")
