"""The peers that prune a *trained* network, each by an importance of Torch-Pruning. Needs no torch to be listed."""

from dataclasses import dataclass

from edgeprune.errors import EdgepruneError


@dataclass(frozen=True)
class Peer:
    """A way to rank the filters of a trained network.

    Attributes:
        name: key in the configuration's ``references``.
        label: what figures and tables call it.
        description: one sentence.
        across: whether the filters of all layers are ranked together; otherwise each layer loses the same fraction.
    """

    name: str
    label: str
    description: str
    across: bool = False


PEERS = {
    peer.name: peer
    for peer in (
        Peer("l1", "L1", "filters of least L1 norm, the same fraction of each layer"),
        Peer("fpgm", "FPGM", "filters nearest to the layer's geometric median, the same fraction of each layer"),
        Peer("lamp", "LAMP", "filters of least layer-adaptive magnitude, all layers ranked together", across=True),
    )
}


def get(name):
    """The peer called ``name``.

    Raises:
        EdgepruneError: there is none; lists those there are.
    """
    if name not in PEERS:
        known = "; ".join(f"{peer.name}: {peer.description}" for peer in PEERS.values())
        raise EdgepruneError(f"no peer prunes a trained network by {name!r}", key="method", remedy=f"one of {known}")
    return PEERS[name]


def importance(peer):
    """Torch-Pruning's importance of a peer, as that library computes it for a group of coupled layers.

    Raises:
        EdgepruneError: Torch-Pruning is not installed.
    """
    try:
        from torch_pruning.pruner import importance as known
    except ImportError as error:
        raise EdgepruneError(
            "pruning a trained network needs the package torch-pruning",
            key=f"references.{peer.name}",
            remedy="install requirements.txt, or take this method out of `references`",
        ) from error
    if peer.name == "l1":
        return known.GroupMagnitudeImportance(p=1)
    if peer.name == "fpgm":
        return known.FPGMImportance()
    return known.LAMPImportance()
