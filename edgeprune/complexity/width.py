"""Affine expressions of group widths: how many channels a tensor dimension has after pruning.

An expression is an ordered tuple of segments ``(coefficient, group)``; ``group`` is the name of a group of
coupled channels, or ``None`` for a constant segment of ``coefficient`` channels. The order is that of the
channels in memory (a concatenation's parts, in turn), which is what surgery needs to carry weights over.

In JSON an expression is an integer (constant), ``"group"``, ``"49*group"``, or a list of these.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from edgeprune.typed import short

Segment = tuple[int, str | None]


class Expr(tuple[Segment, ...]):
    """An expression, see the module's docstring."""


def constant(n: int) -> Expr:
    """The expression that is always ``n`` channels."""
    return Expr([(int(n), None)])


def evaluate(expr: Iterable[Segment], widths: Mapping[str, int]) -> int:
    """Number of channels of ``expr`` where group ``g`` has ``widths[g]`` units."""
    return sum(c if g is None else c * widths[g] for c, g in expr)


def is_constant(expr: Iterable[Segment]) -> bool:
    return all(g is None for _, g in expr)


def coefficients(expr: Iterable[Segment]) -> tuple[dict[str, int], int]:
    """``({group: coefficient}, constant)`` of an expression, equal groups added up."""
    by_group: dict[str, int] = {}
    fixed = 0
    for c, g in expr:
        if g is None:
            fixed += c
        else:
            by_group[g] = by_group.get(g, 0) + c
    return by_group, fixed


def to_json(expr: Iterable[Segment]) -> int | str | list[int | str]:
    parts = [c if g is None else g if c == 1 and not re.match(r"\d+\*", g) else f"{c}*{g}" for c, g in expr]
    return parts[0] if len(parts) == 1 else parts


def from_json(value: Any, groups: Collection[str]) -> Expr:
    """Inverse of :func:`to_json`.

    Raises:
        ValueError: it is no expression, or names a group that is not among ``groups``.
    """
    segments: list[Segment] = []
    for part in value if isinstance(value, list) else [value]:
        if type(part) is int and part >= 0:
            segments.append((part, None))
            continue
        if not isinstance(part, str):
            raise ValueError(f"cannot be {short(value)}; it is a number of channels or of units of groups")
        times = re.match(r"(\d+)\*", part)
        group = part[times.end() :] if times else part
        if group not in groups:
            raise ValueError(f"names the group {group!r}, which is not among `groups`")
        segments.append((int(times[1]) if times else 1, group))
    if not segments:
        raise ValueError("is empty")
    return Expr(segments)
