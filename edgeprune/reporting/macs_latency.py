"""How well the number of MACs predicts the measured latency at one place."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas

from edgeprune.reporting import Row, runs


@dataclass(frozen=True)
class Prediction:
    """Of the groups at one place.

    Attributes:
        dense: the dense network's group, or None.
        ratios: of each other group, its latency over the dense network's times its share of the dense MACs; 1 is
            proportion. Empty without a dense network.
        rank: Spearman's rank correlation of MACs and latency over all groups; None for fewer than three, or where
            one of the two never differs.
    """

    dense: dict[str, Any] | None
    ratios: tuple[float, ...]
    rank: float | None

    @property
    def low(self) -> float:
        return min(self.ratios)

    @property
    def median(self) -> float:
        return statistics.median(self.ratios)

    @property
    def high(self) -> float:
        return max(self.ratios)


def of(groups: Sequence[Row]) -> Prediction:
    """The :class:`Prediction` of groups that all have a latency."""
    dense = next((row for row in groups if runs.is_dense(row)), None)
    ratios = ()
    if dense:
        per_mac = dense["latency_ms"] / dense["macs"]
        ratios = tuple(row["latency_ms"] / (row["macs"] * per_mac) for row in groups if row is not dense)
    ranks = pandas.DataFrame(groups, columns=["macs", "latency_ms"], dtype=float).rank()
    rank = float(ranks.corr(min_periods=3).to_numpy()[0, 1])
    return Prediction(dense, ratios, None if math.isnan(rank) else rank)
