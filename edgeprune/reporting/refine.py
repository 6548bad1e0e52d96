"""A preset that searches closer to constraints: targets between the last that fails and the first that satisfies."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgeprune.config.check import check
from edgeprune.config.load import merge, read_yaml
from edgeprune.errors import EdgepruneError
from edgeprune.reporting import Row, runs
from edgeprune.reporting.choice import Choice, Constraint
from edgeprune.tasks.base import Metric

LARGEST = 0.95  # target that is still proposed


@dataclass(frozen=True)
class Bracket:
    """Targets to try next along one method's own: of ``row``'s, which is the one of them that comes first.

    ``score`` is what a straight line says of validation where the limits on cost are met, None if nothing is known.
    """

    row: dict[str, Any]
    targets: list[float]
    how: str
    score: float | None = None


def preset(
    choice: Choice, metric: Metric, config_file: str | Path, device: str | None = None
) -> tuple[dict[str, Any], str]:
    """The preset, and a sentence on how its targets were found.

    Every method and mode that was run at a target is looked at. Taken is the one whose score is predicted to be best
    where the constraints on cost are met: the least reduction that the device can bear leaves the score the most room.

    Args:
        choice: what :func:`edgeprune.reporting.choice.choose` found among the groups of the place.
        metric: of their scores.
        config_file: the stored configuration of the results.
        device: where the new runs are measured; as before if None.

    Raises:
        EdgepruneError: nothing to search for, or the results' configuration is not there.
    """
    config = read_yaml(config_file)
    found = closest(choice, metric)
    network, dataset, mode, method = (found.row[key] for key in ("network", "dataset", "mode", "method"))
    limits = ", ".join(map(str, choice.constraints))
    references: dict[str, Any] = {"dense": {}}
    if not runs.is_main(found.row):
        name = found.row.get("reference") or method
        references[name] = {**config["references"].get(name, {}), "modes": [mode], "targets": found.targets}
    result = {
        "title": f"{network} on {dataset}, closer to {limits}",
        "pairs": [{"network": network, "dataset": dataset}],
        "modes": [mode],
        "targets": found.targets,
        "references": references,
        "measure_on": [device] if device else config["measure_on"],
    }
    for section, name in (("networks", network), ("datasets", dataset), ("recipes", network), ("sampling", network)):
        result[section] = {name: config[section][name]}
    kept = {key: value for key, value in config.items() if key not in result and key not in ("preset", "budgets")}
    result |= kept
    check(result, "the new preset")
    check(merge(config, result), f"{config_file} with the new preset", whole=True)
    return result, f"{runs.label(found.row)}: {found.how}"


def closest(choice: Choice, metric: Metric) -> Bracket:
    """The best :class:`Bracket` of all methods and modes.

    Raises:
        EdgepruneError: none was run at a target, or none leaves anything to search for.
    """
    rows, series = choice.satisfying + choice.failing, {}
    for row in rows:
        if row["target"] is not None:
            key = tuple(row.get(name) for name in ("network", "method", "reference", "mode"))
            series.setdefault(key, {})[row["target"]] = row
    if not series:
        raise EdgepruneError("no run at a target is among the results", key="--config")
    found, refused = [], []
    for points in series.values():
        first = next(iter(points.values()))
        dense = next((row for row in rows if runs.is_dense(row) and row["network"] == first["network"]), None)
        try:
            found.append(between({0.0: dense, **dict(sorted(points.items()))}, first, choice.constraints))
        except EdgepruneError as error:
            refused.append(error)
    if not found:
        raise refused[0]
    sign = 1 if metric.higher_is_better else -1
    best = max(found, key=lambda bracket: -math.inf if bracket.score is None else sign * bracket.score)
    for limit in (c for c in choice.constraints if c.column == "val" and best.score is not None):
        said = f"; validation there about {limit.limit.show(best.score)}"
        said += "" if limit.holds({"val": best.score}) else f", which misses {limit.limit.show(limit.limit.value)}"
        best = replace(best, how=best.how + said)
    return best


def between(points: Mapping[float, Row | None], row: Row, constraints: Sequence[Constraint]) -> Bracket:
    """Three targets around the one where a straight line meets the constraints on cost, none of them where another says
    that the score fails.

    Args:
        points: the group at each target of one method and mode, in order; that of 0 is the dense network.
        row: the group that the bracket is named after.
        constraints: all of them.

    Raises:
        EdgepruneError: there is no cost constraint, or no room between what was tried.
    """
    costs = [c for c in constraints if c.column != "val"]
    if not costs:
        remedy = "add a constraint on latency, memory, energy or size"
        raise EdgepruneError("there is no cost to come closer to", key="--config", remedy=remedy)
    good = next((t for t, found in points.items() if found and all(c.holds(found) for c in costs)), None)
    if good == 0.0:
        problem = "the dense network satisfies every constraint on cost: nothing to search for"
        raise EdgepruneError(problem, key="--config", remedy="tighten a constraint")
    if good:
        line = low, high = max(t for t in points if t < good), good
        how = f"−{100 * low:g} % fails, −{100 * high:g} % satisfies"
        if low == 0.0:
            how = f"the dense network fails, −{100 * high:g} % satisfies"
    else:
        line = list(points)[-2:]
        low, high = line[-1], LARGEST
        how = f"−{100 * low:g} %, the largest target tried, fails"
    crossing = _crossing(points, line, costs)
    if not good and _beyond(points[0.0], costs, crossing):
        problem = f"nothing that removes {100 * LARGEST:g} % or less can be expected to satisfy the constraints: {how}"
        raise EdgepruneError(problem, key="--config", remedy="relax a constraint")
    if crossing is None or not low < crossing < high:
        crossing = (low + high) / 2
        how += "; the middle between"
    else:
        how += f"; a straight line meets the constraints at −{100 * crossing:.1f} %"
    ends = (_lost(points, line, c) for c in constraints if c.column == "val")
    top = min((end for end in ends if end is not None and crossing < end < high), default=high)
    places = 2 if high - low >= 0.08 else 3
    found = {round(t, places) for t in ((low + crossing) / 2, crossing, (crossing + top) / 2)}
    targets = sorted(t for t in found if low < t < high)
    if not targets:
        raise EdgepruneError(f"there is no room left: {how}", key="--config", remedy="use the run that satisfies")
    return Bracket(row, targets, how, _on_line(points, line, "val", crossing))


def _beyond(dense: Row | None, costs: Sequence[Constraint], crossing: float | None) -> bool:
    """Whether limits are out of reach: where the line meets them too much is removed, or they are below what would be
    left of the dense network's cost if it fell in proportion."""
    known = [(c, (dense or {}).get(c.column)) for c in costs]
    least = any(cost is not None and c.limit.value < (1 - LARGEST) * cost for c, cost in known)
    return least or (crossing is not None and crossing >= LARGEST)


def _on_line(points: Mapping[float, Row | None], line: Sequence[float], column: str, target: float) -> float | None:
    """The column at a target, on the line through two points; None if it is not known at one."""
    start, end = ((points[t] or {}).get(column) for t in line)
    if start is None or end is None:
        return None
    return start + (end - start) * (target - line[0]) / (line[1] - line[0])


def _lost(points: Mapping[float, Row | None], line: Sequence[float], limit: Constraint) -> float | None:
    """The target from which on the score misses its limit, on the line through two points; None if there is none."""
    start, end = (points[t] for t in line)
    if not start or not end or start["val"] == end["val"] or limit.holds(end) or not limit.holds(start):
        return None
    return line[0] + (line[1] - line[0]) * (start["val"] - limit.limit.value) / (start["val"] - end["val"])


def _crossing(
    points: Mapping[float, Row | None], line: Sequence[float], constraints: Sequence[Constraint]
) -> float | None:
    """The target at which the last constraint is met, on lines through the two points; None if it cannot be told."""
    found = []
    for constraint in constraints:
        start, end = ((points[t] or {}).get(constraint.column) for t in line)
        if start is None or end is None:
            return None
        if start <= constraint.limit.value:
            continue
        if end >= start:
            return None  # it does not fall
        found.append(line[0] + (line[1] - line[0]) * (start - constraint.limit.value) / (start - end))
    return max(found, default=None)


def refuse_overwriting(file: str | Path | None, force: bool) -> None:
    """Stop before a file is lost.

    Raises:
        EdgepruneError: the file is there, and may not be replaced.
    """
    if file and Path(file).exists() and not force:
        raise EdgepruneError("is there already", file=file, key="--config", remedy="give another name, or --force")
