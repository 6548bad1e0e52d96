"""Weights that a training starts from, instead of fresh ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeprune.errors import EdgepruneError
from edgeprune.training import checkpoint

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn


def load_into(model: nn.Module, path: str | Path) -> None:
    """Load the ``state_dict`` of a checkpoint into ``model``: every tensor, none left over, shapes equal.

    Raises:
        EdgepruneError: the file is no whole checkpoint, or holds another network's tensors.
    """
    value = checkpoint.load(path)
    remedy = "give the checkpoint of the network that the plan describes"
    if not isinstance(value.get("state_dict"), dict):
        raise EdgepruneError("holds no weights", file=path, key="state_dict", remedy=remedy)
    try:
        model.load_state_dict(value["state_dict"])
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()[1:]] or [str(error)]
        raise EdgepruneError(
            f"holds other tensors than the plan's network has: {lines[0]}"
            + (f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""),
            file=path,
            key="state_dict",
            remedy=remedy,
        ) from error
