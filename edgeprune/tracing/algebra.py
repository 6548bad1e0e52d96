"""Unknown channel widths, and what is known about them.

A tensor dimension is described by an expression: an ordered tuple of segments ``(coefficient, variable)``, in the
order of the channels in memory. A segment holds ``coefficient`` adjacent channels for each unit of the
variable; with the variable ``None`` it is a constant. A number of equal blocks is the same segment repeated.

Variables start free, one for each parameter dimension. Operators tie them together (:meth:`Widths.unify`), cut
them (:meth:`Widths.cut`, :meth:`Widths.divide`) or fix them (:meth:`Widths.freeze`). What is known of a variable is
kept as its ``binding``: an expression of other variables.
"""

import math

from edgeprune.tracing.expressions import scale, totals
from edgeprune.tracing.partition import Partition


class Widths(Partition):
    """The variables of one network and the equations between them.

    Args:
        exact: every equation holds channel by channel, so that each unit stands for certain channels. False: where
            that would couple more, an equation may hold in count only (both halves of a shuffled tensor lose equally
            many channels, but not the same units); :attr:`counted` keeps a record of it.
    """

    def __init__(self, exact=False):
        self.exact = exact
        self.counted = []  # (expression, operator and line): what corresponds in count only
        self.size = []  # units of each variable in the dense network
        self.binding = {}
        self.reasons = {}  # variable -> why it is fixed
        self.where = lambda: ""  # text that names the operator now being traced

    def new(self, size):
        """A new free variable of ``size`` units."""
        self.size.append(size)
        return len(self.size) - 1

    def fixed(self, size, reason):
        """An expression of ``size`` channels that stay, and that knows why."""
        expr = ((1, self.new(size)),)
        self.freeze(expr, reason)
        return expr

    def resolve(self, expr):
        """``expr`` with every bound variable replaced; adjacent constants are joined."""
        if len(expr) == 1 and expr[0][1] is not None and expr[0][1] not in self.binding:
            return expr
        out = []
        for c, v in expr:
            if v is None:
                parts = ((c, None),)
            elif v in self.binding:
                parts = scale(self.resolve(self.binding[v]), c)
            else:
                parts = ((c, v),)
            for part in parts:
                if part[1] is None and out and out[-1][1] is None:
                    out[-1] = (out[-1][0] + part[0], None)
                else:
                    out.append(part)
        return tuple(out)

    def by_count(self, expr):
        """Note that an equation on ``expr`` holds in count only."""
        self.counted.append((expr, self.where()))

    def count(self, expr):
        """Channels of ``expr`` in the dense network."""
        return sum(c if v is None else c * self.size[v] for c, v in expr)

    def is_constant(self, expr):
        return expr is None or all(v is None for _, v in self.resolve(expr))

    def freeze(self, expr, reason, located=False):
        """Fix every variable of ``expr`` at its dense size; the first reason given is kept.

        Args:
            located: the reason already names operator and line.
        """
        if expr is None:
            return
        for _, v in self.resolve(expr):
            if v is not None and v not in self.binding:
                self.binding[v] = ((self.size[v], None),)
                self.reasons[v] = reason if located else reason + self.where()

    def explain(self, expr):
        """Why (a part of) ``expr`` is fixed; ``None`` if nothing is known."""
        for _, v in expr or ():
            while v is not None:
                if v in self.reasons:
                    return self.reasons[v]
                bound = self.binding.get(v, ())
                if len(bound) != 1:
                    found = self.explain(bound)
                    if found:
                        return found
                    break
                v = bound[0][1]
        return None

    def fix(self, expr):
        """:meth:`freeze` what nobody would want to prune (the sides of a kernel): no reason is kept."""
        for _, v in self.resolve(expr or ()):
            if v is not None:
                self.binding.setdefault(v, ((self.size[v], None),))

    def unify(self, a, b, what):
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
            self.freeze(b, self.explain(a), located=True)

    def _freeze_coupled(self, expr, other, what):
        if expr is None or self.is_constant(expr):
            return
        known = self.explain(other)
        self.freeze(expr, known or f"{what}: coupled to a fixed number of channels", located=known is not None)

    def _align(self, left, right):
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

    def _tie(self, a, u, b, v):
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

    def _spread(self, long, short):
        """Write the first segment of ``long`` as a sequence of segments of ``short``; both lists are advanced."""
        c, v = long[0]
        room, run = self.count(long[:1]), []
        rest = list(short)
        while room and rest:
            d, w = rest.pop(0)
            size = self.count(((d, w),))
            if size > room:
                head, tail = self._cut_segment(d, w, room)
                if head is None:
                    return False
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

    def _cut_segment(self, c, v, channels):
        """Split a segment after ``channels`` channels: ``(head, tail)``, or ``(None, None)`` inside a unit."""
        if v is None:
            return (channels, None), (c - channels, None)
        if channels % c:
            return None, None
        units = channels // c
        head, tail = self.new(units), self.new(self.size[v] - units)
        self.binding[v] = ((1, head), (1, tail))
        return (c, head), (c, tail)
