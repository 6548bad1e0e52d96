"""Random removal of filters: Markov chains that take one block of units from one group at a time.

Draws are exact and portable: all weights are integers, and each draw uses 53 random bits from
``random.Random(seed).random()``, the one sequence that Python promises to keep for a given integer seed. An integer
below ``z`` is ``floor(bits * z / 2**53)``, so no probability is off by more than 2**-53.

A chain does not look at how far it is to go. So the widths at a smaller reduction are a prefix of those at a larger
one, and a single chain serves all targets of a seed.
"""

import random
from bisect import bisect_right
from itertools import accumulate

#: Rejected proposals after which the table of :func:`by_share` is made anew. Part of the definition of a seed's plan.
STALE = 8
_BITS = 53


def by_share(problem, resource, limits, seed):
    """Draw layers by their share of ``resource``; the widths at the first point within each limit.

    A group's weight is its width times :meth:`Costs.per_unit`, which only falls as units go. So proposals are drawn
    from a table of earlier, larger weights and accepted with probability new / old: rejection, which leaves the
    distribution exactly that of a table made anew for each draw, at a fraction of the work.

    Args:
        problem: a :class:`~edgeprune.sampling.problem.Problem` that can reach every limit.
        resource: ``params``, ``macs``, ``flops`` or ``memory``.
        limits: totals of the resource to reach, falling.
        seed: integer from 0.

    Returns:
        list: for each limit, the list of widths.
    """
    uniform = random.Random(seed).random
    scale = float(1 << _BITS)
    total = problem.costs.polynomial(resource)
    w, removed = list(problem.dense), [0] * len(problem.dense)
    per_unit, readers = _unit_costs(problem, resource, w)
    live = [0] * len(w)  # the width of a group that may still lose a block, otherwise 0
    for i in problem.eligible:
        live[i] = w[i]
    step, offset, floor = problem.step, problem.offset, problem.floor
    singly = all(n == 1 for n in step)
    reached, due = [], list(limits)
    while due and total(w) <= due[0]:
        reached.append(list(w))
        due.pop(0)
    while due:
        table = [x * c for x, c in zip(live, per_unit)]
        ends = list(accumulate(table))
        z = ends[-1]
        starts = [0] + ends
        rejected, drawn = 0, []
        while rejected < STALE and z:
            t = int(uniform() * scale) * z >> _BITS
            i = bisect_right(ends, t)
            x = live[i]
            if t - starts[i] >= x * per_unit[i]:
                rejected += 1
                continue
            drawn.append(i)
            block = 1 if singly else (x - offset[i]) % step[i] or step[i]
            x -= block
            live[i] = x if x > floor[i] else 0
            for j, cost in readers[i]:
                per_unit[j] -= cost * block
        before = removed
        removed = list(removed)
        for i in drawn:
            removed[i] += 1
        w = problem.widths(removed)
        while due and total(w) <= due[0]:
            reached.append(_first_within(problem, total, due.pop(0), before, drawn))
    return reached


def _first_within(problem, total, limit, removed, drawn):
    """Widths after the fewest of ``drawn`` that bring the total within the limit (totals only fall)."""

    def after(n):
        counts = list(removed)
        for i in drawn[:n]:
            counts[i] += 1
        return problem.widths(counts)

    low, high = 0, len(drawn)
    while low < high:
        middle = (low + high) // 2
        if total(after(middle)) <= limit:
            high = middle
        else:
            low = middle + 1
    return after(low)


def _unit_costs(problem, resource, w):
    """Present cost of a unit of each group; and for each group, whose unit cost falls by how much with its units."""
    per_unit, readers = [], [[] for _ in w]
    for j, (constant, slopes) in enumerate(problem.costs.per_unit(resource)):
        per_unit.append(constant + sum(c * w[i] for i, c in slopes.items()))
        for i, c in slopes.items():
            readers[i].append((j, c))
    return per_unit, readers


def jointly(problem, limits, seed):
    """Draw layers until every one of ``limits`` (``{resource: total}``) holds; the list of widths.

    For each draw, first one of the resources that are above their limit is drawn, weighted by the fraction of its
    present total that has to go; then a layer by its share of that resource. A layer's weight is therefore the mixture
    of its shares. The share in peak memory is that of the bytes of a group's weights and of the feature maps which are
    alive at the peak and span the group.
    """
    uniform = random.Random(seed).random
    costs, w = problem.costs, list(problem.dense)
    while True:
        totals = {r: costs.total(r, w) for r in limits}
        unmet = [r for r in limits if totals[r] > limits[r]]
        if not unmet:
            return w
        # 32 bits resolve the distance finely enough; 1 keeps an almost met resource in the draw.
        far = [max(1, (totals[r] - limits[r] << 32) // totals[r]) for r in unmet]
        resource = unmet[_draw(uniform, far)]
        i = _draw(uniform, _weights(problem, resource, w))
        w[i] -= problem.block(i, w[i])


def by_table(problem, resource, limits, seed):
    """Draw layers by their share of a measured resource; the widths at the first point within each limit.

    A table promises no cost that falls with every unit, so every weight is made anew from the layers that the last
    draw changed, and the network's total is looked at after each draw. It ends at the floors at the latest, which
    ``problem`` has checked against the limits.

    Args:
        resource: ``latency`` or ``energy``.
        limits: totals of the resource to reach, falling.
    """
    uniform = random.Random(seed).random
    measured, w = problem.costs.measured(resource), list(problem.dense)
    layers = [measured.layer(n, w) for n in range(len(measured.layers))]
    total = sum(cost for cost, _ in layers)
    affected = [sorted({i for n in measured.touches[g] for i, _ in measured.layers[n][1][1]}) for g in range(len(w))]

    def weight(i):
        """Of a group: the costs of its layers; of one that spans several groups, the part of its filters there."""
        if w[i] <= problem.floor[i]:
            return 0
        return sum(layers[n][0] * c * w[i] // layers[n][1] for n, c in measured.writers[i])

    weights, reached, due = [weight(i) for i in range(len(w))], [], list(limits)
    while True:
        while due and total <= due[0]:
            reached.append(list(w))
            due.pop(0)
        if not due:
            return reached
        i = _draw(uniform, weights)
        w[i] -= problem.block(i, w[i])
        for n in measured.touches[i]:
            total -= layers[n][0]
            layers[n] = measured.layer(n, w)
            total += layers[n][0]
        for j in {i, *affected[i]}:
            weights[j] = weight(j)


def _weights(problem, resource, w):
    """Draw weight of each group; 0 at its floor."""
    costs, spans = problem.costs, None
    if resource == "peak_memory":
        spans = costs.peak(w)[1]
        resource = "params"
    weights = []
    for i, (constant, slopes) in enumerate(costs.per_unit(resource)):
        weight = w[i] * (constant + sum(c * w[j] for j, c in slopes.items()))
        if spans is not None:
            weight = weight * problem.profile.dtype_bytes + spans[i]
        weights.append(weight if w[i] > problem.floor[i] else 0)
    return weights


def _draw(uniform, weights):
    """An index with probability proportional to its integer weight."""
    ends = list(accumulate(weights))
    return bisect_right(ends, int(uniform() * (1 << _BITS)) * ends[-1] >> _BITS)


def evenly(problem, goals, seed):
    """Draw every layer that can lose a filter with the same weight; widths at the first point within each goal.

    A layer that spans several groups loses a unit of one of them, drawn by their filters.

    Args:
        goals: dicts ``{resource: limit}``, each at least as strict as the one before.
    """
    uniform = random.Random(seed).random
    w, reached, due = list(problem.dense), [], list(goals)
    spans = {}  # layer name -> [(group, filters of a unit)]
    for i in problem.eligible:
        for layer, coefficient in problem.costs.writers[i]:
            spans.setdefault(layer.name, []).append((i, coefficient))
    layers = [spans[layer.name] for layer in problem.profile.layers if layer.name in spans]
    while due:
        while due and problem.meets(due[0], w):
            reached.append(list(w))
            due.pop(0)
        if not due:
            break
        open_ = [[(i, c) for i, c in groups if w[i] > problem.floor[i]] for groups in layers]
        layer = open_[_draw(uniform, [1 if groups else 0 for groups in open_])]
        i = layer[_draw(uniform, [c * w[i] for i, c in layer])][0]
        w[i] -= problem.block(i, w[i])
    return reached
