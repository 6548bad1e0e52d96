"""The ground of :mod:`edgeprune.tracing.algebra`: variables, what they are bound to, and why."""

from abc import abstractmethod
from collections.abc import Callable, Sequence

from edgeprune.tracing.expressions import Expression, Segment, scale


class Variables:
    """The part of :class:`~edgeprune.tracing.algebra.Widths` that keeps what is known."""

    def __init__(self, exact: bool = False) -> None:
        self.exact = exact
        self.counted: list[tuple[Expression, str]] = []  # what corresponds in count only; operator and line
        self.statistics: list[tuple[Expression, str]] = []  # what is reduced over, so that each unit acts on the others
        self.size: list[int] = []  # units of each variable in the dense network
        self.binding: dict[int, Expression] = {}
        self.reasons: dict[int, str] = {}  # variable -> why it is fixed
        self.where: Callable[[], str] = lambda: ""  # text that names the operator now being traced

    @abstractmethod
    def unify(self, a: Expression | None, b: Expression | None, what: str) -> None:
        """State that ``a`` and ``b`` (``None``: a fixed size) always hold equally many channels."""

    def new(self, size: int) -> int:
        """A new free variable of ``size`` units."""
        self.size.append(size)
        return len(self.size) - 1

    def fixed(self, size: int, reason: str) -> Expression:
        """An expression of ``size`` channels that stay, and that knows why."""
        expr = ((1, self.new(size)),)
        self.freeze(expr, reason)
        return expr

    def resolve(self, expr: Sequence[Segment]) -> Expression:
        """``expr`` with every bound variable replaced; adjacent constants are joined."""
        if len(expr) == 1 and expr[0][1] is not None and expr[0][1] not in self.binding:
            return tuple(expr)
        out: list[Segment] = []
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

    def by_count(self, expr: Expression) -> None:
        """Note that an equation on ``expr`` holds in count only."""
        self.counted.append((expr, self.where()))

    def count(self, expr: Sequence[Segment]) -> int:
        """Channels of ``expr`` in the dense network."""
        return sum(c if v is None else c * self.size[v] for c, v in expr)

    def is_constant(self, expr: Expression | None) -> bool:
        return expr is None or all(v is None for _, v in self.resolve(expr))

    def freeze(self, expr: Expression | None, reason: str, located: bool = False) -> None:
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

    def explain(self, expr: Expression | None) -> str | None:
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

    def fix(self, expr: Expression | None) -> None:
        """:meth:`freeze` what nobody would want to prune (the sides of a kernel): no reason is kept."""
        for _, v in self.resolve(expr or ()):
            if v is not None:
                self.binding.setdefault(v, ((self.size[v], None),))

    def _cut_segment(self, c: int, v: int | None, channels: int) -> tuple[Segment, Segment] | None:
        """Split a segment after ``channels`` channels: ``(head, tail)``, or ``(None, None)`` inside a unit."""
        if v is None:
            return (channels, None), (c - channels, None)
        if channels % c:
            return None
        units = channels // c
        head, tail = self.new(units), self.new(self.size[v] - units)
        self.binding[v] = ((1, head), (1, tail))
        return (c, head), (c, tail)
