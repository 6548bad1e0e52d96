"""Each layer as a circle: compute across, feature-map memory upwards, parameters as the area.

The kind of chart that the method's paper opens with, for any network.
"""

import math
from argparse import ArgumentParser, Namespace
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from edgeprune.complexity.profile import Profile
from edgeprune.names import COUNTED
from edgeprune.plotting import labels, style
from edgeprune.reporting import Row, units
from edgeprune.reporting.captions import escape

SIZE = (6.4, 4.4)  # inches
AXES, SIDE = (0.105, 0.12, 0.67, 0.80), (0.79, 0.12, 0.20, 0.80)  # fractions of the figure: left, bottom, width, height
LARGEST = 25.0  # radius of the largest circle, points
SMALLEST = 2.0  # a circle of fewer parameters is drawn no smaller, so that it can be seen
LABEL_ALL = 20  # networks of so many layers get a name at every circle
#: Name in the legend, colour of seaborn's palette, opacity of the fill, width of the edge: they differ in grey too.
KINDS = {"conv": ("convolution", 0, 0.4, 0.8), "linear": ("linear", 1, 0.1, 1.8)}
#: What the caption calls the resources.
NAMES = {"params": "parameters", "flops": "FLOPs", "memory": "feature-map memory"}
#: Equal layers share one circle: ``{(x, y, params, kind): [index of row, …]}``.
Circles = dict[tuple[float, float, int, str], list[int]]
SCALES = ("auto", "linear", "sqrt", "log")


def add_options(parser: ArgumentParser) -> None:
    """What :func:`make` reads."""
    parser.add_argument("--profile", required=True, help="profile.json of the network")
    parser.add_argument("--title", help="another title than the network's name")
    parser.add_argument("--scale", choices=SCALES, default="auto", help="of both axes")


def make(args: Namespace) -> tuple[Figure, list[Row], str]:
    """The figure, its rows and its caption, as ``scripts/draw_figure.py`` wants them."""
    profile = Profile.load(args.profile)
    rows = profile.layer_table()
    drawing = draw(rows, args.title or profile.network, args.scale)
    return drawing, rows, caption(profile.network, rows, profile.totals)


def draw(rows: Sequence[Row], title: str | None = None, scale: str = "auto") -> Figure:
    """The figure (6.4 x 4.4 inches) of the rows of :meth:`edgeprune.complexity.profile.Profile.layer_table`.

    Args:
        rows: one dict for each layer.
        title: above the axes.
        scale: of both axes. ``auto`` is linear, or the square root where values span more than a factor of 20. (On
            a logarithmic axis a classifier of ten units takes most of the room, and the layers that cost huddle.)
    """
    style.setup()
    figure = plt.figure(figsize=SIZE)
    axes, side = figure.add_axes(AXES), figure.add_axes(SIDE)
    x_scale, x_unit = units.scale([row["flops"] for row in rows], "flops")
    y_scale, y_unit = units.scale([row["memory"] for row in rows], "bytes")
    largest = max(row["params"] for row in rows)
    circles = _circles(rows, x_scale, y_scale)
    # Large circles first, so that the small ones lie on top of them.
    for (x, y, params, kind), _ in sorted(circles.items(), key=lambda item: -item[0][2]):
        axes.plot(x, y, markersize=2 * _radius(params, largest), zorder=3, clip_on=False, **_look(kind))
    for which, values, text in (
        ("x", [x for x, *_ in circles], f"Compute per sample ({x_unit}"),
        ("y", [y for _, y, *_ in circles], f"Output feature map ({y_unit}"),
    ):
        chosen = _scale(axes, which, values, scale)
        axes.set(**{f"{which}label": text + (", square-root scale)" if chosen == "sqrt" else ")")})
    if title:
        axes.set_title(title)
    _legend(side, {kind for *_, kind in circles}, largest)
    figure.canvas.draw()
    _label(axes, rows, circles, largest)
    return figure


def short_names(names: Sequence[str]) -> list[str]:
    """The names without leading parts that tell nothing: dropped as long as the rest is unique and starts with a
    letter. Parts are separated by dots."""
    shorter = [name.partition(".")[2] or name for name in names]
    if shorter == list(names) or len(set(shorter)) < len(names) or not all(name[0].isalpha() for name in shorter):
        return list(names)
    return short_names(shorter)


def _circles(rows: Sequence[Row], x_scale: float, y_scale: float) -> Circles:
    circles = {}
    for index, row in enumerate(rows):
        kind = "linear" if row["kind"] == "linear" else "conv"
        key = (row["flops"] / x_scale, row["memory"] / y_scale, row["params"], kind)
        circles.setdefault(key, []).append(index)
    return circles


def _label(axes: Axes, rows: Sequence[Row], circles: Circles, largest: int) -> None:
    """Names at all circles, or at those of the layers that weigh most in some resource."""
    names = short_names([row["layer"] for row in rows])
    shares = [max(row["share_PA"], row["share_FA"], row["share_MA"]) for row in rows]
    top = sorted(range(len(rows)), key=lambda i: -shares[i])
    top = set(top if len(rows) <= LABEL_ALL else top[: LABEL_ALL // 2])
    points, texts, radii, ranks = [], [], [], []
    for (x, y, params, _), members in circles.items():
        points.append((x, y))
        radii.append(_radius(params, largest))
        ranks.append(-max(shares[i] for i in members))
        texts.append(_join([names[i] for i in members]) if top & set(members) else "")
    labels.place(axes, points, texts, radii, ranks)


def _join(names: Sequence[str]) -> str:
    """One label for layers that share a circle: all names if that is short, else the first and how many follow."""
    text = ", ".join(names) if len(names) < 3 else f"{names[0]} … {names[-1]} ({len(names)})"
    return text if len(text) <= 22 or len(names) == 1 else f"{names[0]} +{len(names) - 1}"


def _look(kind: str) -> dict[str, Any]:
    _, index, opacity, edge = KINDS[kind]
    color = sns.color_palette("colorblind")[index]
    return {
        "linestyle": "",
        "marker": "o",
        "markerfacecolor": (*color, opacity),
        "markeredgecolor": color,
        "markeredgewidth": edge,
    }


def _radius(params: float, largest: float) -> float:
    return max(LARGEST * math.sqrt(params / largest), SMALLEST) if largest else SMALLEST


def _scale(axes: Axes, which: str, values: Sequence[float], scale: str) -> str:
    """Set the scale of the axis ``which`` (x or y), with room for the circles at its ends; returns the scale's name."""
    low, high = min(values), max(values)
    if scale == "auto":
        scale = "sqrt" if high > 20 * low else "linear"
    if scale == "log" and low > 0:
        room = (high / low) ** 0.16 if high > low else 2
        axes.set(**{f"{which}scale": "log", f"{which}lim": (low / room, high * room)})
    elif scale == "sqrt":
        functions = (lambda v: np.sign(v) * np.sqrt(np.abs(v)), lambda v: np.sign(v) * v**2)
        (axes.set_xscale if which == "x" else axes.set_yscale)("function", functions=functions)
        ticks = _square_ticks(high)
        names = [f"{tick:g}" for tick in ticks]
        axes.set(**{f"{which}lim": (-0.004 * high, high * 1.28), f"{which}ticks": ticks, f"{which}ticklabels": names})
    else:
        room = 0.16 * (high - low if high > low else high or 1)
        axes.set(**{f"{which}lim": (low - room, high + room)})
    return scale


def _square_ticks(high: float) -> list[float]:
    """Round numbers from 0 to beyond ``high`` that lie about evenly on a square-root axis."""
    step = 10 ** math.floor(math.log10(high * 1.28))
    unit = next(step * f for f in (0.5, 0.2, 0.1, 0.05) if high * 1.28 / (step * f) >= 9)
    ticks = [unit * k for k in (0, 0.2, 1, 2, 4, 8, 12, 16, 20, 24, 28) if unit * k <= high * 1.28]
    return ticks


def _legend(side: Axes, kinds: Collection[str], largest: int) -> None:
    """Kinds of layer above, sizes below: circles of round numbers of parameters, one inside the other."""
    side.set_axis_off()
    width, height = (SIZE[i] * 72 * SIDE[2 + i] for i in (0, 1))  # so that the side's unit is a point
    side.set_xlim(0, width)
    side.set_ylim(0, height)
    handles = [Line2D([], [], markersize=8, label=KINDS[kind][0], **_look(kind)) for kind in KINDS if kind in kinds]
    side.legend(handles=handles, loc="upper left", title="Layer", alignment="left", borderaxespad=0)
    sizes = _round_sizes(largest)
    side.text(4, 2 * _radius(sizes[-1], largest) + 20, "Parameters", fontsize="medium")
    for value in sizes:
        radius = _radius(value, largest)
        centre = LARGEST + 4, 8 + radius
        side.add_patch(plt.Circle(centre, radius, fill=False, edgecolor="0.3", linewidth=0.8))
        top, right = 8 + 2 * radius, 2 * LARGEST + 12
        side.plot([centre[0], right], [top, top], color="0.5", linewidth=0.6)
        divisor, unit = units.scale([value], "params")
        side.text(right + 2, top, f"{value / divisor:g} {unit}".strip(), fontsize="small", va="center")


def _round_sizes(largest: int) -> list[int]:
    """Up to three numbers of one leading digit, such that their circles differ: the largest, a third, a sixteenth."""
    result = []
    for part in (0.06, 0.3, 1.0):
        value = largest * part
        magnitude = 10 ** math.floor(math.log10(value)) if value >= 1 else 1
        rounded = int(max(value // magnitude, 1) * magnitude)
        if rounded not in result:
            result.append(rounded)
    return result


def caption(network: str, rows: Sequence[Row], totals: Mapping[str, int]) -> str:
    """Of the bubble chart: totals, and the layer that weighs most in each of the three resources.

    Args:
        rows: :meth:`edgeprune.complexity.profile.Profile.layer_table`.
        totals: the network's totals.
    """
    lines = [
        f"**Each layer's complexity in {escape(network)}.** One circle for each of the {len(rows)} convolutional and "
        "linear layers (equal ones share a circle; *+2* counts the others): compute across, memory of the output "
        "feature map upwards, parameters as the circle's area, all for one input sample. "
        f"The network holds {units.one(totals['params'], 'params')} parameters, and needs "
        f"{units.one(totals['macs'], 'macs')} ({units.one(totals['flops'], 'flops')}) and "
        f"{units.one(totals['memory'], 'bytes')} of feature maps; the peak memory, weights included, is "
        f"{units.one(totals['peak_memory'], 'bytes')}.",
        "",
    ]
    for mode, resource in COUNTED.items():
        largest = max(rows, key=lambda row: row[resource])
        share = 100 * largest[f"share_{mode}"]
        lines.append(f"- {mode}: {escape(largest['layer'])} weighs most in {NAMES[resource]}, with {share:.1f} %.")
    return "\n".join(lines) + "\n"
