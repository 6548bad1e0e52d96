"""Centres of objects, by classifiers of cells of the kind of FOMO: detection for microcontrollers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from edgeprune.tasks.base import Accumulator, LossSettings, Metric, Task
from edgeprune.tasks.outputs import Outputs, check_map, only

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


@dataclass(frozen=True)
class Options:
    """Settings of a dataset's entry."""

    distance: Annotated[
        float, Meta(gt=0, description="how far from an object's centre, in pixels, a prediction may lie to count.")
    ] = 8.0
    object_weight: Annotated[
        float, Meta(gt=0, description="weight in the loss of a cell with an object; of one without it is 1.")
    ] = 20.0


class Centroids(Task):
    """Targets: (N, n, 5) boxes as of detection; outputs: (N, 1 + classes, h, w) logits, class 0 is background.

    A prediction is the middle of a cell whose likeliest class is an object, and likelier there than in the eight cells
    around it.
    """

    name = "centroids"
    targets = "boxes"
    metrics = (
        Metric("f1", "F1 of centres", unit="%", scale=100.0),
        Metric("precision", "Precision", unit="%", scale=100.0),
        Metric("recall", "Recall", unit="%", scale=100.0),
    )
    Options = Options
    pictures = "points"

    def check_output(self, shapes: Mapping[str, tuple[int, ...]], key: str | None = None) -> None:
        what = f"{len(self.classes)} classes and the background"
        check_map(only(shapes, key), 1 + len(self.classes), self.input_shape[1:], what, key)

    def loss(self, recipe: LossSettings) -> Callable[[Mapping[str, Tensor], Tensor], Tensor]:
        import torch

        weight = torch.tensor([1.0] + [self.options.object_weight] * len(self.classes))
        height = recipe.patch or self.input_shape[1]

        def loss(outputs: Mapping[str, Tensor], targets: Tensor) -> Tensor:
            logits = only(outputs)
            n, _, h, w = logits.shape
            labels, x0, y0, x1, y1 = targets.unbind(-1)
            rows = ((y0 + y1) / 2 * h / height).long().clamp(0, h - 1)
            columns = ((x0 + x1) / 2 * h / height).long().clamp(0, w - 1)
            cells = torch.zeros(n, h * w, dtype=torch.long, device=logits.device)
            cells = cells.scatter_reduce(1, rows * w + columns, labels.long() + 1, "amax")  # of -1 nothing is left
            return torch.nn.functional.cross_entropy(
                logits.flatten(2), cells, weight=weight.to(logits.device), label_smoothing=recipe.label_smoothing
            )

        return loss

    def accumulator(self) -> Accumulator:
        return _Points(len(self.classes), self.options.distance, self.input_shape[1])

    def picture(self, outputs: Outputs, target: np.ndarray) -> tuple[np.ndarray, ...]:
        from edgeprune.metrics.detection import right_points

        found = decode(only(outputs)[0], self.input_shape[1])
        return *found, right_points(*found, target[:, 1:], target[:, 0], self.options.distance)


def decode(logits: np.ndarray, height: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points (n, 2), x and y in pixels, scores (n,) and labels (n,) from logits (1 + K, h, w) of an image so high."""
    import numpy
    from scipy.ndimage import maximum_filter
    from scipy.special import softmax

    likely = softmax(logits.astype(numpy.float64), axis=0)
    best, around = likely.argmax(0), maximum_filter(likely, size=(1, 3, 3))
    rows, columns = numpy.nonzero((best > 0) & (numpy.take_along_axis(likely - around, best[None], 0)[0] >= 0))
    labels = best[rows, columns]
    points = (numpy.stack([columns, rows], 1) + 0.5) * (height / logits.shape[1])
    return points, likely[labels, rows, columns], labels - 1


class _Points(Accumulator):
    def __init__(self, classes: int, distance: float, height: int) -> None:
        from edgeprune.metrics.detection import Centroids as Matched

        self.matched, self.height = Matched(classes, distance), height

    def update(self, outputs: Outputs, targets: np.ndarray) -> None:
        for logits, rows in zip(only(outputs), targets):
            rows = rows[rows[:, 0] >= 0]
            self.matched.update(*decode(logits, self.height), rows[:, 1:], rows[:, 0].astype(int))

    def merge(self, other: _Points) -> None:
        self.matched.merge(other.matched)

    def result(self) -> dict[str, Any]:
        return {name: 0.0 if value != value else value for name, value in self.matched.result().items()}
