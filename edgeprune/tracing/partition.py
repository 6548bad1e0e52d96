"""Cutting widths into pieces and equal parts."""

import math
from collections.abc import Iterator, Sequence

from edgeprune.tracing.expressions import MANY_BLOCKS, MOST_BLOCKS, Expression, repeat, scale, totals
from edgeprune.tracing.variables import Variables


class Partition(Variables):
    """The part of :class:`~edgeprune.tracing.algebra.Widths` that cuts."""

    def cut(self, expr: Expression, sizes: Sequence[int]) -> list[Expression] | None:
        """``expr`` cut into consecutive pieces of ``sizes`` channels; ``None`` if a cut falls inside a unit."""
        total = self.count(self.resolve(expr))
        if len(sizes) > 1 and len(set(sizes)) == 1 and sizes[0] * len(sizes) == total:
            part = self.divide(expr, len(sizes))
            if part is not None:
                return [part] * len(sizes)
        return self._pieces(expr, sizes)

    def _pieces(self, expr: Expression, sizes: Sequence[int]) -> list[Expression] | None:
        pieces, rest = [], list(self.resolve(expr))
        for size in sizes:
            piece = []
            while size:
                rest = list(self.resolve(rest))
                c, v = rest.pop(0)
                here = self.count(((c, v),))
                if here > size:
                    halves = self._cut_segment(c, v, size)
                    if halves is None:
                        return None
                    head, tail = halves
                    rest.insert(0, tail)
                    (c, v), here = head, size
                piece.append((c, v))
                size -= here
            pieces.append(tuple(piece))
        return pieces

    def divide(self, expr: Expression, n: int, inner: bool = False) -> Expression | None:
        """One of ``n`` equal parts of ``expr``, which must stay divisible by ``n``.

        Args:
            inner: the ``n`` parts interleave (each unit holds one channel of every part), else they are blocks.

        Returns:
            The part's expression, or ``None`` if the dense size or its structure does not divide.
        """
        if n == 1:
            return expr
        expr = self.resolve(expr)
        total = self.count(expr)
        if total % n:
            return None
        if all(c % n == 0 for c in totals(expr).values()):
            part = self._share(expr, n, inner)
            if part is not None:
                return part
        if self.exact:
            return self._divide_inner(expr, n) if inner else self._divide_blocks(expr, n)
        if not inner:
            parts = self._blocks(expr, total // n)
            if parts:
                for part in parts[1:]:
                    self.unify(parts[0], part, "equal parts")
                return self.resolve(parts[0])
        sums = totals(expr)
        if any(c % n and (v is None or self.size[v] % (n // math.gcd(c, n))) for v, c in sums.items()):
            return None if inner or len(expr) == 1 else self._uneven_blocks(expr, n)
        for v, c in sums.items():
            if c % n and v is not None:
                m = n // math.gcd(c, n)
                t = self.new(self.size[v] // m)
                self.binding[v] = ((m, t),) if inner else repeat(((1, t),), m)
        return self._share(self.resolve(expr), n, inner)

    def _divide_inner(self, expr: Expression, n: int) -> Expression | None:
        """Units so large that each holds a channel of every one of ``n`` interleaved parts."""
        while True:
            uneven = next(((c, v) for c, v in expr if c % n), None)
            if uneven is None:
                return tuple((c // n, v) for c, v in expr)
            c, v = uneven
            m = n // math.gcd(c, n)
            if v is None or self.size[v] % m:
                return None
            self.binding[v] = ((m, self.new(self.size[v] // m)),)
            expr = self.resolve(expr)

    def _divide_blocks(self, expr: Expression, n: int) -> Expression | None:
        """``n`` consecutive blocks that are the same, channel by channel."""
        c, v = expr[0]
        if len(expr) == 1 and v is not None:
            if self.size[v] % n:
                return None
            t = self.new(self.size[v] // n)
            self.binding[v] = ((1, t),) * n
            return ((c, t),)
        return self._uneven_blocks(expr, n)

    def _uneven_blocks(self, expr: Expression, n: int) -> Expression | None:
        """Blocks whose borders fall inside segments that cannot be halved: cut there, then state that all are equal."""
        blocks = self._pieces(expr, [self.count(expr) // n] * n)
        if blocks is None:
            return None
        for block in blocks[1:]:
            self.unify(blocks[0], block, "equal parts")
        return self.resolve(blocks[0])

    def _share(self, expr: Expression, n: int, inner: bool) -> Expression | None:
        """A part of what divides as it stands. By count if need be: ``None`` where that is not enough."""
        if inner and all(c % n == 0 for c, _ in expr):
            return tuple((c // n, v) for c, v in expr)
        if not inner and len(expr) % n == 0 and expr == expr[: len(expr) // n] * n:
            return expr[: len(expr) // n]
        if all(v is None for _, v in expr):
            return ((self.count(expr) // n, None),)
        if self.exact:
            return None
        self.by_count(expr)
        if len(expr) % n == 0 and expr == expr[: len(expr) // n] * n:
            return expr[: len(expr) // n]
        return tuple((c // n, v) for v, c in totals(expr).items())

    def repeat(self, expr: Expression, n: int) -> Expression:
        """``n`` blocks like ``expr``; very many are written as one coefficient, in which their order is lost."""
        if n * len(expr) <= MANY_BLOCKS:
            return repeat(expr, n)
        if all(v is None for _, v in expr):
            return ((self.count(expr) * n, None),)
        if not self.exact:
            self.by_count(expr)
            return scale(expr, n)
        if n * len(expr) > MOST_BLOCKS:
            raise ValueError(f"channels repeat {n} times")
        return expr * n

    def _blocks(self, expr: Expression, size: int) -> list[Expression] | None:
        """``expr`` cut at multiples of ``size`` where segments happen to end there, else ``None``."""
        blocks, now, filled = [], [], 0
        for segment in expr:
            now.append(segment)
            filled += self.count((segment,))
            if filled > size:
                return None
            if filled == size:
                blocks.append(tuple(now))
                now, filled = [], 0
        return blocks

    def match_pieces(self, left: Expression, right: Expression, what: str) -> bool:
        """Cut two resolved expressions into pieces of one size and state that they are equal, one by one.

        This is for what cannot be matched segment by segment because a variable would stand in its own definition, e.g.
        ShuffleNet's ``3 equal blocks == stem, 3 equal blocks``.

        Returns:
            Whether it was possible; False leaves everything as it was.
        """
        sizes = [self.count((segment,)) for segment in (*left, *right)]
        piece = math.gcd(*sizes)
        coefficients = {c for c, v in (*left, *right) if v is not None}
        if any(piece % c for c in coefficients) or self.count(left) > piece * MANY_BLOCKS:
            return False
        if any(len(uses) > 1 for uses in self._coefficients_of_each(left, right).values()):
            return False  # pieces of equally many channels would be different pieces of the variable
        cut = {}

        def pieces(expr: Expression) -> Iterator[Expression]:
            for c, v in expr:
                n = self.count(((c, v),)) // piece
                if v is None:
                    yield from [((piece, None),)] * n
                    continue
                if v not in cut:
                    cut[v] = [self.new(piece // c) for _ in range(n)] if n > 1 else [v]
                yield from (((c, part),) for part in cut[v])

        pairs = list(zip(list(pieces(left)), list(pieces(right)), strict=True))
        for v, parts in cut.items():
            if parts != [v]:
                self.binding[v] = tuple((1, part) for part in parts)
        for one, other in pairs:
            self.unify(one, other, what)
        return True

    @staticmethod
    def _coefficients_of_each(left: Expression, right: Expression) -> dict[int | None, set[int]]:
        found = {}
        for c, v in (*left, *right):
            found.setdefault(v, set()).add(c if v is not None else 1)
        return found
