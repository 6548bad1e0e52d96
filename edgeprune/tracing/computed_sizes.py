"""Sizes that the code computes: ``x.view(n, heads, c // heads)`` ties the last dimension to ``c``.

Nobody sees this from the operators alone, so where the probe finds that a network does not shrink as its operators say,
it is traced anew with sizes that know what they follow: those of tensors, and those that modules keep in attributes.
They are integers, and so is all that the code makes of them by sums, differences, products and quotients; what it makes
otherwise is a plain number again.
"""

import inspect
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from edgeprune.modules.attributes import REPEATED
from edgeprune.tracing.algebra import Widths
from edgeprune.tracing.expressions import MANY_BLOCKS, Expression, totals
from edgeprune.tracing.labels import Labels
from edgeprune.tracing.network import Network
from edgeprune.tracing.records import Attribute
from edgeprune.tracing.sources import call_site

_SHAPE = inspect.getattr_static(torch.Tensor, "shape").__get__
#: Functions that are given the sizes of their results: where among their arguments these begin.
_SIZED = {"view": 1, "reshape": 1, "expand": 1, "new_zeros": 1, "new_ones": 1, "zeros": 0, "ones": 0, "split": 1}


class Size(int):
    """As many channels as ``plus`` has more than ``minus``, over ``over``."""

    widths: Widths
    plus: Expression
    minus: Expression
    over: int
    held = False  # True: an attribute as it stands

    def __new__(cls, n: int, widths: Widths, plus: Expression, minus: Expression = (), over: int = 1) -> "Size":
        made = super().__new__(cls, n)
        made.widths, made.plus, made.minus, made.over = widths, plus, minus, over
        return made

    def __eq__(self, other: object) -> bool:
        """As of integers; but one that a cache of the code has kept is not the same in another pass."""
        return int.__eq__(self, other) is True and not (isinstance(other, Size) and other.widths is not self.widths)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = int.__hash__

    def __reduce__(self) -> tuple:
        """A copy, which code may make that keeps a shape, is a plain number."""
        return int, (int(self),)

    def _of(self, n: int, times: int, over: int) -> int:
        g = math.gcd(times, over)
        times, over = times // g, over // g
        many = times * (len(self.plus) + len(self.minus)) > MANY_BLOCKS
        return n if many else Size(n, self.widths, self.plus * times, self.minus * times, over)

    def __mul__(self, n: Any) -> int:
        product = int.__mul__(self, n)
        return self._of(product, n, self.over) if type(n) is int and n > 0 else product

    __rmul__ = __mul__

    def __floordiv__(self, n: Any) -> int:
        if isinstance(n, Size):
            n = n.fixed(f"a number by which the code divides channels ({call_site()})", located=True)
        quotient = int.__floordiv__(self, n)
        return self._of(quotient, 1, self.over * n) if type(n) is int and n > 0 and not self % n else quotient

    def __add__(self, n: Any) -> int:
        return self._sum(int.__add__(self, n), n, 1)

    __radd__ = __add__

    def __sub__(self, n: Any) -> int:
        return self._sum(int.__sub__(self, n), n, -1)

    def _sum(self, total: int, other: Any, sign: int) -> int:
        if type(other) is int:
            other = Size(other, self.widths, ((other, None),) if other > 0 else ())
        if not isinstance(other, Size) or other.widths is not self.widths or self.over != other.over or other < 0:
            return total
        plus, minus = (other.plus, other.minus) if sign > 0 else (other.minus, other.plus)
        return Size(total, self.widths, self.plus + plus, self.minus + minus, self.over)

    def fixed(self, why: str, located: bool = False) -> int:
        """The plain number, which stays."""
        for expr in (self.plus, self.minus):
            self.widths.freeze(expr, why, located)
        return int(self)


@contextmanager
def known_sizes(tracer: Labels, held: Iterable[Attribute]) -> Iterator[None]:
    """Sizes know what they follow, those of labelled tensors and those that modules hold in these attributes."""
    plain: dict[tuple[int, str], tuple[nn.Module, str, Any]] = {}
    try:
        for module, name, index, expr in held:
            value = getattr(module, name)
            plain.setdefault((id(module), name), (module, name, value))
            size = Size(value if index is None else value[index], tracer.widths, expr)
            size.held = True
            vars(module)[name] = size if index is None else type(value)([*value[:index], size, *value[index + 1 :]])
        with _KnownSizes(tracer):
            yield
    finally:
        for module, name, value in plain.values():
            vars(module)[name] = value


class _KnownSizes(TorchFunctionMode):
    """Gives the sizes of labelled tensors to the code, and what the code makes of them to the rules."""

    def __init__(self, tracer: Labels) -> None:
        super().__init__()
        self.tracer = tracer

    def __torch_function__(self, func: Callable, types: tuple, args: tuple = (), kwargs: dict | None = None) -> object:
        kwargs, widths = kwargs or {}, self.tracer.widths
        name, given = getattr(func, "__name__", ""), ()
        if name == "unflatten" and len(args) == 3:
            axis = args[1] % args[0].dim()
            given = (*[0] * axis, *args[2], *[0] * (args[0].dim() - axis - 1))
        elif (start := _SIZED.get(name)) is not None:
            given = args[start] if len(args) > start and isinstance(args[start], (tuple, list)) else args[start:]
            given = given or kwargs.get("size", ())
        # some code keeps sizes in caches, where those of another trace may be found
        self.tracer.given = [int(n) if isinstance(n, Size) and n.widths is not widths else n for n in given]
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
        return [
            n if e is None or widths.is_constant(e) else Size(n, widths, e) for n, e in zip(sizes, moving, strict=True)
        ]


def held_sizes(network: Network, widths: Widths) -> list[Attribute]:
    """A variable for every integer above 1 that a module, no one of torch's, keeps in an attribute."""
    found = []
    for module in network.model.modules():
        if type(module).__module__.startswith("torch."):
            continue
        repeated = {name for cls, names in REPEATED.items() if isinstance(module, cls) for name in names}
        for name, value in vars(module).items():
            several = type(value) in (tuple, list) and all(type(n) is int for n in value)
            values = list(enumerate(value)) if several else [(None, value)]
            if name not in repeated:
                found += [(module, name, i, ((1, widths.new(n)),)) for i, n in values if type(n) is int and n > 1]
    return found


def rank(given: int) -> int:
    """Which of the sizes of a view moves: what follows a tensor, before what is inferred, an attribute, a number."""
    if isinstance(given, Size):
        return 2 if given.held else 0
    return 1 if given == -1 else 3


def follow(tracer: Labels, tensor: Tensor) -> None:
    """State that a result's dimensions are as large as the sizes it was given."""
    for axis, size in enumerate(tracer.given if len(tracer.given) == tensor.dim() else ()):
        if isinstance(size, Size) and size == tensor.shape[axis]:
            tie(tracer.dims(tensor)[axis], size)


def tie(expr: Expression | None, size: Size) -> None:
    """State that ``expr`` has ``size`` channels: how many, as the code cannot mean which ones."""
    widths = size.widths
    plus, minus = widths.resolve(size.plus), widths.resolve(size.minus)
    if expr is None:
        size.fixed("a size that the code computes from it: coupled to a fixed number of channels")
        return
    whole = widths.resolve(expr) * size.over + minus
    if len(whole) > MANY_BLOCKS or totals(whole) == totals(plus):
        return
    part = size.plus
    if not minus:
        whole = expr
        if size.over > 1:
            part = widths.divide(plus, size.over)
    if part is None:
        widths.freeze(plus, f"the code divides their number by {size.over}")
    else:
        widths.unify(whole, part, "a size that the code computes")
