"""scikit-learn's bundled digits: 1797 handwritten digits of 8 x 8 pixels, values 0 to 16."""

from collections.abc import Iterator

import numpy as np

from edgeprune.data.request import Batch, Collection, Request
from edgeprune.data.targets import ClassTarget

TEST_FRACTION = 0.2  # the data set has no test split of its own; the cut is the same for everyone


def load(request: Request) -> Collection:
    """Return the digits as a :class:`Collection`; there is nothing to download."""
    from sklearn.datasets import load_digits

    pixels, labels = map(np.asarray, load_digits(return_X_y=True))
    # v / 16 on the scale of a byte, rounded to the nearest (halves upwards), in integers: floor((255 v + 8) / 16).
    inputs = ((pixels.astype(np.int64) * 255 + 8) // 16).astype(np.uint8).reshape(-1, 1, 8, 8)
    labels = labels.astype(np.int64)

    def read() -> Iterator[Batch]:
        yield "train", np.arange(len(labels)), inputs, labels

    return Collection(
        input_shape=(1, 8, 8),
        target=ClassTarget(tuple(str(digit) for digit in range(10))),
        strata={"train": labels},
        read=read,
        origin={"source": "digits", "scaling": "floor((255 * value + 8) / 16)"},
        test_fraction=TEST_FRACTION,
    )
