"""From a run's checkpoint back to the trained network."""

from pathlib import Path
from typing import Any

from torch import nn

from edgeprune.errors import EdgepruneError
from edgeprune.networks.resolve import build
from edgeprune.sampling.plan import Plan
from edgeprune.surgery.prune import prune
from edgeprune.tracing.profile import profile
from edgeprune.training import checkpoint


def load_model(path: str | Path) -> tuple[nn.Module, dict[str, Any]]:
    """Build the network that ``model.pt`` holds, with its weights, in eval mode on the CPU.

    The factory named in the checkpoint is called: load checkpoints only of networks whose code you trust.

    Args:
        path: a run's ``model.pt``.

    Returns:
        tuple: the ``nn.Module`` and the checkpoint's other values (a dict).

    Raises:
        EdgepruneError: the file is no whole checkpoint, or the factory now builds another network.
    """
    value = checkpoint.load(path)
    dense = build(value["factory"], name=value["network"], **value["arguments"])
    plan = Plan.from_json(value["plan"])
    model = prune(dense, plan, profile=profile(dense, tuple(value["input_shape"]), network=value["network"]))
    try:
        model.load_state_dict(value.pop("state_dict"))
    except RuntimeError as error:
        raise EdgepruneError(
            f"holds other tensors than the network has ({str(error).splitlines()[-1].strip()})",
            file=path,
            remedy="train again, or restore the factory's code as it was",
        ) from error
    return model.eval(), value
