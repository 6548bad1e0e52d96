"""Which widths a group may have so that its layers keep multiples of ``round_to``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgeprune.complexity import width

if TYPE_CHECKING:
    from edgeprune.complexity.profile import Profile
    from edgeprune.sampling.costs import Costs


def grid(
    profile: Profile, costs: Costs, step: Sequence[int], least: Sequence[int], round_to: int
) -> tuple[list[int], list[int]]:
    """Offsets and floors: a pruned group has ``offset + n * step`` units, at least ``floor``.

    A layer with ``c`` filters for a unit of a group, and others that stay (a constant part, the units of a group that
    is not pruned), needs ``c * width + others = 0`` modulo ``round_to``. Where a group's layers contradict each other,
    the group is not pruned: its floor is its dense width. Its units then stay in the other layers it is part of. In a
    layer that spans several groups, the last of them makes up for what stays.

    Args:
        step: for each group, the units that make a multiple of ``round_to`` in each of its layers.
        least: for each group, the units it keeps at least; its dense width where it is not to be pruned.
    """
    dense, number = costs.dense, {name: i for i, name in enumerate(costs.names)}
    offset, floor = [0] * len(dense), list(least)
    if round_to == 1:
        return offset, floor
    spans = []
    for layer in profile.layers:
        by_group, fixed = width.coefficients(layer.out)
        if by_group:
            spans.append(([(number[g], c) for g, c in by_group.items()], fixed))
    while True:
        needs = [[] for _ in dense]  # (coefficient, channels that stay)
        for groups, fixed in spans:
            free = [(i, c) for i, c in groups if floor[i] < dense[i]]
            stays = fixed + sum(c * dense[i] for i, c in groups if floor[i] == dense[i])
            for i, c in free:
                needs[i].append((c, stays if i == free[-1][0] else 0))
        for i, conditions in enumerate(needs):
            if floor[i] == dense[i]:
                continue
            found = _offset(conditions, step[i], round_to)
            offset[i] = found or 0
            floor[i] = dense[i] if found is None else _up(least[i], found, step[i], dense[i])
            if floor[i] == dense[i]:
                break  # its units stay from now on, which the other groups of its layers have to know
        else:
            return offset, floor


def _offset(conditions: Sequence[tuple[int, int]], step: int, round_to: int) -> int | None:
    """The least width, from 0, that meets every condition; None if there is none."""
    if all(stays % round_to == 0 for _, stays in conditions):
        return 0
    fits = (n for n in range(step) if all((c * n + stays) % round_to == 0 for c, stays in conditions))
    return next(fits, None)


def _up(n: int, offset: int, step: int, dense: int) -> int:
    """``n`` rounded up to the grid, at most dense."""
    return min(dense, offset + step * max(0, -(-(n - offset) // step)))
