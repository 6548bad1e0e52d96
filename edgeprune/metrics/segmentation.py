"""Segmentation: one confusion matrix over a whole split, and what follows from it."""

import numpy as np

from edgeprune.errors import EdgepruneError
from edgeprune.metrics.labels import checked


class Confusion:
    """Pixels by true and by predicted class.

    Args:
        classes: how many there are.
        void: a true label whose pixels count nowhere.

    Attributes:
        counts: (classes, classes) int64, the row is the truth.
    """

    def __init__(self, classes: int, void: int | None = None) -> None:
        self.counts = np.zeros((classes, classes), np.int64)
        self.void = void

    def update(self, predicted: np.ndarray, truth: np.ndarray) -> None:
        """Take in one or several maps of labels, both of the same shape.

        Raises:
            EdgepruneError: the shapes differ, or a label that counts is no class.
        """
        if predicted.shape != truth.shape:
            raise EdgepruneError(
                f"a prediction of shape {predicted.shape} doesn't fit a mask of {truth.shape}",
                remedy="bring the logits to the mask's size",
            )
        if self.void is not None:
            predicted, truth = predicted[truth != self.void], truth[truth != self.void]
        classes = len(self.counts)
        cells = checked(truth, classes, "a mask") * classes + checked(predicted, classes, "a prediction")
        self.counts += np.bincount(cells.ravel(), minlength=classes**2).reshape(classes, classes)

    def iou(self) -> np.ndarray:
        """(classes,) intersection over union; NaN for a class that is neither in the truth nor in the prediction."""
        common = np.diag(self.counts)
        with np.errstate(invalid="ignore"):
            return common / (self.counts.sum(0) + self.counts.sum(1) - common)

    def miou(self) -> float:
        """The mean :meth:`iou` of the classes that occur; NaN if nothing was counted."""
        iou = self.iou()
        return float(np.nanmean(iou)) if self.counts.any() else float("nan")

    def pixel_accuracy(self) -> float:
        """The fraction of pixels whose class is right; NaN if nothing was counted."""
        return float(np.trace(self.counts) / self.counts.sum()) if self.counts.any() else float("nan")
