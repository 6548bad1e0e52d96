"""Choose among measured runs under constraints; what excludes the others; what would have to give way.

The rule: of the variants that satisfy every constraint (means over their runs), those that cannot be told from the one
with the best *validation* score (:mod:`edgeprune.reporting.standing`); of these the cheapest. Choices are made on
validation data, so the constraint on the score is on the validation score too; the test score is shown beside it and
decides nothing.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgeprune.config import limits
from edgeprune.errors import EdgepruneError
from edgeprune.reporting import Row, runs, standing, units
from edgeprune.reporting.standing import Gap
from edgeprune.tasks.base import Metric

RULE = (
    "of those that satisfy every constraint and cannot be told from the best mean validation score, the fastest; "
    "where speed was not measured or is not told either, the one of the fewest FLOPs"
)


@dataclass(frozen=True)
class Constraint:
    """A limit on one column of a group.

    Attributes:
        option: as it is written on the command line.
        column: of :func:`edgeprune.reporting.runs.group`'s rows.
        title: what it is called in a sentence.
        limit: a :class:`edgeprune.config.limits.Amount`.
        at_least: whether the value must reach the limit; otherwise it must not exceed it.
    """

    option: str
    column: str
    title: str
    limit: limits.Amount
    at_least: bool = False

    def miss(self, row: Row) -> float:
        """How far a row is beyond the limit, relative to it; negative is within, infinite if it was not measured."""
        value = row[self.column]
        if value is None:
            return math.inf
        beyond = self.limit.value - value if self.at_least else value - self.limit.value
        return beyond / (self.limit.value or 1)

    def holds(self, row: Row) -> bool:
        return self.miss(row) <= 0

    def show(self, row: Row) -> str:
        return "not measured" if row[self.column] is None else self.limit.show(row[self.column])

    def __str__(self) -> str:
        return f"{self.title} {'≥' if self.at_least else '≤'} {self.limit.show(self.limit.value)}"

    def relaxed(self, row: Row) -> str:
        """The option as it would have to read for the row to satisfy it, rounded to the side that lets it in."""
        value, size = row[self.column] / self.limit.size, 10.0 ** (math.floor(math.log10(row[self.column] or 1)) - 3)
        size = size / self.limit.size
        rounded = math.floor(value / size) * size if self.at_least else math.ceil(value / size) * size
        return f"{self.option} {rounded:.6g}{self.limit.unit}"


@dataclass(frozen=True)
class Choice:
    """What :func:`choose` found: groups, best on validation first; those that fail, nearest first; how far the best is
    ahead of each other that satisfies."""

    constraints: tuple[Constraint, ...]
    satisfying: tuple[dict[str, Any], ...]
    failing: tuple[dict[str, Any], ...]
    gaps: tuple[Gap, ...]

    @property
    def best(self) -> Row | None:
        return self.satisfying[0] if self.satisfying else None

    @property
    def level(self) -> list[Row]:
        """The best and what cannot be told from it; the best alone where nothing says how much scores spread."""
        return [*self.satisfying[:1], *(gap.row for gap in self.gaps if gap.half is not None and not gap.told)]

    @property
    def timed(self) -> bool:
        """Whether the speed of all of :attr:`level` was measured."""
        return all(row["latency_ms"] is not None for row in self.level)

    @property
    def as_fast(self) -> list[Row]:
        """Those of :attr:`level` that are not told to be slower than another of it; all, where none was measured."""
        if not self.timed:
            return self.level
        return [row for row in self.level if not any(standing.slower(row, other) for other in self.level)]

    @property
    def chosen(self) -> Row | None:
        """The cheapest of :attr:`level`."""
        return min(self.as_fast, key=lambda row: (row["flops"], row["params"]), default=None)

    def excluded(self) -> list[tuple[Constraint, list[Row], list[Row], Row | None]]:
        """``(constraint, groups that fail it, groups that fail nothing else, the nearest of the first)`` of each."""
        result = []
        for constraint in self.constraints:
            out = [row for row in self.failing if not constraint.holds(row)]
            alone = [row for row in out if all(c.holds(row) for c in self.constraints if c is not constraint)]
            measured = [row for row in out if row[constraint.column] is not None]
            result.append((constraint, out, alone, min(measured, key=constraint.miss) if measured else None))
        return result

    def concessions(self) -> list[tuple[Constraint, Row]]:
        """``(constraint, group)``: the run that is let in when this constraint alone gives way as little as it can."""
        barred = ((c, [row for row in alone if row[c.column] is not None]) for c, _, alone, _ in self.excluded())
        return [(constraint, min(rows, key=constraint.miss)) for constraint, rows in barred if rows]

    def member(self, members: Sequence[Row]) -> Row:
        """Of the chosen group's runs, the one with the best validation score of those that satisfy every constraint
        themselves (of all, if none does)."""
        fit = [row for row in members if all(c.holds(row) for c in self.constraints)] or members
        return (max if runs.headline(fit).higher_is_better else min)(fit, key=lambda row: row["val"])


def choose(groups: Sequence[Row], constraints: Sequence[Constraint], metric: Metric) -> Choice:
    """The :class:`Choice` among groups of one place."""
    sign = -1 if metric.higher_is_better else 1

    def rank(row: Row) -> tuple[float, float, float]:
        latency = row["latency_ms"]
        return sign * row["val"], math.inf if latency is None else latency, row["params"]

    satisfying = sorted((row for row in groups if all(c.holds(row) for c in constraints)), key=rank)
    failing = [row for row in groups if row not in satisfying]
    failing.sort(key=lambda row: (max(c.miss(row) for c in constraints), *rank(row)))
    gaps = standing.gaps(satisfying, metric) if satisfying else []
    return Choice(tuple(constraints), tuple(satisfying), tuple(failing), tuple(gaps))


def constraints(given: Mapping[str, str], metric: Metric) -> list[Constraint]:
    """Those of amounts as people write them, by the names of :data:`edgeprune.config.limits.LIMITS` and ``score``.

    Raises:
        EdgepruneError: an amount is none.
    """
    found = [
        Constraint(f"--{name}", limit.column, limit.title, limits.parse(given[name], limit.kind, f"--{name}"))
        for limit in limits.LIMITS
        if (name := limit.name) in given
    ]
    if "score" in given:
        title, least = f"validation {units.inside(metric.title)}", limits.parse_score(given["score"], metric, "--score")
        found.append(Constraint("--score", "val", title, least, at_least=metric.higher_is_better))
    return found


def at_place(
    rows: Sequence[Row], device: str | None = None, runtime: str | None = None, needed: bool = False
) -> list[Row]:
    """The rows of one device and runtime; each run once if there are none and none is ``needed``. Those of a quantised
    file have its own validation score, as far as it is on record.

    Raises:
        EdgepruneError: no such device or runtime, or several and none named.
    """
    devices = sorted({row["device"] for row in rows if row["device"]})
    if device is None and not needed:
        return runs.once(rows)
    if not devices:
        raise EdgepruneError(
            "no run of these results was measured", key="--device", remedy="set measure_on and run again"
        )
    if device is None and len(devices) == 1:
        device = devices[0]
    if device not in devices:
        problem = "several devices were measured" if device is None else f"nothing was measured on {device!r}"
        raise EdgepruneError(problem, key="--device", remedy=f"one of {', '.join(devices)}")
    here = [row for row in rows if row["device"] == device]
    runtimes = sorted({row["runtime"] for row in here})
    if runtime is None:
        runtime = "fp32" if "fp32" in runtimes else runtimes[0]
    if runtime not in runtimes:
        problem = f"nothing was measured in {runtime!r} on {device}"
        raise EdgepruneError(problem, key="--runtime", remedy=f"one of {', '.join(runtimes)}")
    return [own(row) for row in here if row["runtime"] == runtime]


def own(row: Row) -> Row:
    """The row with a quantised file's own validation score, as far as it is on record."""
    if row.get("own_val") is None:
        return row
    return row | {"val": row["own_val"], "val_left_out": row["own_left_out"]}


def of_pair(rows: Sequence[Row], network: str | None = None, dataset: str | None = None) -> list[Row]:
    """The rows of one dataset (scores of two cannot be compared), of one network if it is named.

    Raises:
        EdgepruneError: nothing is left, or several datasets.
    """
    for key, wanted in (("network", network), ("dataset", dataset)):
        known = sorted({row[key] for row in rows})
        if wanted is not None and wanted not in known:
            raise EdgepruneError(f"no results of {wanted!r}", key=f"--{key}", remedy=f"one of {', '.join(known)}")
        rows = [row for row in rows if wanted in (None, row[key])]
    datasets = sorted({row["dataset"] for row in rows})
    if len(datasets) > 1:
        remedy = f"choose one of {', '.join(datasets)}: their scores cannot be compared"
        raise EdgepruneError("the results are of several data sets", key="--dataset", remedy=remedy)
    if not rows:
        raise EdgepruneError("there are no such results", key="--network", remedy="name a pair that was run")
    return list(rows)


def check_measured(groups: Sequence[Row], constraints: Sequence[Constraint]) -> None:
    """Refuse a constraint on what no run has a number for.

    Raises:
        EdgepruneError: with the reason on record.
    """
    for constraint in constraints:
        if all(row[constraint.column] is None for row in groups):
            key = "energy_reason" if constraint.column == "energy_mj" else "latency_reason"
            reasons = "; ".join(dict.fromkeys(row[key] for row in groups if row[key])) or "no reason is on record"
            raise EdgepruneError(
                f"no run has a number for the {constraint.title} on {runs.place(groups[0])} ({reasons})",
                key=constraint.option,
                remedy="leave this option out, or measure it first",
            )
