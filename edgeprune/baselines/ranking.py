"""What the units of a trained network are worth, group by group of coupled channels."""

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from edgeprune.baselines.methods import Baseline
from edgeprune.complexity import width
from edgeprune.complexity.profile import Profile
from edgeprune.complexity.width import Expr
from edgeprune.modules.clone import named_tensors
from edgeprune.tracing.records import layer_name


def scores(model: nn.Module, profile: Profile, baseline: Baseline) -> dict[str, Tensor]:
    """``{group: score of each unit}``: the sum over all tensors that lose channels with the unit.

    These are the weights of the layers that write it, of those that read it (not of depthwise ones, which do both), and
    the scales of norms between. Of a group, Torch-Pruning's importances have the same ratios to each other.
    """
    modules, layers = dict(model.named_modules()), {layer.name for layer in profile.layers}
    tensors = dict(named_tensors(model))
    found = {name: torch.zeros(units, dtype=torch.float64) for name, units in profile.widths.items()}
    for slot in profile.slots:
        name, tensor = layer_name(slot.name), tensors[slot.name].detach()
        module = modules.get(name)
        if len(slot.dims) > 1:
            counts = name in layers and not 1 < getattr(module, "groups", 1) == len(tensor)
        else:
            norm = isinstance(module, (_BatchNorm, nn.LayerNorm))
            counts = norm and baseline.norms and slot.name.endswith("weight")
        for axis, expr in enumerate(slot.dims if counts else ()):
            rows = tensor.float().transpose(0, axis).reshape(tensor.shape[axis], -1)
            for group in {g for _, g in expr if g is not None}:
                units = _units(expr, group, profile.widths)
                local = baseline.measure(rows[(units >= 0).to(rows.device)])
                found[group].index_add_(0, units[units >= 0], local.cpu().double())
    return found


def _units(expr: Expr, group: str, widths: dict[str, int]) -> Tensor:
    """Which unit of ``group`` each channel belongs to; -1: to none."""
    parts = [
        torch.arange(widths[group]).repeat_interleave(c)
        if name == group
        else torch.full((width.evaluate([(c, name)], widths),), -1)
        for c, name in expr
    ]
    return torch.cat(parts)


def turns(ascending: Tensor, most: int, baseline: Baseline) -> list[float]:
    """When the first ``most`` units of a group go, by its scores in ascending order: a ratio, or their LAMP score."""
    if not baseline.across:
        return [lost / len(ascending) for lost in range(most)]
    left = ascending.flip(0).cumsum(0).flip(0)
    return (ascending / left).nan_to_num()[:most].tolist()  # nothing over nothing: the layer is dead
