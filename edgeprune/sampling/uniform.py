"""Uniform width scaling: one factor for every group, the usual baseline of a method that chooses layers."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgeprune.sampling.limits import Limits
    from edgeprune.sampling.problem import Problem

_GRID = 40  # the factor is a multiple of 2**-40, finer than any two widths can tell apart


def uniform(problem: Problem, limits: Limits) -> list[int]:
    """Widths of the largest common factor within ``limits`` (``{resource: total}``).

    At factor f a group keeps ``floor(f * dense)`` units, rounded down to its step and not below its floor. The factor
    is found by bisection over integers. Then each group, in the order of what rounding down took from it, gets one step
    back if the limits still hold: no width is a full step away from the factor's, and one more step of some group would
    not fit.

    Returns:
        list: the widths.
    """
    if problem.meets(limits, problem.dense):
        return list(problem.dense)

    def at(factor: int) -> list[int]:
        w = list(problem.dense)
        for i in problem.eligible:
            kept = (factor * problem.dense[i]) >> _GRID
            w[i] = max(problem.floor[i], kept - (kept - problem.offset[i]) % problem.step[i])
        return w

    low, high = 0, 1 << _GRID
    while high - low > 1:
        middle = (low + high) // 2
        if problem.meets(limits, at(middle)):
            low = middle
        else:
            high = middle
    w = at(low)

    lost = {i: Fraction(low * problem.dense[i] - (w[i] << _GRID), problem.step[i]) for i in problem.eligible}
    for i in sorted((i for i in lost if lost[i] > 0), key=lambda i: -lost[i]):  # a group at its floor lost nothing
        wider = list(w)
        wider[i] = min(problem.dense[i], w[i] + problem.step[i])
        if problem.meets(limits, wider):
            w = wider
    return w
