"""A preset that searches closer to constraints: targets between the last that fails and the first that satisfies."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgeprune.config.check import check
from edgeprune.config.load import merge, read_yaml
from edgeprune.errors import EdgepruneError
from edgeprune.reporting import Row, runs
from edgeprune.reporting.choice import Choice, Constraint

LARGEST = 0.95  # target that is still proposed


def preset(
    groups: Sequence[Row], choice: Choice, config_file: str | Path, device: str | None = None
) -> tuple[dict[str, Any], str]:
    """The preset, and a sentence on how its targets were found.

    The mode is that of the best run, or of the nearest one where none satisfies. Only what a network costs is
    interpolated: the least reduction that the device can bear leaves the score the most room.

    Args:
        groups: all groups of the place.
        choice: what :func:`edgeprune.reporting.choice.choose` found among them.
        config_file: the stored configuration of the results.
        device: where the new runs are measured; as before if None.

    Raises:
        EdgepruneError: nothing to search for, or the results' configuration is not there.
    """
    config = read_yaml(config_file)
    ranked = [row for row in choice.satisfying + choice.failing if runs.is_main(row) and row["mode"]]
    if not ranked:
        raise EdgepruneError("no complexity-driven run with a mode is among the results", key="--config")
    network, dataset, mode = (ranked[0][key] for key in ("network", "dataset", "mode"))
    same = [row for row in groups if row["network"] == network]
    targets, how = between(same, mode, [c for c in choice.constraints if c.column != "val"])
    limits = ", ".join(map(str, choice.constraints))
    result = {
        "title": f"{network} on {dataset}, closer to {limits}",
        "pairs": [{"network": network, "dataset": dataset}],
        "modes": [mode],
        "targets": targets,
        "references": {"dense": {}},
        "measure_on": [device] if device else config["measure_on"],
    }
    for section, name in (("networks", network), ("datasets", dataset), ("recipes", network), ("sampling", network)):
        result[section] = {name: config[section][name]}
    kept = {key: value for key, value in config.items() if key not in result and key not in ("preset", "budgets")}
    result |= kept
    check(result, "the new preset")
    check(merge(config, result), f"{config_file} with the new preset", whole=True)
    return result, f"{mode}: {how}"


def between(groups: Sequence[Row], mode: str, constraints: Sequence[Constraint]) -> tuple[list[float], str]:
    """``(targets, sentence)``: three targets around the one where a straight line meets the constraints.

    Args:
        groups: of one network at one place.
        mode: whose targets are looked at.
        constraints: on what the network costs.

    Raises:
        EdgepruneError: there is no cost constraint, or no room between what was tried.
    """
    if not constraints:
        remedy = "add a constraint on latency, memory, energy or size"
        raise EdgepruneError("there is no cost to come closer to", key="--config", remedy=remedy)
    tried = {row["target"]: row for row in groups if runs.is_main(row) and row["mode"] == mode}
    dense = next((row for row in groups if runs.is_dense(row)), None)
    points = {0.0: dense, **dict(sorted(tried.items()))}
    good = next((t for t, row in points.items() if row and all(c.holds(row) for c in constraints)), None)
    if good == 0.0:
        problem = "the dense network satisfies every constraint on cost: nothing to search for"
        raise EdgepruneError(problem, key="--config", remedy="tighten a constraint")
    if good:
        line = low, high = max(t for t in points if t < good), good
        how = f"−{100 * low:g} % fails, −{100 * high:g} % satisfies"
    else:
        line = list(points)[-2:]
        low, high = line[-1], LARGEST
        how = f"−{100 * low:g} %, the largest target tried, fails"
    crossing = _crossing(points, line, constraints)
    if crossing is None or not low < crossing < high:
        crossing = (low + high) / 2
        how += "; the middle between"
    else:
        how += f"; a straight line meets the constraints at −{100 * crossing:.1f} %"
    places = 2 if high - low >= 0.08 else 3
    found = {round(t, places) for t in ((low + crossing) / 2, crossing, (crossing + high) / 2)}
    targets = sorted(t for t in found if low < t < high)
    if not targets:
        raise EdgepruneError(f"there is no room left: {how}", key="--config", remedy="use the run that satisfies")
    return targets, how


def _crossing(
    points: dict[float, Row | None], line: Sequence[float], constraints: Sequence[Constraint]
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
