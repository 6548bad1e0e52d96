"""Affine expressions of group widths: how many channels a tensor dimension has after pruning.

An expression is an ordered tuple of segments ``(coefficient, group)``; ``group`` is the name of a group of
coupled channels, or ``None`` for a constant segment of ``coefficient`` channels. The order is that of the
channels in memory (a concatenation's parts, in turn), which is what surgery needs to carry weights over.

In JSON an expression is an integer (constant), ``"group"``, ``"49*group"``, or a list of these.
"""

import re

Expr = tuple  # of (int, str | None)


def constant(n):
    """The expression that is always ``n`` channels."""
    return ((int(n), None),)


def evaluate(expr, widths):
    """Number of channels of ``expr`` where group ``g`` has ``widths[g]`` units."""
    return sum(c if g is None else c * widths[g] for c, g in expr)


def is_constant(expr):
    return all(g is None for _, g in expr)


def coefficients(expr):
    """``({group: coefficient}, constant)`` of an expression, equal groups added up."""
    by_group, fixed = {}, 0
    for c, g in expr:
        if g is None:
            fixed += c
        else:
            by_group[g] = by_group.get(g, 0) + c
    return by_group, fixed


def to_json(expr):
    parts = [c if g is None else g if c == 1 and not re.match(r"\d+\*", g) else f"{c}*{g}" for c, g in expr]
    return parts[0] if len(parts) == 1 else parts


def from_json(value):
    """Inverse of :func:`to_json`."""
    if isinstance(value, list):
        return tuple(segment for part in value for segment in from_json(part))
    if isinstance(value, int):
        return constant(value)
    match = re.match(r"(\d+)\*(.*)", value, re.DOTALL)
    return ((int(match[1]), match[2]),) if match else ((1, value),)
