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


def check_map(shape: Sequence[int], channels: int, size: Sequence[int], what: str, key: str | None) -> None:
    """Refuse an output that is no (1, channels, H / r, W / r) for an image of ``size`` (H, W), r a whole number.

    Args:
        what: the channels are for, in the message.

    Raises:
        EdgepruneError: with both shapes.
    """
    height, width = size
    if len(shape) == 4 and tuple(shape[:2]) == (1, channels):
        h, w = shape[2:]
        if not height % h and not width % w and height * w == width * h:
            return
    raise EdgepruneError(
        f"the network's output for one image is {shape}; {what} on {height} x {width} pixels need "
        f"(1, {channels}, {height}, {width}), or both sides divided by one whole number",
        key=key,
        remedy="let the factory take num_classes, or choose a deploy_size that the network's stride divides",
    )
