"""How far a score would be from itself on other images: the delete-a-group jackknife (Kott, J. Off. Stat. 17, 2001)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from edgeprune.tasks.base import Task
from edgeprune.tasks.outputs import Outputs

if TYPE_CHECKING:
    import numpy as np

GROUPS = 20


class Jackknife:
    """Sees a split batch by batch, and scores it without each of :data:`GROUPS` random parts of its images.

    The parts are random because splits are stored sorted, by class or by time: of every twentieth image the parts would
    be more alike than other images are.

    Args:
        task: whose accumulators can be merged.
        images: that the split has; of fewer than :data:`GROUPS` each is a part.
    """

    def __init__(self, task: Task, images: int) -> None:
        import numpy

        self.task, self.seen = task, 0
        # the one generator whose numbers NumPy keeps
        self.of = numpy.random.RandomState(0).permutation(images) % min(GROUPS, images)
        self.parts = [task.accumulator() for _ in range(min(GROUPS, images))]

    def __call__(self, outputs: Outputs, targets: np.ndarray) -> None:
        """Take in the next batch, in the split's order."""
        here = self.of[self.seen : self.seen + len(targets)]
        self.seen += len(targets)
        for number in sorted(set(here.tolist())):
            mine = here == number
            self.parts[number].update({name: array[mine] for name, array in outputs.items()}, targets[mine])

    def uncertainty(self) -> dict[str, Any]:
        """``images``; ``standard_error`` ``{metric: float}`` (None where there is none); ``left_out``, the headline
        without each part: networks that saw the same images are compared by these, part by part."""
        try:
            scores = [self._without(number) for number in range(len(self.parts))] if len(self.parts) > 1 else []
        except NotImplementedError:
            scores = []
        values = {metric.name: [score[metric.name] for score in scores] for metric in self.task.metrics}
        known = {name: found if found and all(map(math.isfinite, found)) else None for name, found in values.items()}
        return {
            "images": len(self.of),
            "standard_error": {name: found and math.sqrt(variance(found)) for name, found in known.items()},
            "left_out": known[self.task.headline.name],
        }

    def _without(self, left_out: int) -> dict[str, Any]:
        rest = self.task.accumulator()
        for number, part in enumerate(self.parts):
            if number != left_out:
                rest.merge(part)
        return rest.result()


def variance(left_out: list[float]) -> float:
    """The jackknife's variance of a score (or of a difference of scores) from its values without each part."""
    mean = math.fsum(left_out) / len(left_out)
    return (len(left_out) - 1) / len(left_out) * math.fsum((value - mean) ** 2 for value in left_out)
