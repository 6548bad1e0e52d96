"""Counts the MACs of a forward pass on the meta device from the actual shapes: the check on every prediction."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode

from edgeprune.tracing.registry import COUNTS, Count, name_of
from edgeprune.tracing.shortcuts import SHORTCUTS


class MacCounter(TorchDispatchMode):
    """``macs`` after the pass: convolutions and matrix products, half of what ``torch.utils.flop_counter`` says."""

    def __init__(self) -> None:
        super().__init__()
        self.macs, self.constants = 0, Constants()
        self.current: str | None = None
        self.kinds: dict[OpOverload, tuple[Callable, Count | None]] = {}

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False

    def __torch_dispatch__(
        self, func: OpOverload, types: tuple, args: tuple = (), kwargs: dict | None = None
    ) -> object:
        self.current = func._schema.name.replace("::", ".")
        try:
            shortcut, count = self.kinds[func]
        except KeyError:
            count = counter(func)
            shortcut = SHORTCUTS.get(func, func)
            self.kinds[func] = shortcut, count
        try:
            out = shortcut(*args, **(kwargs or {}))
        except (RuntimeError, NotImplementedError):
            args = self.constants.replaced(args)  # a tensor that the network makes for itself, on the CPU
            if not self.constants.found:
                raise
            out = shortcut(*args, **self.constants.replaced(kwargs or {}))
        if count:
            self.macs += count(args, out)
        self.current = None
        return out


class Constants:
    """Stand-ins on the meta device for tensors with data that meet tensors without."""

    def __init__(self) -> None:
        self.found: dict[int, tuple[Tensor, Tensor]] = {}

    def replaced(self, value: Any) -> Any:
        """``value`` with every such tensor replaced, the same one always by the same one; numbers are left."""
        if isinstance(value, torch.Tensor):
            if value.is_meta or not value.dim():
                return value
            if id(value) not in self.found:
                self.found[id(value)] = torch.empty_like(value, device="meta"), value
            return self.found[id(value)][0]
        if isinstance(value, (list, tuple)):
            return type(value)(self.replaced(v) for v in value)
        if isinstance(value, dict):
            return {k: self.replaced(v) for k, v in value.items()}
        return value


def counter(func: OpOverload) -> Count | None:
    """``count(args, result)`` of an operator's MACs, or ``None`` if it has none."""
    name = name_of(func)
    return _COUNTS.get("attention" if name.startswith("_scaled_dot_product") else name) or COUNTS.get(name)


def _convolution(args: tuple, out: Tensor) -> int:
    x, weight, transposed = args[0], args[1], args[6]
    return x.shape[0] * math.prod((x if transposed else out).shape[2:]) * weight.numel()


def _attention(args: tuple, out: Tensor) -> int:
    query, key, value = args[:3]
    pairs = query.shape[:-1].numel() * key.shape[-2]
    return pairs * (query.shape[-1] + value.shape[-1])


_COUNTS = {
    "convolution": _convolution,
    "mm": lambda args, out: out.numel() * args[0].shape[-1],
    "addmm": lambda args, out: out.numel() * args[1].shape[-1],
    "bmm": lambda args, out: out.numel() * args[0].shape[-1],
    "baddbmm": lambda args, out: out.numel() * args[1].shape[-1],
    "attention": _attention,
}
