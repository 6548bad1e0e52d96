"""What a task's headline metric costs: a panel for each resource, counted or measured, of one network and dataset."""

import math
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, ScalarFormatter

from edgeprune.plotting import style
from edgeprune.reporting import Row, baseline, notes, pairs, runs, script, units
from edgeprune.reporting.captions import costs, escape, score
from edgeprune.reporting.pairs import Comparison
from edgeprune.tasks.base import Metric

PANEL = (2.0, 2.1)  # inches
COLUMNS = 5
FRONT = "Pareto front"  # its name in the legend
BASELINE: dict[str, Any] = {"color": "0.35", "linestyle": (0, (4, 3)), "linewidth": 1.1, "zorder": 1}


@dataclass(frozen=True)
class Facet:
    """A panel: the rows' column, the axis's title, the kind of unit, and the unit where it is always the same.

    ``span`` is the smallest range that the axis shows, so that noise does not look like an effect.
    """

    column: str
    title: str
    kind: str = ""
    unit: str = ""
    span: float = 0.0


COUNTED_FACETS = (
    Facet("params", "Parameters", "params"),
    Facet("flops", "Compute", "flops"),
    Facet("memory", "Feature maps", "bytes"),
    Facet("peak_memory", "Peak memory, computed", "bytes"),
    Facet("onnx_bytes", "Model file (ONNX)", "bytes"),
)
MEASURED_FACETS = (
    Facet("latency_p50_ms", "Latency, median", "time"),
    Facet("cpu_percent", "CPU utilisation", unit="% of one core", span=20),
    Facet("model_rss_bytes", "Memory above idle", "bytes"),
    Facet("energy_mj", "Energy", unit="mJ"),
)


def add_options(parser: ArgumentParser) -> None:
    """What :func:`make` reads: the runs of one network on one dataset."""
    script.add_results(parser)
    script.add_pair(parser)
    parser.add_argument("--baseline", nargs="*", default=[], help="baseline.json of the dataset, where there is one")


def make(args: Namespace) -> tuple[Figure, list[Row], str]:
    """The figure, its rows and its caption, as ``scripts/draw_figure.py`` wants them."""
    baselines = baseline.read(args.baseline)
    return script.figure(args, partial(draw, baselines=baselines), partial(caption, baselines=baselines))


def draw(rows: Sequence[Row], title: str | None = None, baselines: Sequence[Row] = ()) -> Figure:
    """The figure of :func:`edgeprune.reporting.runs.read`'s rows of one network and dataset.

    Small markers are runs, large ones means over the runs with one standard deviation each way; a line joins the
    targets of a method and mode; the grey steps are the Pareto front of the means. The first row shows what can be
    counted; each place (device and runtime) that was measured has a row of its own. Quantities that no run has been
    measured for (energy without a meter) have no panel. A dashed line is the dataset's baseline, of those that
    :func:`edgeprune.reporting.baseline.read` gave; where it would squeeze the networks together, the legend alone has
    it. The figure is five panels wide.
    """
    style.setup()
    metric, looks = runs.headline(rows), style.Looks(rows)
    held = [(row, _beyond(row, runs.once(rows))) for row in baseline.of(rows, baselines)]
    lines: list[tuple[str | None, list[Row], Sequence[Facet]]] = [(None, runs.once(rows), COUNTED_FACETS)]
    for place in sorted(runs.measured_at(rows)):
        here = [row for row in rows if runs.place(row) == place and row["score"] is not None]
        facets = [facet for facet in MEASURED_FACETS if any(row[facet.column] is not None for row in here)]
        if facets:
            lines.append((place, here, facets))
    figure, axes = plt.subplots(
        len(lines),
        COLUMNS,
        figsize=(PANEL[0] * COLUMNS, PANEL[1] * len(lines) + 0.75),
        sharey="row",
        squeeze=False,
        layout="constrained",
    )
    for (place, here, facets), line in zip(lines, axes):
        for index, ax in enumerate(line):
            if index >= len(facets):
                ax.set_axis_off()
                continue
            panel(ax, facets[index], here, metric, looks)
            for row, arrow in held:
                if not arrow:
                    ax.axhline(row["score"] * metric.scale, **BASELINE)
        if place:
            line[0].set_title(f"Measured on {place}", fontsize="medium", fontweight="bold", loc="left")
        line[0].set_ylabel(f"Test {units.inside(metric.label)}")
    if title:
        figure.suptitle(title, fontsize="medium")
    handles = legend(rows)
    for row, arrow in held:
        look: dict[str, Any] = {**BASELINE, "linestyle": ""} if arrow else BASELINE
        handles.append(Line2D([], [], label=arrow + baseline.words(row, metric), **look))
    figure.legend(
        handles=handles, loc="outside lower center", ncols=min(8, math.ceil(len(handles) / 2)),
        fontsize="small", columnspacing=1.4, handletextpad=0.5,
    )  # fmt: skip
    return figure


def _beyond(row: Row, rows: Sequence[Row]) -> str:
    """An arrow to where a baseline is, if it is farther from the rows' scores than these are from each other."""
    scores = [row["score"] for row in rows]
    span = max(scores) - min(scores)
    return "↓ " if row["score"] < min(scores) - span else "↑ " if row["score"] > max(scores) + span else ""


def pareto(points: Iterable[tuple[float, float]], higher_is_better: bool = True) -> list[tuple[float, float]]:
    """The points ``(cost, quality)`` that no other beats in both, by rising cost."""
    front, best = [], None
    sign = 1 if higher_is_better else -1
    for cost, quality in sorted(points, key=lambda p: (p[0], -sign * p[1])):
        if best is None or sign * quality > sign * best:
            front.append((cost, quality))
            best = quality
    return front


def panel(ax: Axes, facet: Facet, rows: Sequence[Row], metric: Metric, looks: style.Looks) -> None:
    """Draw ``rows``' scores against one column of theirs, as :func:`draw` says, with the figure's ``looks``."""
    rows = [row for row in rows if row[facet.column] is not None]
    divisor, unit = units.scale([row[facet.column] for row in rows], facet.kind)
    groups = runs.group(rows)
    points = {
        "cost": [row[facet.column] / divisor for row in rows],
        "quality": [row["score"] * metric.scale for row in rows],
        "series": [runs.label(row) for row in rows],
    }
    for series, row in {runs.label(row): row for row in rows}.items():
        look = looks.marker(row)
        mine = [i for i, other in enumerate(points["series"]) if other == series]
        sns.scatterplot(
            x=[points["cost"][i] for i in mine], y=[points["quality"][i] for i in mine], ax=ax, s=9, alpha=0.45,
            color=look["color"], marker=look["marker"], edgecolor="none", zorder=2, legend=False,
        )  # fmt: skip
    front = pareto([(g[facet.column] / divisor, g["score"] * metric.scale) for g in groups], metric.higher_is_better)
    ax.plot(*zip(*front), color="0.8", linewidth=2.6, zorder=1, drawstyle="steps-post", solid_joinstyle="miter")
    by_series = {}
    for row in groups:
        by_series.setdefault(runs.label(row), []).append(row)
    for members in by_series.values():
        look = looks.marker(members[0], size=5.2)
        ax.errorbar(
            [row[facet.column] / divisor for row in members],
            [row["score"] * metric.scale for row in members],
            xerr=[(row[f"{facet.column}_std"] or 0) / divisor for row in members],
            yerr=[(row["score_std"] or 0) * metric.scale for row in members],
            linewidth=0.8, linestyle="-" if runs.is_main(members[0]) else ":", elinewidth=0.8, zorder=3, **look,
        )  # fmt: skip
    kind = notes.energy(rows) if facet.column == "energy_mj" else None
    ax.set_xlabel(f"{facet.title} ({facet.unit or unit or 'number'}{f', {kind}' if kind else ''})", fontsize="small")
    _limits(ax, points["cost"], facet.span)
    ax.yaxis.set_major_locator(MaxNLocator(5))


def _limits(ax: Axes, values: Sequence[float], span: float) -> None:
    """Logarithmic where the values span more than a factor of 8; never narrower than ``span``."""
    low, high = min(values), max(values)
    if low > 0 and high > 8 * low:
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_minor_formatter(NullFormatter())
        formatter = ScalarFormatter()
        formatter.set_scientific(False)
        ax.xaxis.set_major_formatter(formatter)
        ax.set_xlim(low / 1.25, high * 1.25)
        return
    missing = max(span - (high - low), 0) / 2
    room = 0.07 * (high - low + 2 * missing) or abs(high) * 0.1 or 1
    ax.set_xlim(low - missing - room, high + missing + room)
    ax.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))


def legend(rows: Sequence[Row]) -> list[Line2D]:
    """A handle for each series of ``rows`` and for the front."""
    handles, looks = [], style.Looks(rows)
    for row in sorted(rows, key=runs.order):
        name = runs.label(row)
        if name not in [handle.get_label() for handle in handles]:
            line = "" if row["method"] == "dense" else "-" if runs.is_main(row) else ":"
            look = looks.marker(row, size=6)
            handles.append(Line2D([], [], linestyle=line, linewidth=0.8, label=name, **look))
    handles.append(Line2D([], [], color="0.8", linewidth=2.6, label=FRONT))
    return handles


def caption(groups: Sequence[Row], baselines: Sequence[Row] = ()) -> str:
    """Of the score against resources, for one network and dataset: dense, then the best pruned run of each mode.

    Args:
        groups: what :func:`edgeprune.reporting.runs.group` made of the runs shown.
        baselines: as :func:`draw` has them.
    """
    metric = runs.headline(groups)
    network, dataset = groups[0]["network"], groups[0]["dataset"]
    sizes = sorted({row["n"] for row in groups})
    count = str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    places = runs.measured_at(groups)
    lines = [
        f"**{escape(metric.label)} on the test split of {escape(dataset)} against what {escape(network)} costs.** "
        f"Large markers are means over {count} run{'s' if sizes != [1] else ''}, bars one sample standard deviation, "
        "small markers single runs; lines join the targets of a method and mode. The grey line is the Pareto front of "
        "the means: no other shown costs less and is better, which is not to say that it has been told apart. First "
        "row: what can be counted; then a row for each device and runtime. Of a quantised model, the score is its own."
    ]
    for row in baseline.of(groups, baselines):
        words = escape(baseline.words(row, metric))
        lines[0] += f" The dashed line, where it is in reach, is {words}: it learnt nothing."
    kind = notes.energy(groups)
    if kind:
        lines[0] += f" The energy is **{kind}**, not read from a sensor: CPU time and a stated power."
    lines.append("")
    for place in places or [None]:
        here = [row for row in groups if runs.place(row) == place] if place else groups
        compared = pairs.compare(here, metric)
        if len(places) > 1:  # the baselines at every place would fill a page
            here = [row for row in here if runs.is_dense(row) or runs.is_main(row)]
        lines += _best_of(here, metric, f"{escape(place)}, " if len(places) > 1 else "", compared)
    lines += [f"- {escape(note)}" for note in notes.sentences(groups)]
    return "\n".join(lines) + "\n"


def _best_of(groups: Sequence[Row], metric: Metric, prefix: str, compared: Sequence[Comparison]) -> list[str]:
    """Dense, then of each method and mode the target that is best on validation; of ours also how it compares with
    dense, among all comparisons of the place."""
    lines, best = [], {}
    dense = next((row for row in groups if runs.is_dense(row)), None)
    if dense:
        lines.append(f"- {prefix}dense: {score(dense, metric)}, {costs(dense)}.")
    sign = 1 if metric.higher_is_better else -1
    for row in groups:
        name = runs.label(row)
        if not runs.is_dense(row) and (name not in best or sign * row["val"] > sign * best[name]["val"]):
            best[name] = row
    for name, row in best.items():
        target = "" if row["target"] is None else f" at a target of −{100 * row['target']:g} %"
        told = escape(pairs.to_dense(row, compared, metric))
        lines.append(
            f"- {prefix}{escape(name)}, best on validation{target}: {score(row, metric)}, {costs(row, dense)}{told}."
        )
    return lines
