"""Whether the groups of one place differ in a resource by more than the device resolves: else no axis shows it."""

import statistics
from collections.abc import Sequence
from itertools import permutations

from edgeprune.reporting import Row, columns, standing

#: What a device resolves that was not calibrated, as a fraction.
UNCALIBRATED = 0.05
CHANCE = 0.05  # of an axis for nothing but scatter


def differs(groups: Sequence[Row], column: str) -> bool:
    """Whether any two of the groups differ in ``column``.

    What is counted differs where the numbers do. Of latencies the intervals of the speed-ups decide
    (:func:`edgeprune.reporting.standing.slower`). Any other measured quantity must differ by more than the device
    resolves, and by more than its runs scatter (analysis of variance) where there are several.

    Args:
        groups: of :func:`edgeprune.reporting.runs.group`, of one place where the column was measured; those without
            the number count for nothing.
    """
    groups = [row for row in groups if row[column] is not None]
    values = [row[column] for row in groups]
    if column not in columns.UNMEASURED:
        return len(set(values)) > 1
    if column == "latency_ms":
        return any(standing.slower(*pair) for pair in permutations(groups, 2))
    known = [row["resolution"] for row in groups if row["resolution"] is not None]
    return max(values) > (1 + max(known, default=UNCALIBRATED)) * min(values) and not _scatter(groups, column)


def _scatter(groups: Sequence[Row], column: str) -> bool:
    """Whether scatter between runs explains how far the groups' means are apart; False where nothing says so."""
    from scipy import special

    freedom = sum(row["n"] - 1 for row in groups if row[f"{column}_std"] is not None)
    if not freedom:
        return False
    within = sum((row["n"] - 1) * (row[f"{column}_std"] or 0) ** 2 for row in groups) / freedom
    mean = statistics.fmean((row[column] for row in groups), [row["n"] for row in groups])
    between = sum(row["n"] * (row[column] - mean) ** 2 for row in groups) / (len(groups) - 1)
    return between <= within * float(special.fdtri(len(groups) - 1, freedom, 1 - CHANCE))
