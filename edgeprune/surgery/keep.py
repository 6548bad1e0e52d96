"""Carrying the weights of surviving units over."""

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from edgeprune.complexity import width
from edgeprune.complexity.profile import Profile
from edgeprune.errors import EdgepruneError
from edgeprune.modules.resize import Make


def kept_part(profile: Profile, widths: Mapping[str, int], keep: Mapping[str, Iterable[int]]) -> Make:
    """``make`` for :func:`edgeprune.modules.resize.rebuild`: the rows of each tensor that belong to surviving units.

    Args:
        keep: ``{group: indices}``; of a group that is not named the first units survive.
    """
    for name, why in profile.count_only.items():
        if widths[name] < profile.widths[name]:
            raise EdgepruneError(
                f"the weights of {name} cannot be kept: {why}",
                key="weights",
                remedy='prune with weights="reset", which trains anew',
            )
    units = {}
    for name, kept in widths.items():
        chosen = sorted(set(keep.get(name, range(kept))))
        if len(chosen) != kept or chosen[0] < 0 or chosen[-1] >= profile.widths[name]:
            raise EdgepruneError(
                f"{kept} different units of 0 to {profile.widths[name] - 1} must survive", key=f"keep.{name}"
            )
        units[name] = torch.tensor(chosen)
    slots = {slot.name: slot for slot in profile.slots}
    cache = {}

    def make(name: str, tensor: Tensor, shape: Sequence[int]) -> Tensor:
        data = tensor.detach()
        for axis, expr in enumerate(slots[name].dims):
            if not width.is_constant(expr):
                if expr not in cache:
                    cache[expr] = _channels(expr, units, profile.widths)
                if len(cache[expr]) != data.shape[axis]:
                    data = data.index_select(axis, cache[expr].to(data.device))
        data = data.clone() if data.data_ptr() == tensor.data_ptr() else data
        return nn.Parameter(data, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else data

    return make


def _channels(expr: width.Expr, units: Mapping[str, Tensor], dense: Mapping[str, int]) -> Tensor:
    """Indices of the channels that survive, segment by segment."""
    parts, start = [], 0
    for c, name in expr:
        if name is None:
            parts.append(torch.arange(start, start + c))
            start += c
        else:
            parts.append((start + units[name][:, None] * c + torch.arange(c)).reshape(-1))
            start += c * dense[name]
    return torch.cat(parts)
