"""MACs against the latency of one network and dataset: whether fewer MACs are faster, place by place."""

import math
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from edgeprune.plotting import style, tradeoff
from edgeprune.reporting import Row, latency, macs_latency, notes, runs, script, units
from edgeprune.reporting.captions import escape

PANEL = (3.1, 2.6)  # inches
IDEAL = {"color": "0.35", "linestyle": (0, (4, 3)), "linewidth": 1.1}


def add_options(parser: ArgumentParser) -> None:
    """What :func:`make` reads: the runs of one network on one dataset."""
    script.add_runs(parser)
    script.add_pair(parser)


def make(args: Namespace) -> tuple[Figure, list[Row], str]:
    """The figure, its rows and its caption, as ``scripts/draw_figure.py`` wants them."""
    return script.figure(script.read_pair(args), draw, caption)


def draw(rows: Sequence[Row], title: str | None = None) -> Figure:
    """The figure of :func:`edgeprune.reporting.runs.read`'s rows of one network and dataset.

    A panel for each place: small markers are runs, large ones means over the runs with one standard deviation each
    way, the dashed line through the dense network and the origin is proportion. A place where nothing could be
    measured has a panel that says why. Beside a marker stands its target, if there are several. The figure is up to
    three panels wide.
    """
    style.setup()
    looks = style.Looks(rows)
    places = sorted(runs.measured_at(rows)) or [None]
    wide = len(places) if len(places) < 4 else 2 if len(places) == 4 else 3
    tall = math.ceil(len(places) / wide)
    size = max(PANEL[0] * wide, 4.2) + 0.4, PANEL[1] * tall + 0.9
    figure, axes = plt.subplots(tall, wide, figsize=size, squeeze=False, layout="constrained")
    means = {}
    for index, ax in enumerate(axes.flat):
        if index >= len(places):
            ax.set_axis_off()
            continue
        here = [row for row in rows if runs.place(row) == places[index]]
        ax.set_title(places[index] or "", fontsize="small", loc="left")
        measured = [row for row in here if row["latency_ms"] is not None]
        if measured:
            means[ax] = _panel(ax, measured, looks)
        else:
            _say(ax, " ".join(notes.missing(here)) or "no device was measured")
    handles = [handle for handle in tradeoff.legend(rows) if handle.get_label() != tradeoff.FRONT]
    for handle in handles:
        handle.set_linestyle("")
    handles.append(Line2D([], [], label="proportional to MACs", **IDEAL))
    figure.legend(
        handles=handles, loc="outside lower center", ncols=max(2, int(size[0] / 1.5)), fontsize="small",
        columnspacing=1.2, handletextpad=0.5,
    )  # fmt: skip
    tradeoff.finish(figure, title, means)
    return figure


def _panel(ax: Axes, rows: Sequence[Row], looks: style.Looks) -> list[tradeoff.Mean]:
    divisor, unit = units.scale([row["macs"] for row in rows], "macs")
    slower, time = units.scale([row["latency_ms"] for row in rows], "time")
    groups = runs.group(rows)
    for row in rows:
        look = looks.marker(row)
        ax.plot(
            row["macs"] / divisor, row["latency_ms"] / slower, marker=look["marker"], color=look["color"],
            alpha=0.45, markersize=3, markeredgewidth=0, linestyle="", zorder=2,
        )  # fmt: skip
    for row in groups:
        ax.errorbar(
            row["macs"] / divisor, row["latency_ms"] / slower, xerr=(row["macs_std"] or 0) / divisor,
            yerr=(row["latency_ms_std"] or 0) / slower, linestyle="", elinewidth=0.8, zorder=3,
            **looks.marker(row, size=5.2),
        )  # fmt: skip
    right = 1.08 * max(row["macs"] for row in rows) / divisor
    found = macs_latency.of(groups)
    if found.dense:
        slope = (found.dense["latency_ms"] / slower) / (found.dense["macs"] / divisor)
        ax.plot([0, right], [0, slope * right], zorder=1, **IDEAL)
    ax.set_xlim(0, right)
    ax.set_ylim(0, 1.12 * max(row["latency_ms"] for row in rows) / slower)
    ax.set_xlabel(f"Compute ({unit})")
    ax.set_ylabel(f"Latency, dense/speed-up ({time})")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(6, steps=style.STEPS))
    return [tradeoff.mean(row, row["macs"] / divisor, row["latency_ms"] / slower, looks) for row in groups]


def _say(ax: Axes, text: str) -> None:
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", fontsize="small", wrap=True)
    ax.set(xticks=[], yticks=[])
    ax.grid(visible=False)
    for side in ax.spines.values():
        side.set_visible(False)


def caption(groups: Sequence[Row]) -> str:
    """Of MACs against the latency: whether fewer MACs are faster, place by place.

    Args:
        groups: what :func:`edgeprune.reporting.runs.group` made of the runs shown.
    """
    network, dataset = groups[0]["network"], groups[0]["dataset"]
    lines = [
        f"**Do MACs predict the time of {escape(network)} on {escape(dataset)}?** Multiply-accumulates for one sample "
        "against the latency, a panel for each device and runtime; large markers are means over the runs, bars "
        "one sample standard deviation. The dashed line is what proportion would give: the dense network's latency "
        "times the share of its MACs that is left. Above the line, a network is slower than its MACs promise. "
        f"{latency.SAID}",
        "",
    ]
    places = runs.measured_at(groups)
    for place in places:
        here = [row for row in groups if runs.place(row) == place and row["latency_ms"] is not None]
        if not here:
            continue
        found = macs_latency.of(here)
        text = f"- {escape(place)}:"
        if found.dense:
            time = units.one(found.dense["latency_ms"], "time")
            text += f" dense {units.one(found.dense['macs'], 'macs')} in {time};"
        if found.ratios:
            span = f"{found.low:.2f} to {found.high:.2f} times (median {found.median:.2f})"
            text += f" the others take {span} what proportion would give;"
        if found.rank is not None:
            text += f" rank correlation of MACs and latency {found.rank:.2f};"
        lines.append(text.rstrip(";:") + ".")
    lines += [f"- {escape(note)}" for note in notes.missing(groups) if not note.startswith("Energy")]
    if not places:
        lines.append("- No device was measured.")
    return "\n".join(lines) + "\n"
