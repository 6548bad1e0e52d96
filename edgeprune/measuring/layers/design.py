"""At which widths a network is measured, so that each layer is seen at every pair of input and output widths.

The layers are timed inside the whole network, where the runtime fuses and lays out as it will later. A few networks
must then show each layer at all combinations of its own two widths. That is what an orthogonal array does: with L
levels (L a prime), L * L networks and up to L + 1 columns, any two columns hold each pair of levels once. Groups of
channels that meet in a layer get different columns, as neighbours on a map get different colours.
"""

from edgeprune.complexity import width
from edgeprune.errors import EdgepruneError
from edgeprune.sampling.problem import Problem

#: Levels of each width; 25 networks. 3 would do with 9 networks where a table has to be made quickly.
LEVELS = 5
CHOICES = (3, 5, 7)


def networks(problem: Problem, levels: int = LEVELS) -> list[dict[str, int]]:
    """The widths of the networks to measure, the dense one first.

    Args:
        problem: a :class:`~edgeprune.sampling.problem.Problem`; its floors and its ``round_to`` say which widths plans
            can have, and only such are measured.
        levels: how many widths of each group, 3, 5 or 7.

    Returns:
        list of ``{group: units}``, without repetitions.

    Raises:
        EdgepruneError: another number of levels.
    """
    if levels not in CHOICES:
        raise EdgepruneError(f"cannot be {levels}", key="levels", remedy="3, 5 or 7")
    column, names = columns(problem, levels), problem.costs.names
    rungs = [_rungs(problem, i, levels) for i in range(len(names))]
    found = []
    for b in range(levels):
        for a in reversed(range(levels)):
            widths = {names[i]: rungs[i][_level(column[i], a, b, levels)] for i in range(len(names))}
            if widths not in found:
                found.append(widths)
    return found


def columns(problem: Problem, levels: int) -> list[int]:
    """For each group the number of its column, 0 … ``levels``: where a layer reads one group and writes another, the
    two differ if the columns suffice, else as many such layers as a greedy choice manages."""
    number = {name: i for i, name in enumerate(problem.costs.names)}
    meets = [[] for _ in number]
    for layer in problem.profile.layers:
        read, written = (width.coefficients(expr)[0] for expr in (layer.inp, layer.out))
        for g in read:
            for h in written:
                if g != h:
                    meets[number[g]].append(number[h])
                    meets[number[h]].append(number[g])
    chosen = [-1] * len(meets)
    for i in range(len(meets)):
        taken = [chosen[j] for j in meets[i]]
        chosen[i] = min(range(levels + 1), key=lambda c: (taken.count(c), c))
    return chosen


def _level(column: int, a: int, b: int, levels: int) -> int:
    """The level of a column in run (a, b); run (levels - 1, 0) has the highest level everywhere."""
    return (a + column * b) % levels if column < levels else (b + levels - 1) % levels


def _rungs(problem: Problem, i: int, levels: int) -> list[int]:
    """Widths from the group's floor to its dense width, evenly spread, on the grid of ``round_to``."""
    grid = [w for w in range(problem.floor[i], problem.dense[i] + 1) if problem.nearest(i, w) == w]
    most = len(grid) - 1
    return [grid[(2 * most * k + levels - 1) // (2 * (levels - 1))] for k in range(levels)]
