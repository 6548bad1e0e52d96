"""From raw values to what networks are trained on, without torch."""

import numpy

from edgeprune.data.store import Manifest


def normalise(inputs: numpy.ndarray, manifest: Manifest) -> numpy.ndarray:
    """Raw (N, C, ...) -> float32 of mean 0 and standard deviation 1 per channel over the training split.

    Raw values are on the scale of the dataset's bytes, also where they are floats. It is the
    arithmetic of :meth:`edgeprune.training.dataset.Dataset.normalise`.
    """
    white = numpy.iinfo(manifest["input"]["dtype"]).max  # mean and std are on the scale 0 to 1
    mean = numpy.array(manifest["mean"], dtype=numpy.float64)
    std = numpy.maximum(numpy.array(manifest["std"], dtype=numpy.float64), 1e-6)  # a constant channel has 0
    per_channel = (-1, *[1] * (inputs.ndim - 2))
    scale = (1 / (white * std)).astype(numpy.float32).reshape(per_channel)
    shift = (-mean / std).astype(numpy.float32).reshape(per_channel)
    return inputs.astype(numpy.float32) * scale + shift
