"""Detection: average precision as COCO's evaluation defines it, and F1 for detectors of centroids."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike

from edgeprune.metrics.labels import checked

IOUS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
_MOST = 100  # detections of a class in an image


class AveragePrecision:
    """AP over a split, image by image: no crowds, boxes of all sizes.

    Of each class the 100 best scores of an image count, as in COCO's evaluation; equal scores count in the order given.
    Classes without a true box in the split are left out of every mean.
    """

    def __init__(self, classes: int) -> None:
        self._truths = np.zeros(classes, np.int64)
        self._scores: list[list[np.ndarray]] = [[] for _ in range(classes)]
        self._hits: list[list[np.ndarray]] = [[] for _ in range(classes)]

    def update(
        self, boxes: ArrayLike, scores: ArrayLike, labels: ArrayLike, truth_boxes: ArrayLike, truth_labels: ArrayLike
    ) -> None:
        """Take in one image.

        Args:
            boxes: (n, 4) x0, y0, x1, y1, in any unit; n may be 0.
            scores: (n,).
            labels: (n,) integers.
            truth_boxes: (m, 4), in the same unit.
            truth_labels: (m,).

        Raises:
            EdgepruneError: a label is no class.
        """
        boxes, truth_boxes = _points(boxes, 4), _points(truth_boxes, 4)
        labels, truth_labels = _labels(labels, truth_labels, len(self._truths))
        scores = np.asarray(scores, np.float64)
        for label in np.union1d(labels, truth_labels):
            mine, theirs = np.flatnonzero(labels == label), truth_labels == label
            mine = mine[np.argsort(-scores[mine], kind="stable")[:_MOST]]
            self._truths[label] += theirs.sum()
            self._scores[label].append(scores[mine])
            self._hits[label].append(_match(_iou(boxes[mine], truth_boxes[theirs])))

    def merge(self, other: "AveragePrecision") -> None:
        """Take in the images of another."""
        self._truths += other._truths
        for mine, theirs in ((self._scores, other._scores), (self._hits, other._hits)):
            for found, more in zip(mine, theirs):
                found += more

    def result(self) -> dict[str, float]:
        """``ap50`` and ``ap50_95`` (the mean over IoU 0.5, 0.55 ... 0.95), on 0..1; NaN if there was no true box."""
        precision = self._mean(range(len(self._truths)))
        return {"ap50": float(precision[0].mean()), "ap50_95": float(precision.mean())}

    def curve(self, iou: float = 0.5, label: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Precision and recall at COCO's 101 points; the mean of the precision is the AP at this IoU.

        Args:
            iou: 0.5, 0.55 ... 0.95.
            label: a class; the mean over the classes with true boxes if None.

        Returns:
            (101,) and (101,), on 0..1; the precision is NaN if there was no true box.
        """
        (row,) = np.flatnonzero(np.isclose(IOUS, iou))
        return self._mean(range(len(self._truths)) if label is None else [label])[row], RECALLS

    def _mean(self, labels: Iterable[int]) -> np.ndarray:
        """(10, 101): :meth:`_precision`, the mean over those of the classes that have true boxes; NaN if none has."""
        found = [self._precision(label) for label in labels if self._truths[label]]
        return np.mean(found, 0) if found else np.full((len(IOUS), len(RECALLS)), np.nan)

    def _precision(self, label: int) -> np.ndarray:
        """(10, 101): the best precision at each recall or a higher one; 0 where that recall is not reached."""
        order = np.argsort(-np.concatenate(self._scores[label]), kind="stable")
        true = np.cumsum(np.concatenate(self._hits[label], 1)[:, order], 1)
        recall, precision = true / self._truths[label], true / np.arange(1, len(order) + 1)
        best = np.zeros((len(IOUS), len(order) + 1))  # what follows the last detection is 0
        best[:, :-1] = np.maximum.accumulate(precision[:, ::-1], 1)[:, ::-1]
        return np.stack([row[np.searchsorted(reached, RECALLS)] for row, reached in zip(best, recall)])


class Centroids:
    """F1 of points against the centres of true boxes.

    In the order of their scores, each point takes the nearest centre of its class that is free and no further away than
    ``distance`` (pixels); the others are false.
    """

    def __init__(self, classes: int, distance: float) -> None:
        self._classes, self._distance = classes, distance
        self._hits = self._points = self._truths = 0

    def update(
        self, points: ArrayLike, scores: ArrayLike, labels: ArrayLike, truth_boxes: ArrayLike, truth_labels: ArrayLike
    ) -> None:
        """Take in one image: as :meth:`AveragePrecision.update`, with points (n, 2) x, y, in pixels.

        Raises:
            EdgepruneError: a label is no class.
        """
        labels, truth_labels = _labels(labels, truth_labels, self._classes)
        self._hits += int(right_points(points, scores, labels, truth_boxes, truth_labels, self._distance).sum())
        self._points += len(labels)
        self._truths += len(truth_labels)

    def merge(self, other: "Centroids") -> None:
        """Take in the images of another."""
        self._hits += other._hits
        self._points += other._points
        self._truths += other._truths

    def result(self) -> dict[str, float]:
        """``f1``, ``precision``, ``recall``, on 0..1; NaN where there is nothing to divide by."""
        parts = {
            "f1": (2 * self._hits, self._points + self._truths),
            "precision": (self._hits, self._points),
            "recall": (self._hits, self._truths),
        }
        return {name: part / whole if whole else float("nan") for name, (part, whole) in parts.items()}


def right_boxes(
    boxes: ArrayLike, scores: ArrayLike, labels: ArrayLike, truth_boxes: ArrayLike, truth_labels: ArrayLike
) -> np.ndarray:
    """Which detections of one image take a true box of their class at IoU 0.5, bool (n,); arguments as of
    :meth:`AveragePrecision.update`."""
    overlaps = _iou(_points(boxes, 4), _points(truth_boxes, 4))
    overlaps[np.asarray(labels)[:, None] != np.asarray(truth_labels)] = 0
    order, right = np.argsort(-np.asarray(scores, np.float64), kind="stable"), np.zeros(len(overlaps), bool)
    right[order] = _match(overlaps[order])[0]
    return right


def right_points(
    points: ArrayLike,
    scores: ArrayLike,
    labels: ArrayLike,
    truth_boxes: ArrayLike,
    truth_labels: ArrayLike,
    distance: float,
) -> np.ndarray:
    """Which points of one image take a true centre, bool (n,); arguments as of :class:`Centroids`."""
    points, truth_boxes = _points(points, 2), _points(truth_boxes, 4)
    centres = (truth_boxes[:, :2] + truth_boxes[:, 2:]) / 2
    far, right = np.linalg.norm(points[:, None] - centres, axis=2), np.zeros(len(points), bool)  # (n, m)
    far[np.asarray(labels)[:, None] != np.asarray(truth_labels)] = np.inf
    for row in np.argsort(-np.asarray(scores, np.float64), kind="stable"):
        if len(centres) and far[row].min() <= distance:
            far[:, far[row].argmin()] = np.inf
            right[row] = True
    return right


def _points(values: ArrayLike, width: int) -> np.ndarray:
    return np.asarray(values, np.float64).reshape(-1, width)  # an empty list, too


def _labels(labels: ArrayLike, truth_labels: ArrayLike, classes: int) -> tuple[np.ndarray, np.ndarray]:
    return checked(labels, classes, "a detection"), checked(truth_labels, classes, "a true box")


def _iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(n, m) intersection over union of (n, 4) and (m, 4) boxes."""
    sides = np.minimum(a[:, None, 2:], b[:, 2:]) - np.maximum(a[:, None, :2], b[:, :2])
    common = sides.clip(0).prod(2)
    union = (a[:, 2:] - a[:, :2]).prod(1)[:, None] + (b[:, 2:] - b[:, :2]).prod(1) - common
    return np.divide(common, union, out=np.zeros_like(common), where=common > 0)


def _match(overlaps: np.ndarray) -> np.ndarray:
    """(10, n): which of n detections, the best first, take a true box at each IoU: the free one that overlaps most.

    Args:
        overlaps: (n, m).
    """
    hits = np.zeros((len(IOUS), len(overlaps)), bool)
    taken = np.zeros((len(IOUS), overlaps.shape[1]), bool)
    for rank in np.flatnonzero((overlaps >= IOUS[0]).any(1)):
        fits = np.where((overlaps[rank] >= IOUS[:, None]) & ~taken, overlaps[rank], 0)
        best = fits.shape[1] - 1 - fits[:, ::-1].argmax(1)  # of equal ones the last, as in COCO's evaluation
        hits[:, rank] = fits.any(1)
        taken[hits[:, rank], best[hits[:, rank]]] = True
    return hits
