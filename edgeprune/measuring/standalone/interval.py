"""Medians, and intervals that hold them."""

import math


def median(values):
    values = sorted(values)
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


def median_interval(values, confidence=0.95):
    """(low, high) that hold the median of what the values were drawn from with at least this confidence.

    The k-th smallest and the k-th largest value: the median lies outside only if fewer than k of n draws fall on one
    side of it, which has the probability of the binomial distribution (n, 1/2). (None, None) for fewer than 6 values.
    """
    values, k, tail = sorted(values), 0, 0
    while 2 * (tail + math.comb(len(values), k)) <= (1 - confidence) * 2 ** len(values):
        tail += math.comb(len(values), k)
        k += 1
    return (values[k - 1], values[-k]) if k else (None, None)
