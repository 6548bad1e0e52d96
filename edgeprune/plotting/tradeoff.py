"""What a task's headline metric costs: a panel for each resource that differs, of one network and dataset."""

import math
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from edgeprune.plotting import labels, style
from edgeprune.reporting import Row, baseline, latency, notes, pairs, resolved, runs, script, units
from edgeprune.reporting.captions import costs, escape, score
from edgeprune.reporting.columns import is_int8
from edgeprune.reporting.pairs import Comparison
from edgeprune.tasks.base import Metric

PANEL = (2.0, 2.1)  # inches
FRONT = "Pareto front"  # its name in the legend
BASELINE: dict[str, Any] = {"color": "0.35", "linestyle": (0, (4, 3)), "linewidth": 1.1, "zorder": 1}


@dataclass(frozen=True)
class Facet:
    """A panel: the rows' column, the axis's title, the kind of unit, and the unit where it is always the same."""

    column: str
    title: str
    kind: str = ""
    unit: str = ""

    def range(self, rows: Sequence[Row]) -> str:
        """From the least to the most of the rows, with the unit."""
        values = [row[self.column] for row in rows if row[self.column] is not None]
        divisor, unit = units.scale(values, self.kind)
        low, high = (units.digits(value / divisor) for value in (min(values), max(values)))
        return f"{low if low == high else f'{low} to {high}'} {self.unit or unit}".strip()


#: Where a group's means are in a panel, in its units, and what the group was asked for: a target
#: in per cent, ``−50``, a budget's name or nothing; and its colour.
Mean = tuple[float, float, str, style.Color]
#: A place (None of what can be counted) and a resource there.
Panel = tuple[str | None, Facet]


COUNTED_FACETS = (
    Facet("params", "Parameters", "params"),
    Facet("flops", "Compute", "flops"),
    Facet("memory", "Feature maps", "bytes"),
    Facet("peak_memory", "Peak memory, computed", "bytes"),
    Facet("onnx_bytes", "Model file (ONNX)", "bytes"),
)
MEASURED_FACETS = (
    Facet("latency_ms", "Latency, dense/speed-up", "time"),
    Facet("cpu_percent", "CPU utilisation", unit="% of one core"),
    Facet("model_rss_bytes", "Memory above idle", "bytes"),
    Facet("energy_mj", "Energy", unit="mJ"),
)


def add_options(parser: ArgumentParser) -> None:
    """What :func:`make` reads: the runs of one network on one dataset."""
    script.add_runs(parser)
    script.add_pair(parser)
    parser.add_argument("--baseline", nargs="*", default=[], help="baseline.json of the dataset, where there is one")


def make(args: Namespace) -> tuple[Figure, list[Row], str]:
    """The figure, its rows and its caption, as ``scripts/draw_figure.py`` wants them."""
    baselines = baseline.read(args.baseline)
    drawn, said = partial(draw, baselines=baselines), partial(caption, baselines=baselines)
    return script.figure(script.read_pair(args), drawn, said)


def draw(rows: Sequence[Row], title: str | None = None, baselines: Sequence[Row] = ()) -> Figure:
    """The figure of :func:`edgeprune.reporting.runs.read`'s rows of one network and dataset.

    A panel for each resource that can be counted, then for each that was measured, place (device and runtime) by place;
    what does not differ by more than the device resolves (:func:`edgeprune.reporting.resolved.differs`) has none. Small
    markers are runs, large ones means over the runs with one standard deviation each way; a line joins the targets of a
    method and mode; the grey steps are the Pareto front of the means. A dashed line is the dataset's baseline, of those
    that :func:`edgeprune.reporting.baseline.read` gave; where it would squeeze the networks together, the legend alone
    has it. The figure is up to five panels wide.
    """
    style.setup()
    metric, looks, groups = runs.headline(rows), style.Looks(rows), runs.group(rows)
    panels = split(groups)[0]
    held = [(row, _beyond(row, groups)) for row in baseline.of(rows, baselines)]
    wide = columns(len(panels))
    tall = math.ceil(len(panels) / wide)
    size = max(PANEL[0] * wide, 4.2), PANEL[1] * tall + 0.75
    figure, axes = plt.subplots(tall, wide, figsize=size, sharey=True, squeeze=False, layout="constrained")
    for ax in axes.flat[len(panels) :]:
        ax.set_axis_off()
    means = {}
    for (place, facet), ax in zip(panels, axes.flat):
        here = [row for row in rows if runs.place(row) == place and row["score"] is not None]
        means[ax] = panel(ax, facet, here if place else runs.once(rows), metric, looks)
        for row, arrow in held:
            if not arrow:
                ax.axhline(row["score"] * metric.scale, **BASELINE)
        ax.set_title(f"on {place}" if place else "", fontsize="small", loc="left")
    for ax in axes[:, 0]:
        ax.set_ylabel(f"Test {units.inside(metric.label)}")
    handles = legend(rows)
    for row, arrow in held:
        look: dict[str, Any] = {**BASELINE, "linestyle": ""} if arrow else BASELINE
        handles.append(Line2D([], [], label=arrow + baseline.words(row, metric), **look))
    figure.legend(
        handles=handles, loc="outside lower center", ncols=min(int(size[0] / 1.3), math.ceil(len(handles) / 2)),
        fontsize="small", columnspacing=1.4, handletextpad=0.5,
    )  # fmt: skip
    finish(figure, title, means)
    return figure


def split(groups: Sequence[Row]) -> tuple[list[Panel], list[Panel]]:
    """What has a panel, because the groups differ in it, and what has none."""
    drawn, left = [], []
    for place in [None, *sorted(runs.measured_at(groups))]:
        here = [row for row in groups if not place or (runs.place(row) == place and row["score"] is not None)]
        for facet in MEASURED_FACETS if place else COUNTED_FACETS:
            if any(row[facet.column] is not None for row in here):
                (drawn if resolved.differs(here, facet.column) else left).append((place, facet))
    return (drawn, left) if drawn else (left[:1], left[1:])


def columns(panels: int) -> int:
    """How many of so many panels stand in a line, such that few places stay empty; five at most."""
    return panels if panels <= 5 else min((5, 4, 3), key=lambda wide: -panels % wide / (panels + -panels % wide))


def finish(figure: Figure, title: str | None, means: Mapping[Axes, Sequence[Mean]]) -> None:
    """Write the targets (in per cent) beside the means that :func:`panel` drew; a single one into the title."""
    names = {name for drawn in means.values() for _, _, name, _ in drawn if name}
    if len(names) == 1:
        (name,) = names
        title = (f"{title}, " if title else "") + (f"target {name} %" if name.startswith("−") else f"budget {name}")
    if title:
        figure.suptitle(title, fontsize="medium")
    if len(names) > 1:
        figure.draw_without_rendering()
        for ax, drawn in means.items():
            xs, ys, texts, colors = zip(*drawn)
            labels.place(ax, list(zip(xs, ys)), texts, [3] * len(drawn), range(len(drawn)), colors)


def _beyond(row: Row, groups: Sequence[Row]) -> str:
    """An arrow to where a baseline is, if it is farther from the groups' scores than these are from each other."""
    scores = [group["score"] for group in groups if group["score"] is not None]
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


def panel(ax: Axes, facet: Facet, rows: Sequence[Row], metric: Metric, looks: style.Looks) -> list[Mean]:
    """Draw ``rows``' scores against one column of theirs, as :func:`draw` says, with the figure's ``looks``; the means
    come back."""
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
    means = [mean(row, row[facet.column] / divisor, row["score"] * metric.scale, looks) for row in groups]
    front = pareto([found[:2] for found in means], metric.higher_is_better)
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
    ends = [
        (row[facet.column] + side * (row[f"{facet.column}_std"] or 0)) / divisor for row in groups for side in (-1, 1)
    ]
    _limits(ax, points["cost"] + [end for end in ends if end > 0])
    ax.yaxis.set_major_locator(MaxNLocator(6, steps=style.STEPS))
    return means


def mean(row: Row, x: float, y: float, looks: style.Looks) -> Mean:
    """A group's marker at ``(x, y)`` for :func:`finish`."""
    return x, y, _asked(row), looks.marker(row)["color"]


def _asked(row: Row) -> str:
    return row["budget"] or "" if row["target"] is None else f"−{100 * row['target']:g}"


def _limits(ax: Axes, values: Sequence[float]) -> None:
    """Logarithmic where the values span more than a factor of 8."""
    low, high = min(values), max(values)
    if high > 8 * low > 0:
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.set_xlim(low / 1.25, high * 1.25)
        return
    room = 0.07 * (high - low) or abs(high) * 0.1 or 1
    ax.set_xlim(low - room, high + room)
    ax.xaxis.set_major_locator(MaxNLocator(6, steps=style.STEPS))


def legend(rows: Sequence[Row]) -> list[Line2D]:
    """A handle for each series of ``rows`` and for the front."""
    looks, asked, first = style.Looks(rows), {}, {}
    for row in sorted(rows, key=runs.order):
        first.setdefault(name := runs.label(row), row)
        asked.setdefault(name, set()).add(_asked(row))
    handles = []
    for name, row in first.items():
        line = "" if len(asked[name]) == 1 else "-" if runs.is_main(row) else ":"
        handles.append(Line2D([], [], linestyle=line, linewidth=0.8, label=name, **looks.marker(row, size=6)))
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
    sizes, places = sorted({row["n"] for row in groups}), runs.measured_at(groups)
    drawn, left = split(groups)
    lines = [f"**{escape(metric.label)} on the test split of {escape(dataset)} against what {escape(network)} costs.**"]
    if sizes == [1]:
        lines[0] += " A marker is one run."
    else:
        count = str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
        lines[0] += f" Large markers are means over {count} runs, bars one sample standard deviation, "
        lines[0] += "small markers single runs."
    targets = {}
    for row in groups:
        targets.setdefault(runs.label(row), set()).add(_asked(row))
    if any(len(asked) > 1 for asked in targets.values()):
        lines[0] += " Beside a marker stands its target (in per cent); lines join the targets of a method and mode."
    lines[0] += (
        " The grey line is the Pareto front of the means: no other shown costs less and is better, which is not to say "
        "that it has been told apart."
    )
    if any(place for place, _ in drawn):
        lines[0] += " Panels with a device in their title were measured there, the others counted."
    if any(facet.column == "latency_ms" for _, facet in (*drawn, *left)):
        lines[0] += f" {latency.SAID}"
    if any(is_int8(row) for row in groups):
        lines[0] += " Of a quantised model, the score is its own."
    for row in baseline.of(groups, baselines):
        words = escape(baseline.words(row, metric))
        beyond = {"↓ ": "Below", "↑ ": "Above"}.get(_beyond(row, groups))
        line = f"{beyond} the axis lies" if beyond else "The dashed line is"
        lines[0] += f" {line} {words}: it learnt nothing."
    kind = notes.energy(groups)
    if kind:
        lines[0] += f" The energy is **{kind}**, not read from a sensor: CPU time and a stated power."
    if left:
        lines[0] += (
            f" No axis, because these networks do not differ by more than can be resolved: {_ranges(left, groups)}."
        )
    lines.append("")
    for place in places or [None]:
        here = [row for row in groups if runs.place(row) == place] if place else groups
        compared = pairs.compare(here, metric)
        if len(places) > 1:  # the baselines at every place would fill a page
            here = [row for row in here if runs.is_dense(row) or runs.is_main(row)]
        lines += _best_of(here, metric, f"{escape(place)}, " if len(places) > 1 else "", compared)
    lines += [f"- {escape(note)}" for note in notes.sentences(groups)]
    return "\n".join(lines) + "\n"


def _ranges(left: Sequence[Panel], groups: Sequence[Row]) -> str:
    """What has no panel, from the least to the most of the means."""
    said = []
    for place, facet in left:
        here = [row for row in groups if not place or runs.place(row) == place]
        where = f" on {place}" if place else ""
        said.append(escape(f"{units.inside(facet.title)}{where}, {facet.range(here)}"))
    return "; ".join(said)


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
