"""One label out of a fixed list for each image."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from edgeprune.errors import EdgepruneError
from edgeprune.tasks.base import Accumulator, LossSettings, Manifest, Metric, Task

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


class Classification(Task):
    """Targets: (N,) int64 labels; outputs: (N, classes) logits."""

    name = "classification"
    metrics = (Metric("accuracy", "Accuracy (%)", higher_is_better=True, scale=100.0),)

    def factory_arguments(self, manifest: Manifest) -> dict[str, Any]:
        channels, *size = manifest["input"]["shape"]
        return {
            "num_classes": len(manifest["target"]["classes"]),
            "in_channels": channels,
            "input_size": size[0] if len(set(size)) == 1 else tuple(size),
        }

    def targets(self, field: np.ndarray, manifest: Manifest) -> Tensor:
        import numpy
        import torch

        labels, classes = numpy.array(field, dtype=numpy.int64), len(manifest["target"]["classes"])
        if labels.size and not 0 <= labels.min() <= labels.max() < classes:
            raise EdgepruneError(
                f"holds labels from {labels.min()} to {labels.max()}, the manifest has {classes} classes",
                key="target.classes",
                remedy="fetch the dataset again",
            )
        return torch.from_numpy(labels)

    def check_output(self, output: Any, manifest: Manifest, key: str | None = None) -> None:
        classes = len(manifest["target"]["classes"])
        shape = tuple(output.shape) if hasattr(output, "shape") else type(output).__name__
        if shape != (1, classes):
            raise EdgepruneError(
                f"the network's output for one image is {shape}, the dataset's {classes} classes need (1, {classes})",
                key=key,
                remedy=f"let the factory take num_classes, or set its output to {classes} in args",
            )

    def loss(self, recipe: LossSettings) -> Callable[[Any, Tensor], Tensor]:
        from torch import nn

        return nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing)

    def accumulator(self) -> Accumulator:
        return _LabelAccumulator()

    def score(self, outputs: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        import numpy

        logits, labels = numpy.asarray(outputs, dtype=numpy.float64), numpy.asarray(targets)
        right = int((logits.argmax(1) == labels).sum())
        logits = logits - logits.max(1, keepdims=True)
        logs = numpy.log(numpy.exp(logits).sum(1)) - logits[numpy.arange(len(labels)), labels]
        return {"accuracy": right / len(labels), "loss": float(logs.mean())}


class _LabelAccumulator(Accumulator):
    """Mean cross entropy (nats) and the fraction of right labels."""

    def __init__(self) -> None:
        self.loss: float | Tensor = 0  # becomes a tensor on the device, as `correct`: no synchronisation per batch
        self.correct: int | Tensor = 0
        self.count = 0

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        from torch.nn.functional import cross_entropy

        logits = outputs.float()
        self.loss = self.loss + cross_entropy(logits, targets, reduction="sum")
        self.correct = self.correct + (logits.argmax(1) == targets).sum()
        self.count += len(targets)

    def result(self) -> dict[str, float]:
        return {"accuracy": int(self.correct) / self.count, "loss": float(self.loss) / self.count}
