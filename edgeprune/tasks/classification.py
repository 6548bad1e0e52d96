"""One label out of a fixed list for each image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from edgeprune.errors import EdgepruneError
from edgeprune.tasks.base import Accumulator, LossSettings, Metric, Task
from edgeprune.tasks.outputs import Outputs, only

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


class Classification(Task):
    """Targets: (N,) int64 labels; outputs: (N, classes) logits."""

    name = "classification"
    targets = "class"
    metrics = (Metric("accuracy", "Accuracy", unit="%", scale=100.0),)

    def check_output(self, shapes: Mapping[str, tuple[int, ...]], key: str | None = None) -> None:
        classes, shape = len(self.classes), only(shapes, key)
        if shape != (1, classes):
            raise EdgepruneError(
                f"the network's output for one image is {shape}, the dataset's {classes} classes need (1, {classes})",
                key=key,
                remedy=f"let the factory take num_classes, or set its output to {classes} in args (--args of "
                "`edgeprune fit`)",
            )

    def loss(self, recipe: LossSettings) -> Callable[[Mapping[str, Tensor], Tensor], Tensor]:
        from torch import nn

        cross_entropy = nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing)
        return lambda outputs, targets: cross_entropy(only(outputs), targets)

    def evaluation_loss(self, outputs: Mapping[str, Tensor], targets: Tensor) -> Tensor:
        from torch.nn.functional import cross_entropy

        return cross_entropy(only(outputs).float(), targets, reduction="sum")

    def accumulator(self) -> Accumulator:
        return _Labels()


class _Labels(Accumulator):
    """The fraction of right labels, and the mean cross entropy in nats."""

    def __init__(self) -> None:
        self.right, self.losses = 0, []

    def update(self, outputs: Outputs, targets: np.ndarray) -> None:
        import numpy

        logits = numpy.asarray(only(outputs), dtype=numpy.float64)
        self.right += int((logits.argmax(1) == targets).sum())
        logits = logits - logits.max(1, keepdims=True)
        self.losses.append(numpy.log(numpy.exp(logits).sum(1)) - logits[numpy.arange(len(targets)), targets])

    def merge(self, other: _Labels) -> None:
        self.right += other.right
        self.losses += other.losses

    def result(self) -> dict[str, Any]:
        import numpy

        losses = numpy.concatenate(self.losses)
        return {"accuracy": self.right / len(losses), "loss": float(losses.mean())}
