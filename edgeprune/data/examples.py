"""Examples of a split as a task sees them, and how well a network does on them, whatever runs it."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby, islice
from typing import Any

import numpy as np

from edgeprune.data.scaling import normalise
from edgeprune.data.store import MANIFEST, Samples
from edgeprune.errors import EdgepruneError
from edgeprune.metrics.tiles import by_tiles
from edgeprune.tasks.base import Task
from edgeprune.tasks.outputs import only

#: Values of the inputs that go through a network together, at most.
LARGEST_BATCH = 1 << 25
#: Tiles of a whole image overlap by this share of a tile's side.
OVERLAP = 0.125

#: From normalised inputs, float32 (n, C, h, w), to the outputs (n, ...) by name.
Predict = Callable[[np.ndarray], Mapping[str, np.ndarray]]


def evaluated(
    task: Task, samples: Samples, split: str, batch: int, indices: Iterable[int] | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Normalised inputs, float32 (n, C, h, w), and targets (n, ...), in order: all, or those of ``indices``.

    Those of the deploy size come in batches, images of another size one by one.
    """

    def examples() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for index in range(len(samples)) if indices is None else indices:
            image, target = task.example(samples.image(index), samples.target(index))
            yield task.observe(image, split, index), target

    most = min(batch, max(1, LARGEST_BATCH // math.prod(task.input_shape)))
    for shape, alike in groupby(examples(), key=lambda example: example[0].shape):
        while some := list(islice(alike, most if shape == task.input_shape else 1)):
            images, targets = zip(*some)
            yield normalise(np.stack(images), task.manifest), stack(list(targets), task)


def some(images: int, count: int) -> list[int]:
    """So many of a split's images, in order: random, as splits are stored sorted, and always the same."""
    return sorted(np.random.RandomState(0).permutation(images)[:count].tolist())


def score(
    task: Task,
    samples: Samples,
    split: str,
    predict: Predict,
    batch: int,
    see: Callable[[Mapping[str, np.ndarray], np.ndarray], object] = lambda outputs, targets: None,
) -> dict[str, Any]:
    """The task's metrics over one split.

    Args:
        predict: runs the network on inputs of the deploy size; a larger image is put together from overlapping tiles.
        batch: of so many images, at most.
        see: called with the outputs and targets of each batch.
    """
    accumulator = task.accumulator()
    for inputs, targets in evaluated(task, samples, split, batch):
        outputs = whole(predict, inputs, task.input_shape)
        accumulator.update(outputs, targets)
        see(outputs, targets)
    return accumulator.result()


def score_baseline(task: Task, samples: Samples, split: str) -> dict[str, Any]:
    """The task's metrics of its baseline over one split, image by image."""
    accumulator = task.accumulator()
    for inputs, targets in evaluated(task, samples, split, 1):
        accumulator.update(task.baseline_outputs(inputs[0]), targets)
    return accumulator.result()


def whole(predict: Predict, inputs: np.ndarray, shape: tuple[int, ...]) -> Mapping[str, np.ndarray]:
    """Outputs for a batch of the deploy size ``shape``, or for one image of another size."""
    if inputs.shape[1:] == shape:
        return predict(inputs)
    _, height, width = shape
    overlap = max(1, int(OVERLAP * min(height, width)))
    return {"output": by_tiles(inputs[0], (height, width), lambda tiles: only(predict(tiles)), overlap)[None]}


def stack(targets: list[np.ndarray], task: Task) -> np.ndarray:
    """Targets of a batch as one array (N, ...); lists of boxes are filled up by rows of -1.

    Raises:
        EdgepruneError: labels are beyond the classes.
    """
    if task.targets == "boxes":
        most = max(len(boxes) for boxes in targets)
        filled = np.full((len(targets), most, 5), -1, dtype=np.float32)
        for row, boxes in zip(filled, targets):
            row[: len(boxes)] = boxes
        return filled
    stacked = np.stack(targets)
    if task.targets == "class":
        _check_labels(stacked, len(task.classes))
    return stacked


def _check_labels(labels: np.ndarray, classes: int) -> None:
    if labels.size and not 0 <= labels.min() <= labels.max() < classes:
        raise EdgepruneError(
            f"holds labels from {labels.min()} to {labels.max()}, the manifest has {classes} classes",
            file=MANIFEST,
            key="target.classes",
            remedy="fetch the dataset again",
        )
