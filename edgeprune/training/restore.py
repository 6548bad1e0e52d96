"""From a run's checkpoint back to the trained network."""

import os
from typing import Any

from torch import nn

from edgeprune.errors import EdgepruneError
from edgeprune.networks.resolve import build
from edgeprune.sampling.plan import Plan
from edgeprune.surgery.prune import prune
from edgeprune.tracing.profile import profile
from edgeprune.training import checkpoint

#: What a checkpoint must hold for its network to be built again.
_NEEDED = ("network", "factory", "arguments", "input_shape", "plan", "state_dict")


def load(checkpoint: str | os.PathLike[str]) -> nn.Module:
    """Build the network that a checkpoint holds, as narrow as it was pruned, with its weights.

    The factory that the checkpoint names is called again, from the working directory if it is a file: load checkpoints
    only of networks whose code you trust. The file itself is read without unpickling code.

    Args:
        checkpoint: a run's ``model.pt``, or what ``edgeprune prune --out`` wrote.

    Returns:
        The factory's module with smaller layers, on the CPU, in eval mode. It takes a batch of inputs of the shape that
        the network was profiled with, e.g. (N, C, H, W).

    Raises:
        EdgepruneError: there is no such file, it is no whole checkpoint, or the factory now builds another network.
    """
    return load_model(checkpoint)[0]


def load_model(path: str | os.PathLike[str]) -> tuple[nn.Module, dict[str, Any]]:
    """:func:`load`, with what else the checkpoint holds.

    Args:
        path: the checkpoint.

    Returns:
        tuple: the ``nn.Module`` and the checkpoint's other values (a dict).

    Raises:
        EdgepruneError: as :func:`load`.
    """
    value = checkpoint.load(path)
    for key in _NEEDED:
        if key not in value:
            raise EdgepruneError("holds no network", file=path, key=key, remedy="give a run's model.pt")
    dense = build(value["factory"], name=value["network"], **value["arguments"])
    plan = Plan.from_json(value["plan"])
    model = prune(dense, plan, profile=profile(dense, value["input_shape"], network=value["network"]))
    try:
        model.load_state_dict(value.pop("state_dict"))
    except RuntimeError as error:
        raise EdgepruneError(
            f"holds other tensors than the network has ({str(error).splitlines()[-1].strip()})",
            file=path,
            remedy="train again, or restore the factory's code as it was",
        ) from error
    return model.eval(), value
