"""Classes of pixels, laid in colour over the image; below, the IoU of each class over the split."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import SubFigure
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from scipy import ndimage

from edgeprune.plotting import style
from edgeprune.plotting.kinds.kind import Cell, Kind, Sample, dots, faded, markers, pixels, show
from edgeprune.reporting import Row

#: Of classes: seaborn's colour-blind palette with Tol's wine in place of grey; then the same, dark.
_BRIGHT = [*style.PALETTE[:7], to_rgb("#882255"), *style.PALETTE[8:]]
COLORS = [*_BRIGHT, *((red / 2, green / 2, blue / 2) for red, green, blue in _BRIGHT)]
#: What no colour is laid over.
BACKGROUND = "background"
#: Share of the image that a region must have to be named.
NAMED = 0.005


class Mask(Kind):
    """Colours are shared out among all classes but the background, in the manifest's order; the truth has the names, or
    numbers of the legend if they are long, so that it can be read without colours."""

    panel = 2.5

    def mark(self, label: int) -> str:
        """What stands on the regions of a class."""
        short = all(len(name) <= 2 for name in self.classes if name != BACKGROUND)
        return self.classes[label] if short else str(label + 1)

    def cells(self, sample: Sample) -> list[Cell]:
        metric, size, photograph = self.task.headline, sample.target.shape, pixels(sample.image)

        def overlay(title: str, classes: np.ndarray, variant: str | None = None) -> Cell:
            scores = sample.scores.get(variant)
            text = self.said(scores, [metric]) if scores else ""

            def paint(ax: Axes) -> None:
                show(ax, self.laid(photograph, classes), size)
                if variant == "truth":
                    self.name(ax, classes)

            return Cell(title, text, paint)

        return [
            Cell("test image", f"number {sample.index + 1}", partial(show, image=photograph, size=size)),
            overlay("truth", sample.target, "truth"),
            *(overlay(one.name, sample.found[one.run["variant"]], one.run["variant"]) for one in self.series),
        ]

    def laid(self, image: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """Colours of ``classes`` (H, W) over a faded image (h, w, 3); void is white."""
        rows, columns = (np.arange(n) * side // n for n, side in zip(image.shape, classes.shape))
        classes = classes[rows[:, None], columns]
        result = faded(image)
        for label in np.unique(classes):
            color = self.color(int(label))
            if color is not None:
                at = classes == label
                result[at] = np.rint(0.3 * result[at] + 0.7 * 255 * np.array(color))
        return result

    def name(self, ax: Axes, classes: np.ndarray) -> None:
        """Write the marks of the classes (H, W) on their largest regions, where these are not tiny."""
        for label in np.unique(classes):
            if label >= len(self.classes) or self.color(int(label)) is None:
                continue
            regions, _ = ndimage.label(classes == label)
            sizes = np.bincount(regions.ravel())[1:]
            if sizes.max() > NAMED * classes.size:
                deep = np.asarray(ndimage.distance_transform_edt(np.pad(regions == 1 + sizes.argmax(), 1)))
                y, x = np.unravel_index(deep.argmax(), deep.shape)
                outline = [withStroke(linewidth=1.8, foreground="black")]
                ax.text(
                    x - 0.5, y - 0.5, self.mark(int(label)), ha="center", va="center", fontsize=6, color="white",
                    path_effects=outline, clip_on=True,
                )  # fmt: skip

    def color(self, label: int) -> tuple[float, float, float] | None:
        """Of a class; None for the background."""
        if label >= len(self.classes):
            return 1.0, 1.0, 1.0
        if self.classes[label] == BACKGROUND:
            return None
        return COLORS[[name for name in self.classes if name != BACKGROUND].index(self.classes[label]) % len(COLORS)]

    def legend(self, samples: Sequence[Sample]) -> list[Any]:
        variants = [one.run["variant"] for one in self.series]
        maps = [shown for s in samples for shown in (s.target, *(s.found[variant] for variant in variants))]
        handles = []
        for label in np.unique(np.concatenate([np.unique(classes) for classes in maps])):
            color = self.color(int(label))
            if color is not None:
                name = self.classes[label] if label < len(self.classes) else "void"
                mark = self.mark(int(label)) if label < len(self.classes) else name
                text = name if mark == name else f"{mark} {name}"
                handles.append(Patch(facecolor=color, edgecolor="0.3", linewidth=0.5, label=text))
        return handles

    def below(self, figure: SubFigure) -> list[Row]:
        ax: Axes = figure.subplots()
        columns = {name: f"test_iou_{name}" for name in self.classes}
        rows = dots(ax, self.series, columns, self.looks)
        ax.set_ylabel("IoU (%)")
        figure.legend(handles=markers(self.series, self.looks), loc="outside right center", fontsize="small")
        return [row | {"name": f"IoU of {row['name']}"} for row in rows]

    def explain(self) -> str:
        return (
            f"Below each image the {self.task.headline.title} of that image alone, over the classes in its truth or "
            "prediction. Below, the IoU of each class over the whole split, means over the runs with one sample "
            "standard deviation each way."
        )
