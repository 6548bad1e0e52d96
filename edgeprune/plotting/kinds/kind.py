"""What the kinds of pictures share: their interface, and panels of scores."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.lines import Line2D

from edgeprune.data.examples import Predict
from edgeprune.data.store import Samples
from edgeprune.metrics.resize import bicubic
from edgeprune.plotting import style
from edgeprune.reporting import Row, runs
from edgeprune.tasks.base import Metric, Task

#: Longest side of an embedded image, in pixels; a panel has fewer of them.
LARGEST = 300
#: Images of fewer pixels a side are shown with sharp pixels.
SMALL = 150


@dataclass(frozen=True)
class Series:
    """A column: a run, the group that it is of, and its network."""

    run: Row
    group: Row
    predict: Predict

    @property
    def name(self) -> str:
        """What a title or a legend calls it."""
        target = self.run["target"]
        return runs.label(self.run) + (f" −{100 * target:g} %" if target is not None else "")


@dataclass(frozen=True)
class Sample:
    """An image of the test split.

    Attributes:
        index: its place in the split.
        image: the input (C, h, w), on the scale 0 to 1.
        target: of the task.
        found: ``Task.picture`` of each variant; of the task's baseline at None.
        scores: ``{variant: {name: number}}`` of this image alone.
    """

    index: int
    image: np.ndarray
    target: np.ndarray
    found: dict[str | None, Any] = field(default_factory=dict)
    scores: dict[str | None, dict[str, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Cell:
    """A picture of a strip: what stands above and below it, and what draws it."""

    title: str
    text: str
    paint: Callable[[Axes], object]


class Kind(ABC):
    """Of one figure.

    Attributes:
        task, series: the dataset's task, and the networks in the order of the columns.
        samples: the test split.
        looks: of the networks' markers, as in the other figures.
        panel: height of :meth:`below` in inches; 0 where there is nothing below the strips.
        details: whether pictures are square details, the task's baseline among them.
    """

    panel = 0.0
    details = False

    def __init__(self, task: Task, series: Sequence[Series], samples: Samples, looks: style.Looks) -> None:
        self.task, self.series, self.samples, self.looks = task, series, samples, looks
        self.classes = task.classes

    def scores(self, outputs: Mapping[str, np.ndarray], picture: Any, target: np.ndarray) -> dict[str, float]:
        """The numbers of one image (batch 1) that stand below it: the task's metrics."""
        accumulator = self.task.accumulator()
        accumulator.update(outputs, target[None])
        found = accumulator.result()
        return {metric.name: found[metric.name] for metric in self.task.metrics}

    @abstractmethod
    def cells(self, sample: Sample) -> list[Cell]:
        """A row of the figure."""

    def legend(self, samples: Sequence[Sample]) -> list[Any]:
        """Handles that explain the pictures."""
        return []

    def below(self, figure: SubFigure) -> list[Row]:
        """Draw what holds for the whole split, and return its numbers: ``variant, name, value``."""
        raise NotImplementedError

    def summary(self, scores: Sequence[Mapping[str, float]]) -> str:
        """For the caption: the scores of several images."""
        metric = self.task.headline
        numbers = (f"{each[metric.name] * metric.scale:.{metric.decimals}f}" for each in scores)
        return f"{metric.title} {', '.join(numbers)} {metric.unit}"

    @abstractmethod
    def explain(self) -> str:
        """Sentences of the caption about what is drawn how."""

    def said(self, scores: Mapping[str, float], metrics: Sequence[Metric]) -> str:
        """The scores of an image, a line each."""
        return "\n".join(f"{metric.title} {shown(metric, scores[metric.name])}" for metric in metrics)


def shown(metric: Metric, value: float) -> str:
    """A score in its unit."""
    return f"{value * metric.scale:.{metric.decimals}f} {metric.unit}".strip().replace("-", "−")


def pixels(image: np.ndarray) -> np.ndarray:
    """An image (C, h, w) on the scale 0 to 1 as bytes (h, w, 3), reduced to :data:`LARGEST` where it is larger."""
    shrink = LARGEST / max(image.shape[1:])
    if shrink < 1:
        image = bicubic(image, (round(image.shape[1] * shrink), round(image.shape[2] * shrink)))
    three = np.broadcast_to(image, (3, *image.shape[1:])) if len(image) == 1 else image[:3]
    return np.rint(np.clip(three, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)


def show(ax: Axes, image: np.ndarray, size: tuple[int, int]) -> None:
    """Draw :func:`pixels` so that coordinates are those of the image of ``size`` (height, width)."""
    smooth = "none" if max(image.shape) < SMALL else "bilinear"
    ax.imshow(image, extent=(0, size[1], size[0], 0), interpolation=smooth)


def faded(image: np.ndarray) -> np.ndarray:
    """Bytes (h, w, 3) without colour and darker, for what is drawn over them."""
    return np.rint(0.8 * np.repeat(image.mean(2, keepdims=True), 3, 2)).astype(np.uint8)


def dots(ax: Axes, series: Sequence[Series], columns: Mapping[str, str], looks: style.Looks) -> list[Row]:
    """A marker for the mean of each column of each group, with one sample standard deviation each way.

    Args:
        columns: ``{what stands below the axis: column of a group}``.
            All are fractions, shown in per cent.
    """
    rows, places = [], np.arange(len(columns))
    for place in places[::2]:
        ax.axvspan(place - 0.5, place + 0.5, color="0.96", linewidth=0, zorder=0)
    for index, one in enumerate(series):
        means, spreads = (
            [
                np.nan if one.group[column + end] is None else 100 * one.group[column + end]
                for column in columns.values()
            ]
            for end in ("", "_std")
        )
        shift = 0.7 * ((index + 0.5) / len(series) - 0.5)
        look = looks.marker(one.run, size=5)
        ax.errorbar(places + shift, means, yerr=np.nan_to_num(spreads), linestyle="", elinewidth=0.8, **look)
        rows += [
            {"variant": one.run["variant"], "name": name, "value": one.group[column]}
            for name, column in columns.items()
        ]
    ax.set(xlim=(-0.5, len(columns) - 0.5), ylim=(-4, 104))
    turned: dict[str, Any] = (
        {} if max(map(len, columns)) * len(columns) < 90 else {"rotation": 30, "ha": "right", "rotation_mode": "anchor"}
    )
    ax.set_xticks(places, columns, fontsize="small", **turned)
    ax.grid(visible=False, axis="x")
    return rows


def markers(series: Sequence[Series], looks: style.Looks, linestyle: Any = "") -> list[Line2D]:
    """Handles of a legend of the networks."""
    return [Line2D([], [], label=one.name, linestyle=linestyle, **looks.marker(one.run, 6)) for one in series]
