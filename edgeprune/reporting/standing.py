"""Which candidates can be told from the one that is best on validation; docs/statistics.md has the reasons.

Two things make a validation score uncertain: the run (another plan and another training) and the images. Runs are
nobody's in common, so their variance, pooled over all candidates, always counts. Images are the same for all, so a
difference is less uncertain than the two scores are. A difference is *told* where it exceeds either of

- the 95 % reach of the two scores' own standard errors, as if each had been scored on images of its own;
- the 99.8 % reach of the standard error of the difference, whose images' part is what a jackknife over the shared
  images says of the difference itself.

The first is what the standard errors beside the scores say; the second is for metrics that vary far more between images
than between networks on one image, as PSNR does.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from edgeprune.reporting import Row
from edgeprune.tasks.base import Metric
from edgeprune.tasks.jackknife import variance

APART, TOGETHER = 0.05, 0.002  # the two-sided chance of an error of each of the two
POWER = 0.8  # with which more runs would tell
MOST_RUNS = 1000  # that are proposed


@dataclass(frozen=True)
class Gap:
    """How far the best is ahead of another candidate on validation, in the metric's unit.

    Attributes:
        row: the other one.
        value: the difference of the means, 0 or more.
        half: what ``value`` must exceed to be told; None where nothing says how much scores spread.
        run: variance of a single run.
        images: what the images add to the variance of the difference, ``(apart, together)``, as above; None where the
            runs are on record without it.
        counts: runs on each side.
    """

    row: Row
    value: float
    half: float | None
    run: float | None
    images: tuple[float, float] | None
    counts: tuple[int, int]

    @property
    def told(self) -> bool:
        return self.half is not None and self.value > self.half

    def runs_to_tell(self) -> int | None:
        """About how many runs on each side would tell this difference, if it is the true one, in 80 of 100 repetitions;
        None where no number of runs would, or nobody knows."""
        if not self.value or not self.run:
            return None
        apart, together = self.images or (0.0, 0.0)
        rooms = [(self.value / reach) ** 2 - part for reach, part in zip(_reaches(), (apart, together))]
        needed = min((2 * self.run / room for room in rooms if room > 0), default=math.inf)
        return max(math.ceil(needed), *(count + 1 for count in self.counts)) if needed <= MOST_RUNS else None

    def images_to_tell(self, images: int) -> int | None:
        """About how many images it would take beside any number of runs, where ``images`` are not enough."""
        if not self.value or not self.images:
            return None
        factor = min(part / (self.value / reach) ** 2 for reach, part in zip(_reaches(), self.images))
        return math.ceil(images * factor) if factor > 1 else None


def gaps(groups: Sequence[Row], metric: Metric) -> list[Gap]:
    """The :class:`Gap` of the first, which is the best, and each other of ``groups``
    (:func:`edgeprune.reporting.runs.group`)."""
    run = _of_a_run(groups, metric)
    return [_gap(groups[0], other, run, metric) for other in groups[1:]]


def half_width(row: Row, groups: Sequence[Row], metric: Metric) -> float | None:
    """Half the 95 % interval of one candidate's score, runs pooled over ``groups``; None where nothing is known."""
    run, images = _of_a_run(groups, metric), _left_out(row, metric)
    parts = [(variance(images), len(images) - 1)] if images else []
    parts += [(run[0] / row["val_n"], run[1])] if run else []
    return _reach(APART, parts) if parts else None


def slower(row: Row, other: Row) -> bool:
    """Whether one measured row is told to be slower than another at the same device: by more than the device resolves,
    if that is known, and the intervals of the two latencies (:mod:`edgeprune.reporting.latency`; within a pair those
    of the speed-ups) don't overlap. Without a speed-up the measured latencies decide."""
    if row["latency_ms_low"] is None or other["latency_ms_high"] is None:
        return row["latency_ms"] > other["latency_ms"]
    beyond = row["latency_ms"] / other["latency_ms"] - 1 > (row.get("resolution") or 0)
    return beyond and row["latency_ms_low"] > other["latency_ms_high"]


def _gap(best: Row, other: Row, run: tuple[float, int] | None, metric: Metric) -> Gap:
    counts = best["val_n"], other["val_n"]
    first, second = _left_out(best, metric), _left_out(other, metric)
    images = None
    if first and second:
        images = variance(first) + variance(second), variance([a - b for a, b in zip(first, second)])
    half = None
    if run or images:
        runs = [(run[0] * sum(1 / count for count in counts), run[1])] if run else []
        apart = [(variance(part), len(part) - 1) for part in (first, second) if part] if images else []
        together = [(images[1], len(first or ()) - 1)] if images else []
        half = min(_reach(APART, runs + apart), _reach(TOGETHER, runs + together))
    value = abs(best["val"] - other["val"]) * metric.scale
    return Gap(other, value, half, run and run[0], images, counts)


def _of_a_run(groups: Sequence[Row], metric: Metric) -> tuple[float, int] | None:
    """Variance between the runs of one candidate, pooled over all, and its degrees of freedom; None without any."""
    known = [(row["val_std"] * metric.scale, row["val_n"] - 1) for row in groups if row["val_std"] is not None]
    freedom = sum(count for _, count in known)
    return (sum(count * sd**2 for sd, count in known) / freedom, freedom) if freedom else None


def _left_out(row: Row, metric: Metric) -> list[float] | None:
    """The row's score without each part of the images, in the metric's unit."""
    text = row.get("val_left_out")
    return [metric.scale * float(value) for value in text.split()] if text else None


def _reach(alpha: float, parts: Sequence[tuple[float, int]]) -> float:
    """Half the interval at 1 − ``alpha`` of a sum of estimated variances ``(variance, degrees of freedom)``; those of
    the sum are after Satterthwaite."""
    from scipy import special

    total = sum(part for part, _ in parts)
    if not total:
        return 0.0
    freedom = total**2 / sum(part**2 / count for part, count in parts)
    return float(special.stdtrit(freedom, 1 - alpha / 2)) * math.sqrt(total)


def _reaches() -> tuple[float, float]:
    """Standard errors that a true difference must have to be told by each of the two rules with :data:`POWER`."""
    from scipy import special

    apart, together = (float(special.ndtri(1 - alpha / 2) + special.ndtri(POWER)) for alpha in (APART, TOGETHER))
    return apart, together
