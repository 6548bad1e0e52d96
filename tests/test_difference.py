"""Differences of runs, against scipy's own test and against simulations whose truth is known."""

import math
import random

import numpy
import pytest
from scipy import stats

from edgeprune.reporting import difference
from edgeprune.reporting.difference import Sample


def normal(random_state, n, mean=0.0, sd=1.0):
    return random_state.normal(mean, sd, n)


def compare(first, second):
    if isinstance(first, numpy.ndarray):  # numpy's own mean and deviation are faster where thousands are made
        samples = (Sample(len(part), float(part.mean()), float(part.std(ddof=1))) for part in (first, second))
        return difference.welch(*samples)
    return difference.welch(Sample.of(first), Sample.of(second))


@pytest.mark.parametrize(("n", "m", "ratio"), [(2, 2, 1), (3, 5, 4), (5, 5, 0.1), (40, 2, 9), (12, 30, 1)])
def test_the_test_and_its_interval_are_scipys(n, m, ratio):
    made = numpy.random.default_rng([n, m])
    for _ in range(20):
        first, second = normal(made, n, 80, 1.7), normal(made, m, 79, 1.7 * ratio)
        found, theirs = compare(first, second), stats.ttest_ind(first, second, equal_var=False)
        bounds = theirs.confidence_interval(0.95)
        assert found.value == pytest.approx(first.mean() - second.mean())
        assert (found.df, found.p) == pytest.approx((theirs.df, theirs.pvalue), rel=1e-9)
        assert (found.low, found.high) == pytest.approx((bounds.low, bounds.high), rel=1e-9)
        assert found.half == pytest.approx((bounds.high - bounds.low) / 2)


def test_the_interval_of_one_mean_is_students():
    values = [79.1, 80.4, 78.8, 81.0]
    low, high = stats.t.interval(0.95, 3, numpy.mean(values), stats.sem(values))
    assert difference.half_width(Sample.of(values)) == pytest.approx((high - low) / 2)
    assert difference.half_width(Sample.of(values[:1])) is None
    assert difference.half_width(Sample.of([80.0, 80.0])) is None


@pytest.mark.parametrize(("n", "m", "ratio"), [(3, 3, 1), (5, 5, 2), (5, 3, 3)])
def test_the_interval_covers_the_truth_in_95_of_100(n, m, ratio):
    made, trials, covered = numpy.random.default_rng([7, n, m]), 3000, 0
    for _ in range(trials):
        found = compare(normal(made, n, 2.0), normal(made, m, 0.5, ratio))
        covered += found.low <= 1.5 <= found.high
    # Welch's approximation itself is off by up to a point at such n; four standard errors of the simulation are 1.6
    assert 0.935 <= covered / trials <= 0.985


def test_holm_by_hand():
    # sorted .005 .01 .03 .04, times 4 3 2 1: .02 .03 .06 .04, and the last may not fall below .06
    assert difference.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert difference.holm([0.5, 0.9]) == [1.0, 1.0]
    assert (difference.holm([]), difference.holm([0.03])) == ([], [0.03])


def tables(trials, truths, n=4):
    """Made-up tables: one group of ours against baselines whose true differences to it are ``truths``."""
    made = numpy.random.default_rng([11, len(truths), n])
    for _ in range(trials):
        ours = normal(made, n)
        plain = [compare(ours, normal(made, n, -truth)) for truth in truths]
        yield plain, difference.family(plain)


def test_a_table_without_differences_claims_one_in_at_most_5_of_100():
    trials, alone, corrected = 2000, 0, 0
    for plain, family in tables(trials, [0.0] * 6):
        alone += any(found.verdict for found in plain)
        corrected += any(found.verdict for found in family)
    assert alone / trials > 0.12  # so it takes a correction
    assert 0.005 < corrected / trials <= 0.05 + 3 * (0.05 * 0.95 / trials) ** 0.5


def test_true_differences_in_a_table_do_not_bring_false_ones_along():
    trials, false, found = 1500, 0, 0
    for _, family in tables(trials, [0.0, 0.0, 8.0, 8.0]):
        false += any(part.verdict for part in family[:2])
        found += sum(part.verdict == "ahead" for part in family[2:])
    assert false / trials <= 0.05 + 3 * (0.05 * 0.95 / trials) ** 0.5
    assert found / (2 * trials) > 0.9


@pytest.mark.parametrize("size", [1, 6])
@pytest.mark.parametrize(("n", "m"), [(5, 5), (12, 12), (10, 20)])
def test_the_smallest_difference_is_found_in_80_of_100(n, m, size):
    known = difference.welch(Sample(n, 0.0, 1.0), Sample(m, 0.0, 1.0))
    smallest = difference.family([known] * size)[0].smallest
    made, trials, hits = numpy.random.default_rng([n, m, size]), 3000, 0
    for _ in range(trials):
        hits += compare(normal(made, n, smallest), normal(made, m)).p < difference.ALPHA / size
    # df are those of the true spread, which samples seldom reach: a few points fewer at n = 5
    assert 0.8 - 0.07 <= hits / trials <= 0.8 + 0.03


def test_the_smallest_difference_agrees_with_the_power_of_the_noncentral_t():
    for df, alpha in ((2, 0.05), (4.3, 0.01), (28, 0.05)):
        critical = stats.t.ppf(1 - alpha / 2, df)
        shift = difference.shift(df, alpha)
        power = stats.nct.sf(critical, df, shift) + stats.nct.cdf(-critical, df, shift)
        assert power == pytest.approx(difference.POWER, abs=1e-4)


def test_it_shrinks_with_more_runs_and_grows_with_the_family():
    few, many = (difference.welch(Sample(n, 0.0, 1.7), Sample(n, 0.0, 1.7)) for n in (5, 40))
    assert few.smallest > 3
    assert many.smallest == pytest.approx(1.08, abs=0.01)  # one point at this noise: some 40 runs on each side
    assert difference.family([few, many])[0].smallest > few.smallest
    assert difference.family(difference.family([few, many])) == difference.family([few, many])


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ([80.0], [70.0, 70.1, 70.2], "n = 1 and 3: no interval"),
        ([80.0], [70.0], "n = 1: no interval"),
        ([80.0, 80.0], [70.0, 70.0], "n = 2, all runs of a side alike: no interval"),
    ],
)
def test_without_an_interval_nobody_is_ahead(first, second, words):
    found = compare(first, second)
    assert (found.verdict, found.low, found.p, found.adjusted, found.smallest) == (None,) * 5
    assert difference.words(found) == words
    assert difference.interval(found) == "–"
    tested = compare([1.0, 1.1, 1.2], [5.0, 5.1, 5.2])
    both = difference.family([found, tested])
    assert both[0] == found
    assert both[1] == tested  # what was not tested takes nothing from the others


def test_a_side_without_spread_is_no_hindrance():
    found = compare([80.0, 80.0, 80.0], [70.0, 70.5, 71.0])
    theirs = stats.ttest_1samp([70.0, 70.5, 71.0], 80.0)
    assert (found.p, found.df) == pytest.approx((theirs.pvalue, 2))
    assert found.verdict == "ahead"


def test_of_a_score_that_is_no_number_nothing_is_claimed():
    for lost in (math.nan, math.inf):
        found = compare([1, lost], [1, 2])
        assert found.verdict is None
        assert "no number" in difference.words(found)


def test_the_words_follow_the_corrected_decision():
    clear, weak, none = (difference.welch(Sample(5, d, 0.5), Sample(5, 0.0, 0.5)) for d in (-3.0, 0.8, 0.3))
    assert weak.verdict == "ahead"  # on its own
    family = difference.family([clear, weak, none, none])
    words = [difference.words(found) for found in family]
    assert words[0] == "behind"
    assert words[1] == "not told apart after Holm's correction (n = 5, ± 0.73)"
    assert words[2] == "not told apart (n = 5, ± 0.73)"
    assert difference.words(family[0], other="dense") == "behind dense"
    assert difference.words(weak, other="dense") == "ahead of dense"
    assert difference.words(family[2], other="dense").startswith("not told apart from dense (n")
    assert difference.interval(family[0]) == "[−3.73, −2.27]"
    assert [difference.signed(v) for v in (1.094, -2.04, -0.001)] == ["+1.09", "−2.04", "0.00"]
    assert [difference.probability(v) for v in (0.0412, 0.0001, None)] == ["0.041", "<0.001", "–"]


def test_whoever_is_ahead_has_an_interval_without_0():
    made = random.Random(3)
    for _ in range(300):
        pairs = [[[made.gauss(made.choice((0, 2)), 1) for _ in range(4)] for _ in range(2)] for _ in range(4)]
        for found in difference.family([compare(*pair) for pair in pairs]):
            excludes = found.low > 0 or found.high < 0
            assert excludes == (found.p < difference.ALPHA) == (found.verdict is not None or found.only_alone)
            if found.verdict:
                assert (found.verdict == "ahead") == (found.low > 0)
