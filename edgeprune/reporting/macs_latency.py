"""How well the number of MACs predicts the measured latency at one place."""

import contextlib
import statistics
from dataclasses import dataclass

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
    rank = None
    if len(groups) >= 3:
        with contextlib.suppress(statistics.StatisticsError):  # a constant
            rank = statistics.correlation(*(_ranks([row[key] for row in groups]) for key in ("macs", "latency_p50_ms")))
    return Prediction(dense, ratios, rank)


def _ranks(values):
    """Ranks from 1; equal values share the mean of theirs."""
    places = {}
    for rank, value in enumerate(sorted(values), 1):
        places.setdefault(value, []).append(rank)
    return [statistics.fmean(places[value]) for value in values]
