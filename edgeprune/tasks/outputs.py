"""A network's outputs by name, whatever its forward returns. Needs no torch."""

from collections.abc import Mapping, Sequence
from typing import Any

from edgeprune.errors import EdgepruneError

#: Tensors or arrays (N, ...) by name; a single unnamed one is ``output``.
Outputs = Mapping[str, Any]


def named(value: Any) -> dict[str, Any]:
    """The tensors that a forward returned: one, a dict, a list, a tuple, or such in one another.

    A tensor alone is ``output``; those of a dict or a named tuple have their keys, those of a list their numbers, each
    after the name of what holds it: ``heads.0``.
    """
    return {name.lstrip(".") or "output": leaf for name, leaf in _leaves(value, "")}


def _leaves(value: Any, name: str) -> list[tuple[str, Any]]:
    if isinstance(value, Mapping):
        parts = value.items()
    elif isinstance(value, tuple | list):
        parts = zip(getattr(value, "_fields", range(len(value))), value)
    else:
        return [] if value is None else [(name, value)]
    return [leaf for key, part in parts for leaf in _leaves(part, f"{name}.{key}")]


def only(outputs: Outputs, key: str | None = None) -> Any:
    """The one output of a network that must have no other.

    Raises:
        EdgepruneError: there are several.
    """
    if len(outputs) != 1:
        raise EdgepruneError(
            f"the network has {len(outputs)} outputs ({', '.join(outputs)}), one is wanted",
            key=key,
            remedy="let the network return that tensor alone",
        )
    return next(iter(outputs.values()))


def whole_stride(size: Sequence[int], cells: Sequence[int]) -> bool:
    """Whether an output of ``cells`` (h, w) is an image of ``size`` (H, W) reduced by one whole number."""
    return not any(side % part for side, part in zip(size, cells)) and size[0] * cells[1] == size[1] * cells[0]
