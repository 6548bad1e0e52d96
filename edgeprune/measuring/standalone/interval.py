"""Medians, and intervals by Student's t distribution."""

import math

#: Quantiles 0.975 of the t distribution with 1, 2 … degrees of freedom.
T975 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201)


def median(values):
    values = sorted(values)
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


def mean_interval(values):
    """``(mean, low, high)`` with the 95 % interval of 2 to 12 independent values; no interval of one value."""
    count = len(values)
    mean = sum(values) / count
    if count < 2:
        return mean, None, None
    variance = sum((value - mean) ** 2 for value in values) / (count - 1)
    half = T975[count - 2] * math.sqrt(variance / count)
    return mean, mean - half, mean + half


def ratio_interval(values):
    """The same of positive values by their logarithms: the geometric mean and its interval."""
    return tuple(
        None if value is None else math.exp(value) for value in mean_interval([math.log(value) for value in values])
    )
