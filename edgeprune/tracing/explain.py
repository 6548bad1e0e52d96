"""What couples the groups of a network, and what the layers that keep their filters would gain if they were free."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from edgeprune.complexity import width
from edgeprune.complexity.profile import Profile
from edgeprune.complexity.remedies import remedy
from edgeprune.names import COUNTED
from edgeprune.tracing.algebra import Widths
from edgeprune.tracing.assemble import assemble
from edgeprune.tracing.expressions import Expression
from edgeprune.tracing.profile import OUTPUT, traced
from edgeprune.tracing.trace import Trace

#: What a free layer would keep: sampling's default of ``min_channels``.
FLOOR = 0.1
#: Of each mode, a fraction of the network's resource.
Fractions = dict[str, float]


@dataclass(frozen=True)
class Coupled:
    """A group: its units, the layers that lose filters with each, their shares, and the operators that couple them."""

    name: str
    units: int
    members: tuple[str, ...]
    shares: Fractions
    coupled_by: tuple[str, ...]


@dataclass(frozen=True)
class Kept:
    """Layers that keep their filters for one reason, their shares, what would help (None: nothing), and what the
    network would lose in each mode with a tenth of these filters (None: they are no layers' to choose)."""

    layers: tuple[str, ...]
    reason: str
    help: str | None
    shares: Fractions
    gains: Fractions | None


@dataclass(frozen=True)
class Explanation:
    """A profile, and why it is as it is."""

    profile: Profile
    groups: tuple[Coupled, ...]
    kept: tuple[Kept, ...]


def explain(
    model: nn.Module, input_shape: Sequence[int] | Sequence[Sequence[int]], *, network: str | None = None
) -> Explanation:
    """Trace a network as :func:`edgeprune.profile` does, and keep the reasons.

    Raises:
        EdgepruneError: as :func:`edgeprune.profile`.
    """
    profile, trace = traced(model, input_shape, network=network, kind=_Coupling)
    rows = {row["layer"]: row for row in profile.layer_table()}
    groups = [
        Coupled(g.name, g.width, g.members, _shares(profile, g.name), _coupled_by(trace, trace.groups[g.name]))
        for g in profile.groups
    ]
    layers: dict[str, list[str]] = {}
    for layer, reason in profile.frozen.items():
        layers.setdefault(reason, []).append(layer)
    kept = []
    for reason, names in layers.items():
        shares = {mode: sum(rows[name][f"share_{mode}"] for name in names) for mode in COUNTED}
        kept.append(Kept(tuple(names), reason, remedy(reason), shares, _gains(trace, reason)))
    return Explanation(profile, tuple(groups), tuple(kept))


class _Coupling(Widths):
    """Also keeps which equations tie what, and the variables that each variable stands for."""

    def __init__(self, exact: bool = False) -> None:
        super().__init__(exact)
        self.binding = _Bindings(self)
        self.follow: dict[int, set[int]] = {}
        self.ties: list[tuple[Expression, set[int], set[int], str]] = []

    def new(self, size: int) -> int:
        v = super().new(size)
        self.follow[v] = {v}
        return v

    def unify(self, a: Expression | None, b: Expression | None, what: str) -> None:
        if a is not None and b is not None:
            left, right = self._following(a), self._following(b)
            if left != right:
                self.ties.append((a, left, right, what + self.where()))
        super().unify(a, b, what)

    def _following(self, expr: Expression) -> set[int]:
        return {w for _, v in self.resolve(expr) if v is not None for w in self.follow[v]}


class _Bindings(dict[int, Expression]):
    def __init__(self, widths: _Coupling) -> None:
        super().__init__()
        self.widths = widths

    def __setitem__(self, v: int, expr: Expression) -> None:
        super().__setitem__(v, expr)
        for _, w in self.widths.resolve(expr):
            if w is not None:
                self.widths.follow[w] |= self.widths.follow[v]


def _coupled_by(trace: Trace, group: int) -> tuple[str, ...]:
    """The equations, in the order of the pass, between filters of one layer and those of another."""
    widths, found = trace.widths, {}
    assert isinstance(widths, _Coupling)
    filters = {v for record in trace.layers for _, v in record.out or ()}
    for expr, left, right, why in widths.ties:
        one, other = left & filters, right & filters
        if one and other and one != other and any(v == group for _, v in widths.resolve(expr)):
            found[why] = None
    return tuple(found)


def _shares(profile: Profile, group: str) -> Fractions:
    """Of the layers' costs, those of the filters that follow the group."""
    shares = {}
    for mode, resource in COUNTED.items():
        each = [layer.cost_per_filter(resource, profile.widths, profile.dtype_bytes) for layer in profile.layers]
        filters = [width.coefficients(layer.out)[0].get(group, 0) * profile.widths[group] for layer in profile.layers]
        total = sum(layer.cost(resource, profile.widths, profile.dtype_bytes) for layer in profile.layers)
        shares[mode] = sum(map(math.prod, zip(each, filters, strict=True))) / total
    return shares


def _gains(trace: Trace, reason: str) -> Fractions | None:
    """What would go if all that was fixed for this reason shrank, and nothing else did."""
    widths, dense, names = trace.widths, dict(trace.widths.binding), trace.groups
    freed = {v for v in _of_parameters(trace) if widths.reasons.get(v) == reason}
    if reason == OUTPUT or not freed:
        return None
    for v in freed:
        del widths.binding[v]
    try:
        free = assemble(trace, freed)
        small = {g: math.ceil(FLOOR * n) if trace.groups[g] in freed else n for g, n in free.widths.items()}
        return {mode: 1 - free.total(r, small) / free.total(r, free.widths) for mode, r in COUNTED.items()}
    finally:
        widths.binding.update(dense)
        trace.groups = names


def _of_parameters(trace: Trace) -> set[int]:
    """The variables that the parameters' dimensions resolve to, and all on the way there."""
    found: set[int] = set()
    left = [v for dims in trace.network.dims.values() for expr in dims for _, v in expr or ()]
    while left:
        v = left.pop()
        if v is not None and v not in found:
            found.add(v)
            left += [w for _, w in trace.widths.binding.get(v, ())]
    return found
