"""Put names beside circles without covering circles or each other."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes

from edgeprune.plotting.style import Color

#: Directions in which a name is tried, best first, as angles in degrees.
ANGLES = (45, 0, 90, 135, 315, 180, 225, 270, 20, 70, 110, 160, 340, 290, 250, 200)
Point = tuple[float, float]  # x, y
Box = tuple[float, float, float, float]  # left, bottom, right, top
REACHES = (2, 7, 14, 24, 36, 50)  # pixels (at 100 dpi) between the circle's edge and the name


def place(
    axes: Axes,
    points: Sequence[Point],
    names: Sequence[str],
    radii: Sequence[float],
    rank: Sequence[float],
    colors: Sequence[Color] | None = None,
) -> list[str]:
    """Write ``names`` beside ``points``, with a thin line to those that had to go far; leave out what finds no place.

    Names are placed in the order of ``rank``; a name never covers another one nor leaves the axes; it covers a
    circle only where that is unavoidable, and then the smallest part of one.

    Args:
        axes: after limits and scales are final and the figure was drawn once.
        points: data coordinates ``(x, y)``.
        names: text of each; an empty one is only an obstacle.
        radii: of each circle, in points (1/72 inch).
        rank: number of each, the smallest is placed first.
        colors: of each name; nearly black if there is nothing else said.

    Returns:
        the names that found a place.
    """
    pixel = axes.figure.dpi / 72
    centres = [(float(x), float(y)) for x, y in map(axes.transData.transform, points)]
    radii = [radius * pixel for radius in radii]
    frame = axes.get_window_extent()
    taken, written = [], []
    for index in sorted((i for i, name in enumerate(names) if name), key=lambda i: rank[i]):
        text = axes.text(
            *points[index], names[index], fontsize="x-small", color=colors[index] if colors else "0.15", zorder=5
        )
        box = text.get_window_extent()
        best = None
        for step, reach in enumerate(REACHES):
            for turn, angle in enumerate(ANGLES):
                left, bottom = _corner(centres[index], radii[index] + reach * pixel, angle, box.width, box.height)
                spot = (left, bottom, left + box.width, bottom + box.height)
                if spot[0] < frame.x0 or spot[1] < frame.y0 or spot[2] > frame.x1 or spot[3] > frame.y1:
                    continue
                if any(_overlap(spot, other) for other in taken):
                    continue
                covered = sum(_covered(spot, centre, radius) for centre, radius in zip(centres, radii))
                cost = (covered / (box.width * box.height) + 0.08 * step + 0.005 * turn, spot)
                if best is None or cost < best:
                    best = cost
        if best is None or best[0] > 1.2:
            text.remove()
            continue
        spot = best[1]
        taken.append((spot[0] - pixel, spot[1] - pixel, spot[2] + pixel, spot[3] + pixel))
        left, bottom = axes.transData.inverted().transform(spot[:2])
        text.set_position((left, bottom))
        text.set_verticalalignment("bottom")
        _line(axes, centres[index], radii[index], spot, 5 * pixel)
        written.append(names[index])
    return written


def _corner(centre: Point, distance: float, angle: float, width: float, height: float) -> Point:
    """Lower left corner of a box that touches, from outside, the circle of radius ``distance`` at ``angle``."""
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    x, y = centre[0] + distance * cos, centre[1] + distance * sin
    return x - width * (1 - cos) / 2, y - height * (1 - sin) / 2


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _covered(box: Box, centre: Point, radius: float) -> float:
    """Area that a box shares with a circle, as if the circle were the square of the same area."""
    half = radius * math.sqrt(math.pi) / 2
    width = min(box[2], centre[0] + half) - max(box[0], centre[0] - half)
    height = min(box[3], centre[1] + half) - max(box[1], centre[1] - half)
    return max(width, 0) * max(height, 0)


def _line(axes: Axes, centre: Point, radius: float, box: Box, shortest: float) -> None:
    """From the circle's edge to the nearest point of the box, if that is far."""
    x = min(max(centre[0], box[0]), box[2])
    y = min(max(centre[1], box[1]), box[3])
    distance = math.hypot(x - centre[0], y - centre[1])
    if distance - radius < shortest:
        return
    edge = (centre[0] + (x - centre[0]) * radius / distance, centre[1] + (y - centre[1]) * radius / distance)
    (x0, y0), (x1, y1) = axes.transData.inverted().transform([edge, (x, y)])
    axes.plot([x0, x1], [y0, y1], color="0.5", linewidth=0.6, zorder=4)
