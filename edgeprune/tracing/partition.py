"""Cutting widths into pieces and equal parts."""

import math

from edgeprune.tracing.expressions import repeat, totals


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
