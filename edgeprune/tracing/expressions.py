"""Expressions of variables: tuples of segments ``(coefficient, variable)``, see :mod:`edgeprune.tracing.algebra`."""

Segment = tuple[int, int | None]
Expression = tuple[Segment, ...]
#: A tensor's label: of each dimension an expression, or None for a fixed size.
Dims = list[Expression | None]

#: More equal blocks than this are written as one coefficient, which is right in count only.
MANY_BLOCKS = 256
#: The same where the order matters: more blocks than this are frozen.
MOST_BLOCKS = 4096


def scale(expr: Expression, n: int) -> Expression:
    """Each channel of ``expr`` becomes ``n`` adjacent ones."""
    return expr if n == 1 else tuple((c * n, v) for c, v in expr)


def repeat(expr: Expression, n: int) -> Expression:
    """``n`` blocks like ``expr``, one after the other."""
    return expr * n if n * len(expr) <= MANY_BLOCKS else scale(expr, n)


def totals(expr: Expression) -> dict[int | None, int]:
    """``{variable: coefficient}``, equal variables added up; ``None`` is the constant."""
    sums = {}
    for c, v in expr:
        sums[v] = sums.get(v, 0) + c
    return sums
