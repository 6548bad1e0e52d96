"""Sizes that the code computes from those of tensors: ``x.view(n, heads, c // heads)`` ties the last dimension to ``c``.

Nobody sees this from the operators alone, so where the probe finds that a network does not shrink as its operators say,
it is traced anew with sizes that know what they follow. They are integers, and so is all that the code makes of them;
what is computed by other means than products and quotients with plain numbers, and sums, is a plain number again.
"""

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from edgeprune.tracing.expressions import MANY_BLOCKS, Expression, totals
from edgeprune.tracing.labels import Labels

_SHAPE = torch.Tensor.shape.__get__
#: Functions that are given the whole shape of their result: where among their arguments it begins.
_SHAPED = {"view": 1, "reshape": 1, "expand": 1, "new_zeros": 1, "new_ones": 1, "zeros": 0, "ones": 0, "split": 1}


class Size(int):
    """``times / over`` of as many channels as ``expr`` has."""

    expr: Expression
    times: int
    over: int

    def __new__(cls, value: int, expr: Expression, times: int = 1, over: int = 1) -> "Size":
        made = super().__new__(cls, value)
        g = math.gcd(times, over)
        made.expr, made.times, made.over = expr, times // g, over // g
        return made

    def __mul__(self, n: object) -> int:
        product = int.__mul__(self, n)
        return Size(product, self.expr, self.times * n, self.over) if type(n) is int and n > 0 else product

    __rmul__ = __mul__

    def __floordiv__(self, n: object) -> int:
        quotient = int.__floordiv__(self, n)
        exact = type(n) is int and n > 0 and self % n == 0
        return Size(quotient, self.expr, self.times, self.over * n) if exact else quotient

    def __add__(self, other: object) -> int:
        total = int.__add__(self, other)
        if isinstance(other, Size) and self.over == other.over == 1:
            return Size(total, self.expr * self.times + other.expr * other.times)
        return total


class KnownSizes(TorchFunctionMode):
    """Gives the sizes of labelled tensors to the code, and what the code makes of them to the rules."""

    def __init__(self, tracer: Labels) -> None:
        super().__init__()
        self.tracer = tracer

    def __torch_function__(self, func: Callable, types: tuple, args: tuple = (), kwargs: dict | None = None) -> object:
        kwargs = kwargs or {}
        start = _SHAPED.get(getattr(func, "__name__", ""))
        if start is not None:
            given = args[start] if len(args) > start and isinstance(args[start], (tuple, list)) else args[start:]
            self.tracer.given = list(given or kwargs.get("size", ()))
        try:
            out = func(*args, **kwargs)
        finally:
            self.tracer.given = []
        if func == _SHAPE or (func == torch.Tensor.size and isinstance(out, torch.Size)):
            return torch.Size(self._known(args[0], range(len(out)), out))
        if func == torch.Tensor.size:
            axis = (args[1] if len(args) > 1 else kwargs["dim"]) % args[0].dim()
            return self._known(args[0], [axis], [out])[0]
        return out

    def _known(self, tensor: Tensor, axes: Iterable[int], sizes: Iterable[int]) -> list[int]:
        dims, widths = self.tracer.dims(tensor), self.tracer.widths
        moving = [dims[k] for k in axes]
        return [n if e is None or widths.is_constant(e) else Size(n, e) for n, e in zip(sizes, moving, strict=True)]


def follow(tracer: Labels, tensor: Tensor) -> None:
    """State that a result's dimensions are as large as the sizes it was given."""
    for axis, size in enumerate(tracer.given if len(tracer.given) == tensor.dim() else ()):
        if isinstance(size, Size) and size == tensor.shape[axis]:
            tie(tracer, tracer.dims(tensor)[axis], size)


def tie(tracer: Labels, expr: Expression | None, size: Size) -> None:
    """State that ``expr`` has ``size`` channels. In which order the code cannot mean: those that match as many do."""
    widths = tracer.widths
    whole = widths.resolve(size.expr)
    if size.times * len(whole) > MANY_BLOCKS:
        return
    if expr is not None:
        left = {v: n * size.over for v, n in totals(widths.resolve(expr)).items()}
        if left == {v: n * size.times for v, n in totals(whole).items()}:
            return
    part = widths.divide(whole * size.times, size.over)
    if part is None:
        widths.freeze(whole, f"the code divides their number by {size.over}")
    else:
        widths.unify(expr, part, "a size that is computed from it")
