"""Exactness of a profile against what torch itself counts."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from edgeprune.complexity.profile import Profile
from edgeprune.tracing.registry import COUNTS, Count


def counted(model: nn.Module, input_shapes: Iterable[Sequence[int]]) -> dict[str, int]:
    """``{"params", "macs"}`` of a live network: its parameters, and half of ``torch.utils.flop_counter``'s FLOPs of one
    evaluation pass with batch 1. The training mode, and what requires gradients, are restored.

    Args:
        input_shapes: shape of each input without the batch.
    """
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # flop_counter does not see into the fused attention
    modes = [(m, m.training) for m in model.modules()]
    trained = [p for p in model.parameters() if p.requires_grad]
    first = next(model.parameters(), torch.empty(0))
    model.eval()
    for parameter in trained:  # flop_counter's module tracker fails on a view of one that is handed to a module
        parameter.requires_grad_(False)
    try:
        xs = [torch.zeros((1, *s), dtype=first.dtype, device=first.device) for s in input_shapes]
        with torch.no_grad(), FlopCounterMode(display=False, custom_mapping=_unknown_to_torch()) as counter:
            model(*xs)
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for module, training in modes:
            module.training = training
        for parameter in trained:
            parameter.requires_grad_()
    return {"params": sum(p.numel() for p in model.parameters()), "macs": counter.get_total_flops() // 2}


def _unknown_to_torch() -> dict[object, Callable]:
    """FLOPs of the operators that torch's counter does not know, the users' among them."""
    found = {}
    for name, count in COUNTS.items():

        def flops(*args: object, count: Count = count, out_val: Tensor, **_: object) -> int:
            return 2 * count(args, out_val)

        vars(flops)["_get_raw"] = True  # with the tensors, not with their shapes
        library, _, operator = name.rpartition("::")
        found[getattr(getattr(torch.ops, library or "aten"), operator, None)] = flops
    return found


def differences(
    model: nn.Module, profile: Profile, widths: Mapping[str, int] | None = None
) -> dict[str, tuple[int, int]]:
    """``{resource: (predicted, counted)}`` where the two differ; empty if the profile is exact.

    Args:
        model: the dense network, or the one pruned to ``widths``.
    """
    predicted = profile.totals_at(widths or profile.widths)
    actual = counted(model, profile.input_shapes)
    return {r: (predicted[r], n) for r, n in actual.items() if predicted[r] != n}
