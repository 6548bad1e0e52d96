"""Restored images: a detail of the input, of what each network made of it, and of the truth."""

from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from scipy.ndimage import uniform_filter

from edgeprune.metrics.resize import bicubic
from edgeprune.plotting.kinds.kind import Cell, Kind, Sample, pixels, show

#: Side of a detail in pixels of the truth; of a small image it is half the shorter side.
SIDE = 64


class Image(Kind):
    """The first picture of a row is the whole truth, with the place of the detail."""

    details = True

    def cells(self, sample: Sample) -> list[Cell]:
        truth = sample.target / np.float32(255)
        left, top, side = detail(truth)
        size = truth.shape[1], truth.shape[2]

        def crop(title: str, image: np.ndarray, variant: str | None = None) -> Cell:
            part = pixels(image[:, top : top + side, left : left + side])
            scores = sample.scores.get(variant)
            text = self.said(scores, self.task.metrics) if scores else ""
            return Cell(title, text, lambda ax: show(ax, part, (side, side)))

        whole = partial(_whole, image=pixels(truth), size=size, place=(left, top, side))
        given = sample.found.get(None, bicubic(sample.image, size))
        return [
            Cell("test image", f"number {sample.index + 1}", whole),
            crop(self.task.baseline or "input", given),
            *(crop(one.name, sample.found[one.run["variant"]], one.run["variant"]) for one in self.series),
            crop("truth", truth, "truth"),
        ]

    def explain(self) -> str:
        return (
            "Each row shows the whole image and, enlarged, the square in it where neighbouring pixels differ most; "
            "the scores are those of the whole image."
        )


def detail(truth: np.ndarray) -> tuple[int, int, int]:
    """Left, top and side of the square where neighbouring pixels of an image (C, H, W) differ most."""
    height, width = truth.shape[1:]
    side = min(SIDE, min(height, width) // 2)
    grey = truth.mean(0, dtype=np.float64)
    change = sum(np.square(np.gradient(grey, axis=axis)) for axis in (0, 1))
    mean = uniform_filter(change, side)  # at the middle of each square
    half = side // 2
    mean = mean[half : height - side + half + 1, half : width - side + half + 1]
    top, left = np.unravel_index(mean.argmax(), mean.shape)
    return int(left), int(top), side


def _whole(ax: Axes, image: np.ndarray, size: tuple[int, int], place: tuple[int, int, int]) -> None:
    left, top, side = place
    show(ax, image, size)
    for color, width in (("black", 2.4), ("white", 1.1)):
        ax.add_patch(Rectangle((left, top), side, side, fill=False, edgecolor=color, linewidth=width))
