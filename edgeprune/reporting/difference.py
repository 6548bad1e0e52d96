"""Whether two groups of runs differ: Welch's interval, Holm's correction, and what so few runs could have shown.

The unit is one run: one plan with one training. Runs of an equal seed are no pairs (docs/statistics.md says why), so a
difference of means is judged unpaired and without assuming that both spread alike: B. L. Welch, Biometrika 34 (1947),
with the degrees of freedom of Satterthwaite (1946). Several comparisons of one table are a family, whose chance of any
false claim is held at :data:`ALPHA` by the step-down procedure of S. Holm, Scand. J. Statist. 6 (1979).

Values are in whatever unit the samples have; larger is better. scipy is imported where it computes, for it is slow.
"""

import math
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

ALPHA = 0.05  # of a family: the chance that it holds any false claim
POWER = 0.8  # with which the smallest difference would have been found


@dataclass(frozen=True)
class Sample:
    """What a group of runs says: how many, their mean, their standard deviation (n − 1; None of a single run)."""

    n: int
    mean: float
    sd: float | None

    @classmethod
    def of(cls, values: Iterable[float]) -> Self:
        """Of one number or more.

        Raises:
            statistics.StatisticsError: there is none.
        """
        values = list(values)
        if not all(map(math.isfinite, values)):  # of a training that diverged: there is no spread to know either
            return cls(len(values), sum(values) / len(values), math.nan if len(values) > 1 else None)
        return cls(len(values), statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None)


@dataclass(frozen=True)
class Difference:
    """The first sample's mean minus the second's, and how sure it is.

    Attributes:
        value: the difference, of two :class:`Sample` ``first`` and ``second``.
        low, high: the 95 % interval of this one difference; ``df`` its degrees of freedom, ``p`` two-sided.
        adjusted: ``p`` after Holm's correction over the ``family`` comparisons that it belongs to.
        smallest: the true difference that this spread and n would have shown with :data:`POWER`, in the hardest place
            of the family: tested at ALPHA / family, which is what Holm asks of the first claim.
        reason: why there is none of these numbers; otherwise None.
    """

    value: float
    first: Sample
    second: Sample
    low: float | None = None
    high: float | None = None
    df: float | None = None
    p: float | None = None
    adjusted: float | None = None
    family: int = 1
    smallest: float | None = None
    reason: str | None = None

    @property
    def half(self) -> float | None:
        """Half the interval's width; None without an interval."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2

    @property
    def verdict(self) -> str | None:
        """``"ahead"`` or ``"behind"``, and only where the corrected test says so; None if it can't be told.

        The corrected p is never below the plain one, so the interval of what is ahead or behind excludes 0.
        """
        if self.adjusted is None or not self.adjusted < ALPHA:
            return None
        return "ahead" if self.value > 0 else "behind"

    @property
    def only_alone(self) -> bool:
        """Whether the interval excludes 0 and Holm's correction takes the claim back."""
        return self.p is not None and self.p < ALPHA and self.verdict is None

    @property
    def counts(self) -> str:
        """``"5"`` runs on both sides, or ``"5 and 3"``."""
        return str(self.first.n) if self.first.n == self.second.n else f"{self.first.n} and {self.second.n}"


def welch(first: Sample, second: Sample) -> Difference:
    """The :class:`Difference` of two samples, as a family of its own.

    With fewer than two runs on a side, or no spread on either, there is no interval, and so no verdict.
    """
    value = first.mean - second.mean
    plain = Difference(value, first, second)
    if min(first.n, second.n) < 2 or first.sd is None or second.sd is None:
        return replace(plain, reason=f"n = {plain.counts}")
    parts = [first.sd**2 / first.n, second.sd**2 / second.n]
    error = math.sqrt(sum(parts))
    if not math.isfinite(value) or not math.isfinite(error):
        return replace(plain, reason=f"n = {plain.counts}, a score that is no number")
    if error == 0:
        return replace(plain, reason=f"n = {plain.counts}, all runs of a side alike")
    from scipy import special

    df = 1 / sum((part / error**2) ** 2 / (sample.n - 1) for part, sample in zip(parts, (first, second)))
    p = float(2 * special.stdtr(df, -abs(value) / error))
    reach = float(special.stdtrit(df, 1 - ALPHA / 2)) * error
    bounds = {"low": value - reach, "high": value + reach}
    return replace(plain, **bounds, df=df, p=p, adjusted=p, smallest=shift(df, ALPHA) * error)


def family(differences: Sequence[Difference]) -> list[Difference]:
    """The differences of a table after Holm: ``adjusted``, ``family``, ``smallest``. Untested ones don't count."""
    ps = [found.p for found in differences if found.p is not None]
    adjusted = iter(holm(ps))
    return [_corrected(found, adjusted, len(ps)) for found in differences]


def holm(ps: Sequence[float]) -> list[float]:
    """Adjusted p of each of ``ps``, in order: the k-th smallest of m times m − k + 1, never falling, 1 at most."""
    adjusted, floor = [0.0] * len(ps), 0.0
    for rank, index in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        floor = max(floor, min(1.0, (len(ps) - rank) * ps[index]))
        adjusted[index] = floor
    return adjusted


def half_width(sample: Sample) -> float | None:
    """Half the 95 % interval of one sample's mean (Student's t); None with fewer than two runs, or without spread."""
    if sample.n < 2 or not sample.sd:
        return None
    from scipy import special

    return float(special.stdtrit(sample.n - 1, 1 - ALPHA / 2)) * sample.sd / math.sqrt(sample.n)


def shift(df: float, alpha: float) -> float:
    """The true difference, in standard errors, that a two-sided test at ``alpha`` finds with :data:`POWER`.

    It is the noncentrality at which a noncentral t of ``df`` exceeds the critical value so often. That a difference is
    found with the wrong sign is left out (its chance is below 1e-5); spread and ``df`` are taken as they were observed.
    """
    from scipy import special

    return float(special.nctdtrinc(df, 1 - POWER, special.stdtrit(df, 1 - alpha / 2)))


def _corrected(found: Difference, adjusted: Iterator[float], size: int) -> Difference:
    if found.p is None or found.df is None or found.smallest is None:
        return found
    error = found.smallest / shift(found.df, ALPHA / found.family)
    return replace(found, adjusted=next(adjusted), family=size, smallest=shift(found.df, ALPHA / size) * error)


def words(found: Difference, places: int = 2, other: str = "") -> str:
    """The verdict, if need be with whom it is of: ``ahead``, ``behind dense``, ``not told apart (n = 5, ± 1.10)``,
    ``n = 1: no interval``."""
    if found.reason:
        return f"{found.reason}: no interval" + (f" to tell it from {other}" if other else "")
    if found.verdict:
        return found.verdict + {"ahead": f" of {other}", "behind": f" {other}"}[found.verdict] * bool(other)
    told = f"not told apart from {other}" if other else "not told apart"
    if found.only_alone:
        told += " after Holm's correction"
    return f"{told} (n = {found.counts}, ± {found.half:.{places}f})"


def signed(value: float, places: int = 2) -> str:
    """``+1.09``, ``−2.04``, ``0.00``."""
    text = f"{abs(value):.{places}f}"
    return text if not float(text) else f"{'+' if value > 0 else '−'}{text}"


def probability(value: float | None) -> str:
    """``0.041``, ``<0.001``; a dash for None."""
    if value is None:
        return "–"
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def interval(found: Difference, places: int = 2) -> str:
    """``[−3.00, −1.08]``; a dash without an interval."""
    return (
        "–"
        if found.low is None or found.high is None
        else f"[{signed(found.low, places)}, {signed(found.high, places)}]"
    )
