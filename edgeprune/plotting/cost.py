"""Accuracy against the whole cost of training, and that cost stage by stage, of one network and dataset."""

import matplotlib.pyplot as plt

from edgeprune.plotting import style, tradeoff
from edgeprune.reporting import runs, units

TRAINING = tradeoff.Facet("training_flops", "Training compute, all stages", "flops")
BAR = 0.17  # inches of the figure's height


def draw(rows, title=None):
    """The figure of :func:`edgeprune.reporting.runs.read`'s rows of one network and dataset.

    Left: the headline metric against training FLOPs, as in the figure of the trade-off. Right: a bar for each variant,
    hatched what the stages before the last one cost, with its ratio to the dense training where that is there.

    Returns:
        matplotlib.figure.Figure
    """
    style.setup()
    rows = tradeoff.once(rows)
    metric, groups = runs.headline(rows), runs.group(rows)
    height = max(3.2, BAR * len(groups) + 1.2)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.4, height), width_ratios=(1, 1.15), layout="constrained")
    tradeoff.panel(left, TRAINING, rows, metric)
    left.set_ylabel(f"Test {metric.label[0].lower()}{metric.label[1:]}")
    _bars(right, groups)
    if title:
        figure.suptitle(title, fontsize="medium")
    handles = tradeoff.legend(rows)
    figure.legend(handles=handles, loc="outside lower center", ncols=min(8, len(handles)), fontsize="small")
    return figure


def _bars(ax, groups):
    divisor, unit = units.scale([row["training_flops"] for row in groups], "flops")
    dense = next((row["training_flops"] for row in groups if row["method"] == "dense"), None)
    names = [_name(row) for row in groups]
    for place, row in enumerate(groups):
        color = style.marker(row["method"], row["mode"])["color"]
        whole, before = row["training_flops"] / divisor, row["earlier_training_flops"] / divisor
        ax.barh(place, before, color="white", edgecolor=style.GREY, hatch="/////", linewidth=0.6, height=0.7)
        ax.barh(place, whole - before, left=before, color=color, height=0.7, linewidth=0)
        if dense:
            ax.annotate(
                f"{whole * divisor / dense:.2f}×", (whole, place), xytext=(3, 0), textcoords="offset points",
                va="center", fontsize="x-small",
            )  # fmt: skip
    size = "small" if len(groups) <= 20 else "x-small"
    ax.set_yticks(range(len(groups)), names, fontsize=size)
    ax.set_ylim(len(groups) - 0.4, -0.6)
    ax.margins(x=0.12)
    ax.grid(visible=False, axis="y")
    ax.set_xlabel(f"{TRAINING.title} ({unit})")
    if any(row["earlier_training_flops"] for row in groups):
        ax.set_title("hatched: the dense training before", fontsize="small", loc="right")


def _name(row):
    return runs.label(row) + ("" if row["target"] is None else f" −{100 * row['target']:g} %")
