"""One look for all figures, readable in colour, in grey and by the colour-blind; files the same bit for bit.

A *series* is a method with its mode. The mode gives the colour and the shape, the method how the marker is filled,
so that neither needs the colour. A reference with a name of its own has a colour and a shape of its own, and the mode
says how it is filled; a budget takes a mode's part.
"""

import re
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from edgeprune.reporting import Row

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import seaborn as sns

from edgeprune import files
from edgeprune.reporting import runs

#: As matplotlib takes it: a name, or red, green and blue from 0 to 1.
Color = str | tuple[float, float, float]
#: The colour and the shape of a marker.
Look = tuple[Color, str]
#: Okabe and Ito's palette for colour-blind readers (seaborn's "colorblind"), in an order of differing lightness.
PALETTE: Sequence[tuple[float, float, float]] = sns.color_palette("colorblind")
MODE_LOOKS: dict[str | None, Look] = {
    "PA": (PALETTE[0], "o"),
    "FA": (PALETTE[1], "s"),
    "MA": (PALETTE[2], "^"),
    "LA": (PALETTE[4], "D"),
    "EA": (PALETTE[3], "v"),
}
OTHER_MODE = (PALETTE[7], "P")
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
#: Fill of the marker of a named reference, by mode; one that has none, or another, gets the last.
MODE_FILLS = {"PA": "full", "FA": "left", "MA": "right", "LA": "bottom", "EA": "top"}
NO_MODE_FILL = "none"
#: Colours and shapes of named references and of budgets, which no mode has; the third is Tol's wine, since the others
#: of the palette are too pale on white.
NAMED = tuple(((PALETTE[5], PALETTE[9], "#882255")[i % 3], "Xphd<>8H"[i % 8]) for i in range(24))
GREY = "0.45"
#: Between ticks, times a power of ten.
STEPS = (1, 2, 5, 10)


def setup() -> None:
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
            "pdf.fonttype": 42,  # TrueType, which journals want
        },
    )


def marker(method: str, mode: str | None, size: float = 7) -> dict[str, Any]:
    """Keyword arguments of ``Axes.plot`` for the marker of a series."""
    color, shape = DENSE if method == "dense" else MODE_LOOKS.get(mode, OTHER_MODE)
    return _look(color, shape, FILLS.get(method, OTHER_FILL), size)


class Looks:
    """The markers of all series of a figure.

    Args:
        rows: all that the figure shows; the names in them share out the colours and shapes.
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        named = {row["reference"] for row in rows if runs.is_named(row)}
        self.places = places(named | {_budget(row) for row in rows if row.get("budget")})

    def marker(self, row: Row, size: float = 7) -> dict[str, Any]:
        """Keyword arguments of ``Axes.plot`` for the marker of a row."""
        if runs.is_named(row):
            return _look(*self.places[row["reference"]], MODE_FILLS.get(row["mode"], NO_MODE_FILL), size)
        if row.get("budget"):
            return _look(*self.places[_budget(row)], FILLS.get(row["method"], OTHER_FILL), size)
        return marker(row["method"], row["mode"], size)


def places(names: Iterable[str]) -> dict[str, Look]:
    """A colour and a shape of :data:`NAMED` for each name, the same for the same names in any order.

    Each has a first choice of its own, so that most keep theirs when a name is added; names differ in shape and in
    colour as long as there are any left.
    """
    taken = {}
    for name in sorted(names):
        first = zlib.crc32(name.encode()) % len(NAMED)
        ahead = [NAMED[(first + step) % len(NAMED)] for step in range(len(NAMED))]
        taken[name] = min(ahead, key=lambda look: _crowded(look, list(taken.values())))
    return taken


def _crowded(look: Look, taken: Sequence[Look]) -> tuple[int, int, int]:
    """How many have the look, its shape, its colour."""
    return taken.count(look), sum(shape == look[1] for _, shape in taken), sum(color == look[0] for color, _ in taken)


def _budget(row: Row) -> str:
    return f"budget {row['budget']}"  # with a space, as no reference is called


def _look(color: Color, shape: str, fill: str, size: float) -> dict[str, Any]:
    return {
        "color": color,
        "marker": shape,
        "markersize": size * (1.6 if shape == "*" else 1),
        "fillstyle": fill,
        "markerfacecoloralt": "white",
        "markeredgecolor": color if fill != "full" else "white",
        "markeredgewidth": 1.3 if fill != "full" else 0.6,
    }


def save(
    figure: Figure, svg: str | Path | None = None, png: str | Path | None = None, pdf: str | Path | None = None
) -> None:
    """Write the figure as SVG, as PNG (150 dpi) and as PDF, without dates or versions in them."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for ax in figure.axes:  # the last digits of a layout differ from run to run
        left, bottom, width, height = (round(value, 4) for value in ax.get_position(original=True).bounds)
        ax.set_position((left, bottom, width, height))
    if svg:
        with files.replacing(svg) as temporary:
            # dpi: of photographs, which would make the file too large; all else has none
            figure.savefig(temporary, format="svg", dpi=120, metadata={"Date": None, "Creator": None})
            temporary.write_text(_lighter(temporary.read_text(encoding="utf-8")), encoding="utf-8")
    if png:
        with files.replacing(png) as temporary:
            figure.savefig(temporary, format="png", metadata={"Software": None})
    if pdf:
        with files.replacing(pdf) as temporary:
            figure.savefig(temporary, format="pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None})
    plt.close(figure)


def _lighter(svg: str) -> str:
    """``svg`` with coordinates cut to hundredths of a point (transforms keep their digits) and without comments.

    What clips is numbered: its names are digests of all digits, of which the layout's last ones differ from run to run.
    """
    svg = re.sub(r"<!--.*?-->\n?", "", svg, flags=re.DOTALL)
    svg = re.sub(r"(?<= )(?:d|x|y)=\"[^\"]*\"", lambda part: re.sub(r"(\.\d\d)\d+", r"\1", part[0]), svg)
    clips = {name: f"clip{n}" for n, name in enumerate(re.findall(r'<clipPath id="(\w+)"', svg))}
    svg = re.sub(r'(?<=["#])p[0-9a-f]{10}(?=[")])', lambda part: clips.get(part[0], part[0]), svg)
    return re.sub(r"\n\s+", "\n", svg)
