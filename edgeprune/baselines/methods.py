"""The baselines that prune a *trained* network, each by an importance of Torch-Pruning. Needs no torch to be listed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgeprune.errors import EdgepruneError, extras

if TYPE_CHECKING:
    from torch_pruning.pruner.importance import Importance


@dataclass(frozen=True)
class Baseline:
    """A way to rank the filters of a trained network.

    Attributes:
        name: of :data:`edgeprune.names.BASELINES`, a key in the configuration's ``references``.
        description: one sentence.
        across: whether the filters of all layers are ranked together; otherwise each layer loses the same fraction.
    """

    name: str
    description: str
    across: bool = False


KNOWN = {
    baseline.name: baseline
    for baseline in (
        Baseline("l1", "filters of least L1 norm, the same fraction of each layer"),
        Baseline("fpgm", "filters nearest to the layer's geometric median, the same fraction of each layer"),
        Baseline("lamp", "filters of least layer-adaptive magnitude, all layers ranked together", across=True),
    )
}


def get(name: str) -> Baseline:
    """The baseline called ``name``.

    Raises:
        EdgepruneError: there is none; lists those there are.
    """
    if name not in KNOWN:
        known = "; ".join(f"{baseline.name}: {baseline.description}" for baseline in KNOWN.values())
        raise EdgepruneError(
            f"no baseline prunes a trained network by {name!r}", key="method", remedy=f"one of {known}"
        )
    return KNOWN[name]


def importance(baseline: Baseline) -> Importance:
    """Torch-Pruning's importance of a baseline, as that library computes it for a group of coupled layers.

    Raises:
        EdgepruneError: Torch-Pruning is not installed.
    """
    with extras(f"take {baseline.name} out of `references`"):
        from torch_pruning.pruner import importance as known
    if baseline.name == "l1":
        return known.GroupMagnitudeImportance(p=1)
    if baseline.name == "fpgm":
        return known.FPGMImportance()
    return known.LAMPImportance()
