"""Cutting widths into pieces and equal parts."""

import math

from edgeprune.tracing.expressions import MANY_BLOCKS, repeat, totals


class Partition:
    """The part of :class:`~edgeprune.tracing.algebra.Widths` that cuts."""

    def cut(self, expr, sizes):
        """``expr`` cut into consecutive pieces of ``sizes`` channels; ``None`` if a cut falls inside a unit."""
        total = self.count(self.resolve(expr))
        if len(sizes) > 1 and len(set(sizes)) == 1 and sizes[0] * len(sizes) == total:
            part = self.divide(expr, len(sizes))
            if part is not None:
                return [part] * len(sizes)
        return self._pieces(expr, sizes)

    def _pieces(self, expr, sizes):
        pieces, rest = [], list(self.resolve(expr))
        for size in sizes:
            piece = []
            while size:
                rest = list(self.resolve(rest))
                c, v = rest.pop(0)
                here = self.count(((c, v),))
                if here > size:
                    head, tail = self._cut_segment(c, v, size)
                    if head is None:
                        return None
                    rest.insert(0, tail)
                    (c, v), here = head, size
                piece.append((c, v))
                size -= here
            pieces.append(tuple(piece))
        return pieces

    def divide(self, expr, n, inner=False):
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
            return self._share(expr, n)
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
            if c % n:
                m = n // math.gcd(c, n)
                t = self.new(self.size[v] // m)
                self.binding[v] = ((m, t),) if inner else repeat(((1, t),), m)
        return self._share(self.resolve(expr), n)

    def _uneven_blocks(self, expr, n):
        """Blocks whose borders fall inside segments that cannot be halved: cut there, then state that all are equal."""
        blocks = self._pieces(expr, [self.count(expr) // n] * n)
        if blocks is None:
            return None
        for block in blocks[1:]:
            self.unify(blocks[0], block, "equal parts")
        return self.resolve(blocks[0])

    def _share(self, expr, n):
        sums = totals(expr)
        if len(expr) % n == 0 and expr == expr[: len(expr) // n] * n:  # blocks: the first one, in its order
            return expr[: len(expr) // n]
        return tuple((c // n, v) for v, c in sums.items())

    def _blocks(self, expr, size):
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

    def match_pieces(self, left, right, what):
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

        def pieces(expr):
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
    def _coefficients_of_each(left, right):
        found = {}
        for c, v in (*left, *right):
            found.setdefault(v, set()).add(c if v is not None else 1)
        return found
