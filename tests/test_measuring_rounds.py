"""Speed-ups and their intervals over rounds."""

import math

import numpy
import pytest
import scipy.stats

from edgeprune.measuring.standalone import interval, rounds


@pytest.mark.parametrize("draw", ["normal", "tails", "outliers"])
def test_intervals_over_rounds_hold_the_truth_as_often_as_they_say(draw):
    """With logarithms of ratios around that of 1.05 and a spread of 2 % between rounds, as seen on a loaded machine."""
    random = numpy.random.default_rng(0)
    noise = {
        "normal": random.normal(size=(4000, rounds.ROUNDS)),
        "tails": random.standard_t(3, size=(4000, rounds.ROUNDS)),
        "outliers": random.normal(size=(4000, rounds.ROUNDS))
        * random.choice([1, 5], (4000, rounds.ROUNDS), p=[0.9, 0.1]),
    }[draw]
    found = [interval.ratio_interval([1.05 * math.exp(0.02 * value) for value in values]) for values in noise]
    assert 0.94 <= sum(low <= 1.05 <= high for _, low, high in found) / len(found) <= 0.985
    assert all(low < middle < high for middle, low, high in found)


def test_the_quantiles_are_students():
    for degrees, quantile in enumerate(interval.T975, 1):
        assert quantile == pytest.approx(scipy.stats.t.ppf(0.975, degrees), abs=1e-3)
    assert interval.ratio_interval([2.0]) == (2.0, None, None)


def test_a_session_that_is_slow_for_as_long_as_it_lives_does_not_make_a_network_differ_from_itself():
    """The fault of intervals over blocks: pairs of one session agree with each other, and not with the next session."""
    random, hits = numpy.random.default_rng(0), 0
    for _ in range(400):
        counts = []
        for _ in range(rounds.ROUNDS):
            here = random.lognormal(0, 0.02, size=(2, 1)) * random.lognormal(0, 0.002, size=(2, 20))
            counts.append([{"block_medians": list(blocks)} for blocks in here])
        _, low, high = interval.ratio_interval([rounds.speedup_of(each) for each in counts])
        hits += low <= 1 <= high
    assert 0.92 < hits / 400 < 0.98


def test_a_round_is_of_pairs_so_that_drift_cancels():
    clock = [1.0 + 0.5 * (i // 10) for i in range(40)]  # the machine slows down, by 2.5 in all
    ours, theirs = ({"block_medians": [seconds * c for c in clock]} for seconds in (0.010, 0.020))
    assert rounds.speedup_of([ours, theirs]) == pytest.approx(2)
