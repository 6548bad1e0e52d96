"""The baselines that prune a *trained* network: what a filter is worth to each of them."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from edgeprune.errors import EdgepruneError


@dataclass(frozen=True)
class Baseline:
    """A way to rank the filters of a trained network.

    Attributes:
        name: of :data:`edgeprune.names.BASELINES`, a key in the configuration's ``references``.
        description: one sentence.
        measure: of a tensor (channels, weights of a channel), the score (channels,) of each channel.
        norms: whether the scales of batch and layer norms are measured too.
        across: whether the filters of all layers are ranked together; otherwise each layer loses the same fraction.
    """

    name: str
    description: str
    measure: Callable[[Tensor], Tensor]
    norms: bool = True
    across: bool = False


def _l1(rows: Tensor) -> Tensor:
    return rows.abs().sum(1)


def _l2(rows: Tensor) -> Tensor:
    return rows.square().sum(1)


def _distances(rows: Tensor) -> Tensor:
    """Sum of the distances to all channels, between *squared* weights as Torch-Pruning takes them."""
    rows = rows.square()
    return torch.cat([torch.cdist(part, rows).sum(1) for part in rows.split(1024)])  # all at once may be gigabytes


KNOWN = {
    baseline.name: baseline
    for baseline in (
        Baseline("l1", "filters of least L1 norm, the same fraction of each layer", _l1),
        Baseline("fpgm", "filters nearest to the others, the same fraction of each layer", _distances, norms=False),
        Baseline("lamp", "filters of least layer-adaptive magnitude, all layers ranked together", _l2, across=True),
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
