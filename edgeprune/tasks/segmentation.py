"""One class for each pixel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import Meta

from edgeprune.tasks.base import Accumulator, LossSettings, Metric, Task
from edgeprune.tasks.outputs import Outputs, check_map, only

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

_NO_VOID = -100  # what torch ignores by default


@dataclass(frozen=True)
class Options:
    """Settings of a dataset's entry."""

    balance: Annotated[
        Literal["none", "log"],
        Meta(
            description="weights of the classes in the loss: all equal, or 1 / ln(1.02 + p), where p is the share of "
            "training pixels that are the class's (`log`; ENet, Paszke et al., 2016)."
        ),
    ] = "none"


class Segmentation(Task):
    """Targets: (N, H, W) bytes, classes and void; outputs: (N, classes, H / r, W / r) logits, r a whole number.

    Logits are enlarged to the image bilinearly, which is no part of the network. One confusion matrix is made over the
    whole split; the mean is over the classes that occur in truth or prediction.
    """

    name = "segmentation"
    targets = "mask"
    metrics = (
        Metric("miou", "mIoU", unit="%", scale=100.0),
        Metric("pixel_accuracy", "Pixel accuracy", unit="%", scale=100.0),
    )
    Options = Options
    baseline = "majority class"
    pictures = "mask"

    def check_output(self, shapes: Mapping[str, tuple[int, ...]], key: str | None = None) -> None:
        check_map(only(shapes, key), len(self.classes), self.input_shape[1:], f"{len(self.classes)} classes", key)

    def loss(self, recipe: LossSettings) -> Callable[[Mapping[str, Tensor], Tensor], Tensor]:
        import torch
        from torch.nn import functional

        void, smoothing = self.manifest["target"].get("void", _NO_VOID), recipe.label_smoothing
        weight = None
        if self.options.balance == "log":
            pixels = torch.tensor(self.manifest["splits"]["train"]["pixels_per_class"]).float()
            share = pixels / pixels.sum()
            weight = 1 / (1.02 + share).log()
            weight /= (weight * share).sum()  # the mean over the pixels is 1

        def loss(outputs: Mapping[str, Tensor], targets: Tensor) -> Tensor:
            logits = only(outputs)
            if logits.shape[2:] != targets.shape[1:]:
                logits = functional.interpolate(logits, size=targets.shape[1:], mode="bilinear")
            labels = targets.long()
            weights = None if weight is None else weight.to(logits.device)
            total = functional.cross_entropy(
                logits, labels, weights, ignore_index=void, label_smoothing=smoothing, reduction="sum"
            )
            return total / (labels != void).sum().clamp(min=1)  # a batch may be void as a whole

        return loss

    def accumulator(self) -> Accumulator:
        return _Regions(self.classes, self.manifest["target"].get("void"))

    def baseline_outputs(self, image: np.ndarray) -> dict[str, np.ndarray]:
        import numpy

        counts = numpy.array(self.manifest["splits"]["train"]["pixels_per_class"])
        logits = numpy.zeros((1, len(counts), *image.shape[1:]), numpy.float32)
        logits[:, counts.argmax()] = 1
        return {"output": logits}

    def picture(self, outputs: Outputs, target: np.ndarray) -> np.ndarray:
        return decode(only(outputs)[0], target.shape)


def decode(logits: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Logits (K, h, w) as a map of classes (H, W)."""
    from edgeprune.metrics.resize import bilinear

    height, width = size
    return (logits if logits.shape[1:] == size else bilinear(logits, (height, width))).argmax(0)


class _Regions(Accumulator):
    def __init__(self, classes: list[str], void: int | None) -> None:
        from edgeprune.metrics.segmentation import Confusion

        self.classes, self.confusion = classes, Confusion(len(classes), void)

    def update(self, outputs: Outputs, targets: np.ndarray) -> None:
        for logits, truth in zip(only(outputs), targets):
            self.confusion.update(decode(logits, truth.shape), truth)

    def merge(self, other: _Regions) -> None:
        self.confusion.counts += other.confusion.counts

    def result(self) -> dict[str, Any]:
        iou = {
            name: None if value != value else value for name, value in zip(self.classes, self.confusion.iou().tolist())
        }
        found = {"miou": self.confusion.miou(), "pixel_accuracy": self.confusion.pixel_accuracy()}
        return found | {"iou": iou}
