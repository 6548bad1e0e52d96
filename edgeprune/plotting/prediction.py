"""Predicted against measured latency, one marker for each run, the line of equality and a band of 15 % about it."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from edgeprune.plotting import style
from edgeprune.reporting import predicted_latency, runs, units

BAND = 0.15


def draw(rows, title=None):
    """The figure of :func:`edgeprune.reporting.predicted_latency.read`'s rows.

    Returns:
        matplotlib.figure.Figure
    """
    style.setup()
    looks = style.Looks(rows)
    figure, ax = plt.subplots(figsize=(4.6, 4.4), layout="constrained")
    both = [row[key] for row in rows for key in ("predicted_ms", "measured_ms")]
    divisor, unit = units.scale(both, "time")
    low, high = (min(both) / divisor * 0.85, max(both) / divisor * 1.18) if both else (0.5, 2)
    ends = np.array([low, high])
    ax.fill_between(ends, ends * (1 - BAND), ends * (1 + BAND), color="0.92", linewidth=0)
    ax.plot(ends, ends, color=style.GREY, linewidth=1)
    names = {}
    for row in rows:
        look = looks.marker(row, size=6)
        ax.plot(row["predicted_ms"] / divisor, row["measured_ms"] / divisor, linestyle="none", **look)
        names.setdefault(runs.label(row), row)
    ax.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high), aspect="equal")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 2.5, 3, 4, 5, 6, 8) if high / low < 10 else (1, 2, 5)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: units.digits(value, 2)))
        axis.set_minor_formatter(NullFormatter())
    ax.set_xlabel(f"Predicted latency ({unit})")
    ax.set_ylabel(f"Measured latency, median ({unit})")
    error = predicted_latency.mean_error(rows)
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
