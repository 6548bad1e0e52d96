"""Who is compared with whom, and what is said of it, the same on the results page, in tables and in captions.

Each of our plans meets the dense network and every other group at the same mode and target, or the same budget. All
such comparisons of one network, dataset and place are one family; see :mod:`edgeprune.reporting.difference`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from edgeprune.reporting import Row, difference, runs
from edgeprune.tasks.base import Metric


@dataclass(frozen=True)
class Comparison:
    """Two grouped rows and their :class:`edgeprune.reporting.difference.Difference`, in the metric's unit; positive
    where ``ours`` is better, whether more or less of the metric is. None where a score is not known."""

    ours: dict[str, Any]
    baseline: dict[str, Any]
    found: difference.Difference | None


def places(groups: Sequence[Row]) -> dict[tuple[str, str, str | None], list[Row]]:
    """The groups of each network, dataset and place: ``{(network, dataset, place): groups}``."""
    parts = {}
    for row in groups:
        parts.setdefault((row["network"], row["dataset"], runs.place(row)), []).append(row)
    return parts


def compare(groups: Sequence[Row], metric: Metric) -> list[Comparison]:
    """Every comparison of the test scores of one network, dataset and place.

    Args:
        groups: as :func:`edgeprune.reporting.runs.group` makes them.
        metric: :class:`edgeprune.tasks.base.Metric` that they share.
    """
    dense = [row for row in groups if runs.is_dense(row)]
    met = [
        (ours, baseline)
        for ours in groups
        if runs.is_main(ours)
        for baseline in [*dense, *(row for row in groups if runs.is_rival(row, ours))]
    ]
    return _judged(met, metric, "score")


def known(comparisons: Iterable[Comparison]) -> list[tuple[Comparison, difference.Difference]]:
    """Those whose scores are known, each with its difference."""
    return [(c, c.found) for c in comparisons if c.found]


def sample(row: Row, metric: Metric, column: str = "score") -> difference.Sample | None:
    """The row's runs as a :class:`edgeprune.reporting.difference.Sample` in the metric's unit, larger being better;
    None if no run has the score."""
    if row[column] is None:
        return None
    sign = metric.scale if metric.higher_is_better else -metric.scale
    sd = row[f"{column}_std"]
    return difference.Sample(row[f"{column}_n"], sign * row[column], None if sd is None else metric.scale * sd)


def against(comparison: Comparison, metric: Metric) -> str:
    """``−2.04 points [−3.00, −1.08], behind dense``; ``+0.30 points, not told apart from dense (n = 5, ± 1.10)``;
    empty where a score is not known."""
    found, places = comparison.found, metric.decimals
    if found is None:
        return ""
    amount = f"{difference.signed(found.value, places)} {metric.difference}".rstrip()
    if found.verdict:
        amount += f" {difference.interval(found, places)}"
    return f"{amount}, {difference.words(found, places, runs.label(comparison.baseline))}"


def to_dense(row: Row, comparisons: Sequence[Comparison], metric: Metric) -> str:
    """:func:`against` of the row and the dense network, after ``"; "``; empty if they were not compared."""
    found = (c for c in comparisons if c.ours is row and runs.is_dense(c.baseline) and c.found)
    return "".join(f"; {against(c, metric)}" for c in found)


def beside_dense(row: Row, groups: Sequence[Row], metric: Metric) -> str:
    """:func:`against` of a row and the dense network among ``groups``: one of our plans as its family is judged,
    another alone; empty for the dense network itself, or without one."""
    found = [c for c in compare(groups, metric) if c.ours is row and runs.is_dense(c.baseline)]
    alone = [(row, dense) for dense in groups if runs.is_dense(dense) and dense is not row]
    return "".join(against(c, metric) for c in found or _judged(alone, metric, "score"))


def summary(comparisons: Sequence[Comparison]) -> str:
    """One line in words: where ours is ahead and behind, and in how many it is not told apart; empty without any."""
    found = known(comparisons)
    if not found:
        return ""
    said = []
    for verdict in ("ahead", "behind"):
        names = [f"{title(c.ours)} against {runs.label(c.baseline)}" for c, d in found if d.verdict == verdict]
        said += [f"{verdict} in {len(names)} ({'; '.join(names)})"] if names else []
    level = sum(d.verdict is None and not d.reason for _, d in found)
    untold = sum(d.reason is not None for _, d in found)
    said += [f"not told apart in {level}"] if level else []
    said += [f"without an interval in {untold}: too few runs, or no spread"] if untold else []
    return f"{len(found)} comparison{'s' if len(found) > 1 else ''} of test scores: ours is {', '.join(said)}."


def title(row: Row) -> str:
    """``FA at −50 %``; of a plan for a budget, its label."""
    return runs.label(row) + ("" if row["target"] is None else f" at −{100 * row['target']:g} %")


def _judged(met: Sequence[tuple[Row, Row]], metric: Metric, column: str) -> list[Comparison]:
    samples = [(sample(ours, metric, column), sample(baseline, metric, column)) for ours, baseline in met]
    tested = iter(difference.family([difference.welch(a, b) for a, b in samples if a and b]))
    return [Comparison(*both, next(tested) if all(found) else None) for both, found in zip(met, samples)]
