"""Class labels that index a metric's counts."""

import numpy as np
from numpy.typing import ArrayLike

from edgeprune.errors import EdgepruneError


def checked(labels: ArrayLike, classes: int, what: str) -> np.ndarray:
    """``labels`` as int64.

    Args:
        labels: integers, of any shape.
        classes: how many classes there are.
        what: whose labels these are, for the message.

    Raises:
        EdgepruneError: a label is not in 0..classes-1.
    """
    labels = np.asarray(labels, np.int64)
    if labels.size and not 0 <= labels.min() <= labels.max() < classes:
        raise EdgepruneError(
            f"{what} has labels from {labels.min()} to {labels.max()}, there are {classes} classes",
            remedy="label from 0 to the number of classes - 1, and name the void label, if there is one",
        )
    return labels
