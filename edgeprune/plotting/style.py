"""One look for all figures, readable in colour, in grey and by the colour-blind; files the same bit for bit.

A *series* is a method with its mode. The mode gives the colour and the shape, the method how the marker is filled,
so that neither needs the colour.
"""

import re

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import seaborn as sns

from edgeprune import files

#: Okabe and Ito's palette for colour-blind readers (seaborn's "colorblind"), in an order of differing lightness.
_COLORS = sns.color_palette("colorblind")
MODES = {
    "PA": (_COLORS[0], "o"),
    "FA": (_COLORS[1], "s"),
    "MA": (_COLORS[2], "^"),
    "LA": (_COLORS[4], "D"),
    "EA": (_COLORS[3], "v"),
}
OTHER_MODE = (_COLORS[7], "P")
DENSE = ("black", "*")
#: Fill of the marker by method; a method that is not listed gets the last.
FILLS = {
    "complexity": "full",
    "dense": "full",
    "uniform": "none",
    "random": "right",
    "l1": "left",
    "fpgm": "bottom",
    "lamp": "top",
}
OTHER_FILL = "left"
GREY = "0.45"


def setup():
    """Set seaborn's theme and the settings that make the files reproducible."""
    sns.set_theme(
        context="paper",
        style="ticks",
        font="DejaVu Sans",
        rc={
            "axes.grid": True,
            "grid.color": "0.9",
            "grid.linewidth": 0.6,
            "axes.axisbelow": True,
            "axes.edgecolor": "0.3",
            "axes.titlesize": "medium",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "legend.frameon": False,
            "savefig.dpi": 150,
            "svg.fonttype": "path",  # looks the same wherever it is opened
            "svg.hashsalt": "edgeprune",
        },
    )


def marker(method, mode, size=7):
    """Keyword arguments of ``Axes.plot`` for the marker of a series."""
    color, shape = DENSE if method == "dense" else MODES.get(mode, OTHER_MODE)
    fill = FILLS.get(method, OTHER_FILL)
    return {
        "color": color,
        "marker": shape,
        "markersize": size * (1.6 if shape == "*" else 1),
        "fillstyle": fill,
        "markerfacecoloralt": "white",
        "markeredgecolor": color if fill != "full" else "white",
        "markeredgewidth": 1.3 if fill != "full" else 0.6,
    }


def save(figure, svg=None, png=None):
    """Write the figure as SVG and as PNG (150 dpi), without dates or versions in them."""
    if svg:
        with files.replacing(svg) as temporary:
            figure.savefig(temporary, format="svg", metadata={"Date": None, "Creator": None})
            temporary.write_text(_lighter(temporary.read_text(encoding="utf-8")), encoding="utf-8")
    if png:
        with files.replacing(png) as temporary:
            figure.savefig(temporary, format="png", metadata={"Software": None})
    plt.close(figure)


def _lighter(svg):
    """``svg`` with coordinates cut to hundredths of a point (transforms keep their digits) and without comments."""
    svg = re.sub(r"<!--.*?-->\n?", "", svg, flags=re.DOTALL)
    svg = re.sub(r"(?<= )(?:d|x|y)=\"[^\"]*\"", lambda part: re.sub(r"(\.\d\d)\d+", r"\1", part[0]), svg)
    return re.sub(r"\n\s+", "\n", svg)
