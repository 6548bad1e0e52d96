"""Builds a network of other widths."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from edgeprune.complexity import width
from edgeprune.complexity.profile import Profile
from edgeprune.modules.attributes import refit
from edgeprune.modules.clone import clone

#: ``make(name, tensor, shape)``: a parameter or buffer of that shape in the place of ``tensor``.
Make = Callable[[str, Tensor, tuple[int, ...]], Tensor]


def rebuild(model: nn.Module, profile: Profile, widths: Mapping[str, int], make: Make) -> nn.Module:
    """A copy of ``model`` whose parameters and buffers have ``profile``'s shapes at ``widths``.

    Args:
        make: ``make(name, tensor, shape)`` gives the new parameter or buffer.
    """
    shapes = {slot.name: slot.shape(widths) for slot in profile.slots}
    changed = set()

    def substitute(name: str, tensor: Tensor) -> Tensor:
        shape = shapes[name]
        made = make(name, tensor, shape)
        if shape != tuple(tensor.shape):
            changed.add(id(made))
        return made

    copied = clone(model, substitute)
    if changed:
        for module in copied.modules():
            own = (*module._parameters.values(), *module._buffers.values())
            if any(id(t) in changed for t in own):
                refit(module)
    set_attributes(copied, profile, widths)
    return copied


def set_attributes(model: nn.Module, profile: Profile, widths: Mapping[str, int]) -> None:
    """Set the sizes that the network keeps in attributes of its own (found by the tracer's probe)."""
    for size in getattr(profile, "attributes", ()):
        module, value = model.get_submodule(size.module), width.evaluate(size.value, widths)
        name, index = size.attribute, size.index
        if index is None:
            setattr(module, name, value)
        else:
            old = getattr(module, name)
            setattr(module, name, type(old)(value if i == index else v for i, v in enumerate(old)))


def on_meta(name: str, tensor: Tensor, shape: Sequence[int]) -> Tensor:
    """A tensor of ``shape`` without data; numbers (no dimension) keep theirs, so that a forward pass may read them."""
    if not tensor.dim():
        data = torch.zeros((), dtype=tensor.dtype) if tensor.is_meta else tensor.detach().cpu().clone()
    else:
        data = torch.empty(shape, dtype=tensor.dtype, device="meta")
    return nn.Parameter(data, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else data
