"""Random removal of filters where weights only fall: a Markov chain that takes one unit from one group at a time.

Draws are exact and portable: all weights are integers, and each draw uses 53 random bits from
``random.Random(seed).random()``, the one sequence that Python promises to keep for a given integer seed. An integer
below ``z`` is ``floor(bits * z / 2**53)``, so no probability is off by more than 2**-53.

A chain does not look at how far it is to go. So the widths at a smaller reduction are a prefix of those at a larger
one, and a single chain serves all targets of a seed. Nor does it look at ``round_to``: units go singly, and what is
compared with the target is the network with its widths rounded, see :meth:`Problem.rounded`.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgeprune.sampling.limits import Limits
    from edgeprune.sampling.problem import Problem

#: Rejected proposals after which the table of :func:`falling` is made anew. Part of the definition of a seed's plan;
#: 24 is a sixth faster, 8 is what the layer draw's plans have always been drawn with.
STALE = {"filter": 24, "layer": 8}
#: Random bits of a draw.
BITS = 53


def by_share(problem: Problem, resource: str, steps: Sequence[Limits], seed: int) -> list[list[int]]:
    """Draw units by their layers' share of ``resource``; the widths at the first point within each limits.

    A unit of a group is drawn with weight width * :meth:`Costs.per_unit`, the share of its group; with ``draw: layer``
    a group has that weight, however many units it has.

    Args:
        problem: a :class:`~edgeprune.sampling.problem.Problem` that can reach every limits.
        resource: ``params``, ``macs``, ``flops`` or ``memory``.
        steps: dicts ``{resource: limit}``, each at least as strict as the one before.
        seed: integer from 0.

    Returns:
        list: for each step, the list of widths.
    """
    per_unit, readers = problem.costs.per_unit_dense(resource)
    return falling(problem, list(per_unit), readers, steps, seed, squared=problem.draw == "filter")


def evenly(problem: Problem, steps: Sequence[Limits], seed: int) -> list[list[int]]:
    """Draw every unit of every group with the same weight; the widths at the first point within each limits.

    So each group is expected to lose the same fraction: :func:`by_share` without the share.
    """
    return falling(problem, [1] * len(problem.dense), [()] * len(problem.dense), steps, seed)


def falling(
    problem: Problem,
    per_unit: list[int],
    readers: Sequence[Sequence[tuple[int, int]]],
    steps: Sequence[Limits],
    seed: int,
    squared: bool = False,
) -> list[list[int]]:
    """Draw groups with weight ``width * per_unit``, or ``width**2 * per_unit``, until every limits is met.

    Weights only fall as units go. So proposals are drawn from a table of earlier, larger weights and accepted with
    probability new / old: rejection, which leaves the distribution exactly that of a table made anew for each draw, at
    a fraction of the work.

    Args:
        per_unit: for each group, a positive integer at the dense widths; changed in place.
        readers: for each group, ``[(group, by how much its per_unit falls with a unit of this one), …]``.
    """
    uniform = random.Random(seed).random
    scale = float(1 << BITS)
    w, floor, stale = list(problem.dense), problem.floor, STALE[problem.draw]
    live = [0] * len(w)  # the width of a group that may still lose a unit, otherwise 0
    for i in problem.eligible:
        live[i] = w[i]
    reached, due = [], list(steps)
    while due and problem.meets(due[0], problem.rounded(w)):
        reached.append(problem.rounded(w))
        due.pop(0)
    while due:
        table = [x * x * c for x, c in zip(live, per_unit)] if squared else [x * c for x, c in zip(live, per_unit)]
        ends = list(accumulate(table))
        z = ends[-1]
        starts = [0] + ends
        rejected, drawn = 0, []
        while rejected < stale and z:
            t = int(uniform() * scale) * z >> BITS
            i = bisect_right(ends, t)
            x = live[i]
            weight = x * x * per_unit[i] if squared else x * per_unit[i]
            if t >= starts[i] + weight:
                rejected += 1
                continue
            drawn.append(i)
            x -= 1
            live[i] = x if x > floor[i] else 0
            for j, cost in readers[i]:
                per_unit[j] -= cost
        before, w = w, _after(w, drawn)
        while due and problem.meets(due[0], problem.rounded(w)):
            reached.append(_first_within(problem, due.pop(0), before, drawn))
    return reached


def _after(w: Sequence[int], drawn: Sequence[int]) -> list[int]:
    w = list(w)
    for i in drawn:
        w[i] -= 1
    return w


def _first_within(problem: Problem, limits: Limits, w: Sequence[int], drawn: Sequence[int]) -> list[int]:
    """Rounded widths after the fewest of ``drawn`` that bring the network within the limits (totals only fall)."""
    low, high = 0, len(drawn)
    while low < high:
        middle = (low + high) // 2
        if problem.meets(limits, problem.rounded(_after(w, drawn[:middle]))):
            high = middle
        else:
            low = middle + 1
    return problem.rounded(_after(w, drawn[:low]))


def draw(uniform: Callable[[], float], weights: Sequence[int]) -> int:
    """An index with probability proportional to its integer weight.

    Args:
        uniform: ``random.Random(seed).random``.
    """
    ends = list(accumulate(weights))
    return bisect_right(ends, int(uniform() * (1 << BITS)) * ends[-1] >> BITS)
