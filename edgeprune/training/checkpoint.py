"""Checkpoints: plain values and tensors, loaded without unpickling code."""

import io
import pickle
import sys
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from edgeprune import files
from edgeprune.errors import EdgepruneError

FORMAT, VERSION = "edgeprune.checkpoint", 1


def to_bytes(value: dict[str, Any]) -> bytes:
    """``value`` (plain values and tensors), with format and version, as the bytes of a checkpoint file.

    Equal content gives equal bytes: torch.save writes a file's name into the archive, hence the buffer, and pickle
    writes a second, equal string in full or as a reference depending on whether it is the same object.
    """
    stream = io.BytesIO()
    torch.save(_one_object_per_string({"format": FORMAT, "version": VERSION} | value), stream)
    return stream.getvalue()


def _one_object_per_string(value: Any) -> Any:
    if type(value) is str:
        return sys.intern(value)
    if isinstance(value, dict):
        return {_one_object_per_string(k): _one_object_per_string(v) for k, v in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_one_object_per_string(v) for v in value)
    return value


def save(path: str | Path, value: dict[str, Any]) -> None:
    """Write a checkpoint atomically."""
    data = to_bytes(value)
    with files.replacing(path) as temporary:
        temporary.write_bytes(data)


def load(path: str | PathLike[str]) -> dict[str, Any]:
    """Read a checkpoint, tensors on the CPU.

    Raises:
        EdgepruneError: it is missing, truncated, something else, or of a newer version.
    """
    again = "train the network again, or take an earlier checkpoint"
    try:
        value = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise EdgepruneError("there is no such file", file=path, remedy=again) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, pickle.UnpicklingError) as error:
        reason = str(error).partition("\n")[0]
        raise EdgepruneError(f"is not a whole checkpoint ({reason})", file=path, remedy=again) from error
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise EdgepruneError("is not a checkpoint of this project", file=path, remedy=again)
    if value.get("version") != VERSION:
        raise EdgepruneError(
            f"has version {value.get('version')}, this program reads {VERSION}", file=path, remedy="update edgeprune"
        )
    return value


def weights(model: nn.Module) -> dict[str, Tensor]:
    """The state dict on the CPU, in the default memory layout, no tensor dragging a larger storage along."""
    return {name: _compact(t.detach().cpu()) for name, t in model.state_dict().items()}


def _compact(tensor: Tensor) -> Tensor:
    tensor = tensor.contiguous()
    return tensor if tensor.untyped_storage().nbytes() == tensor.nbytes else tensor.clone()
