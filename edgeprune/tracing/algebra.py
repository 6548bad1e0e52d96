"""Unknown channel widths, and what is known about them.

A tensor dimension is described by an expression: an ordered tuple of segments ``(coefficient, variable)``, in the
order of the channels in memory. A segment holds ``coefficient`` adjacent channels for each unit of the
variable; with the variable ``None`` it is a constant. A number of equal blocks is the same segment repeated.

Variables start free, one for each parameter dimension. Operators tie them together (:meth:`Widths.unify`), cut
them (:meth:`Widths.cut`, :meth:`Widths.divide`) or fix them (:meth:`Widths.freeze`). What is known of a variable is
kept as its ``binding``: an expression of other variables.
"""

import math
from collections.abc import Sequence

from edgeprune.tracing.expressions import Expression, Segment, totals
from edgeprune.tracing.partition import Partition


class Widths(Partition):
    """The variables of one network and the equations between them.

    Args:
        exact: every equation holds channel by channel, so that each unit stands for certain channels. False: where
            that would couple more, an equation may hold in count only (both halves of a shuffled tensor lose equally
            many channels, but not the same units); :attr:`counted` keeps a record of it.
    """

    def unify(self, a: Expression | None, b: Expression | None, what: str) -> None:
        """State that ``a`` and ``b`` (``None``: a fixed size) always hold equally many channels."""
        if a is None or b is None:
            self._freeze_coupled(a, b, what)
            self._freeze_coupled(b, a, what)
            return
        left, right = self.resolve(a), self.resolve(b)
        if left == right:
            return
        if not self.exact and totals(left) == totals(right):  # the same channels in another order
            self.by_count(left)
            return
        if self.count(left) != self.count(right):
            raise ValueError(f"{what}: {self.count(left)} and {self.count(right)} channels")
        for fixed, raw, free in ((left, a, b), (right, b, a)):
            if all(v is None for _, v in fixed):
                self._freeze_coupled(free, raw, what)
                return
        if not self._align(left, right) and not self.match_pieces(self.resolve(a), self.resolve(b), what):
            text = f"{what}: its channels cannot be matched one by one"
            known = self.explain(a) or self.explain(b)
            self.freeze(a, known or text, located=known is not None)
            self.freeze(b, self.explain(a) or text, located=True)

    def _freeze_coupled(self, expr: Expression | None, other: Expression | None, what: str) -> None:
        if expr is None or self.is_constant(expr):
            return
        known = self.explain(other)
        self.freeze(expr, known or f"{what}: coupled to a fixed number of channels", located=known is not None)

    def _align(self, left: Sequence[Segment], right: Sequence[Segment]) -> bool:
        """Match two resolved expressions from the front; False if they cannot be."""
        left, right = list(left), list(right)
        while left and right:
            (a, u), (b, v) = left[0], right[0]
            size_a, size_b = self.count(left[:1]), self.count(right[:1])
            if size_a == size_b:
                self._tie(a, u, b, v)
                left, right = left[1:], right[1:]
            else:
                long, short = (left, right) if size_a > size_b else (right, left)
                if not self._spread(long, short):
                    return False
            left, right = list(self.resolve(left)), list(self.resolve(right))
        return True

    def _tie(self, a: int, u: int | None, b: int, v: int | None) -> None:
        """``a * u == b * v`` for two single segments of equal size."""
        if u == v:
            return
        if u is None or v is None:
            fixed = u if v is None else v
            self._freeze_coupled(((1, fixed),), None, "coupled")
        elif a == b:
            self.binding[max(u, v)] = ((1, min(u, v)),)
        else:
            g = math.gcd(a, b)
            t = self.new(self.size[u] * g // b)
            self.binding[u], self.binding[v] = ((b // g, t),), ((a // g, t),)

    def _spread(self, long: list[Segment], short: list[Segment]) -> bool:
        """Write the first segment of ``long`` as a sequence of segments of ``short``; both lists are advanced."""
        c, v = long[0]
        room, run = self.count(long[:1]), []
        rest = list(short)
        while room and rest:
            d, w = rest.pop(0)
            size = self.count(((d, w),))
            if size > room:
                halves = self._cut_segment(d, w, room)
                if halves is None:
                    return False
                head, tail = halves
                rest.insert(0, tail)
                (d, w), size = head, room
            run.append((d, w))
            room -= size
        if room:
            return False
        run = list(self.resolve(tuple(run)))
        if v is None:
            self._freeze_coupled(tuple(run), None, "coupled")
        else:
            if any(w == v for _, w in run) or any(d % c for d, _ in run) or v in self.binding:
                return False
            self.binding[v] = tuple((d // c, w) for d, w in run)
        del long[0]
        short[:] = rest
        return True
