"""How well the number of MACs predicts the measured latency at one place."""

import math
import statistics
from dataclasses import dataclass

import pandas

from edgeprune.reporting import runs


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

    dense: dict | None
    ratios: tuple
    rank: float | None

    @property
    def low(self):
        return min(self.ratios)

    @property
    def median(self):
        return statistics.median(self.ratios)

    @property
    def high(self):
        return max(self.ratios)


def of(groups):
    """The :class:`Prediction` of groups that all have a latency."""
    dense = next((row for row in groups if runs.is_dense(row)), None)
    ratios = ()
    if dense:
        per_mac = dense["latency_p50_ms"] / dense["macs"]
        ratios = tuple(row["latency_p50_ms"] / (row["macs"] * per_mac) for row in groups if row is not dense)
    ranks = pandas.DataFrame(groups, columns=["macs", "latency_p50_ms"], dtype=float).rank()
    rank = float(ranks.corr(min_periods=3).iat[0, 1])
    return Prediction(dense, ratios, None if math.isnan(rank) else rank)
