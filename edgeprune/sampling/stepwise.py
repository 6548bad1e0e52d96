"""Chains whose weights may rise as well as fall, so that they are made anew for each draw. As exact and portable as
those of :mod:`edgeprune.sampling.chains`, and slower."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgeprune.sampling.chains import draw

if TYPE_CHECKING:
    from edgeprune.sampling.limits import Limits
    from edgeprune.sampling.problem import Problem


def jointly(problem: Problem, limits: Limits, seed: int) -> list[int]:
    """Draw units until every one of ``limits`` (``{resource: total}``) holds; the list of widths.

    For each draw, first one of the resources that are above their limit is drawn, weighted by the fraction of its
    present total that has to go; then a unit by the shares of that resource. A unit's weight is therefore the mixture
    of its shares. The share in peak memory is that of the bytes of a group's weights and of the feature maps which are
    alive at the peak and span the group.
    """
    uniform = random.Random(seed).random
    costs, w = problem.costs, list(problem.dense)
    while True:
        kept = problem.rounded(w)
        totals = {r: costs.total(r, kept) for r in limits}
        unmet = [r for r in limits if totals[r] > limits[r]]
        if not unmet:
            return kept
        # 32 bits resolve the distance finely enough; 1 keeps an almost met resource in the draw.
        far = [max(1, (totals[r] - limits[r] << 32) // totals[r]) for r in unmet]
        resource = unmet[draw(uniform, far)]
        w[draw(uniform, _weights(problem, resource, w))] -= 1


def _weights(problem: Problem, resource: str, w: Sequence[int]) -> list[int]:
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
        weights.append(weight * problem.lots(i, w) if w[i] > problem.floor[i] else 0)
    return weights


def by_table(problem: Problem, resource: str, steps: Sequence[Limits], seed: int) -> list[list[int]]:
    """Draw units by their layers' share of a measured resource; the widths at the first point within each limits.

    A table promises no cost that falls with every unit, so every weight is made anew from the layers that the last
    draw changed, and the network's total is looked at after each draw. It ends at the floors at the latest, which
    ``problem`` has checked against the steps.

    Args:
        resource: ``latency`` or ``energy``.
        steps: dicts ``{resource: limit}``, falling.
    """
    uniform = random.Random(seed).random
    measured, w = problem.costs.measured(resource), list(problem.dense)
    layers = [measured.layer(n, w) for n in range(len(measured.layers))]
    affected = [sorted({i for n in measured.touches[g] for i, _ in measured.layers[n][1][1]}) for g in range(len(w))]

    def weight(i: int) -> int:
        """Of a group: the costs of its layers; of one that spans several groups, the part of its filters there."""
        if w[i] <= problem.floor[i]:
            return 0
        share = sum(layers[n][0] * c * w[i] // layers[n][1] for n, c in measured.writers[i])
        return share * problem.lots(i, w)

    weights, reached, due = [weight(i) for i in range(len(w))], [], list(steps)
    kept = problem.rounded(w)
    costs = [measured.layer(n, kept)[0] for n in range(len(layers))]
    while True:
        while due and sum(costs) <= due[0][resource]:
            reached.append(list(kept))
            due.pop(0)
        if not due:
            return reached
        i = draw(uniform, weights)
        w[i] -= 1
        for n in measured.touches[i]:
            layers[n] = measured.layer(n, w)
        for j in {i, *affected[i]}:
            weights[j] = weight(j)
        units = problem.nearest(i, w[i])
        if units != kept[i]:
            kept[i] = units
            for n in measured.touches[i]:
                costs[n] = measured.layer(n, kept)[0]


def by_layer(problem: Problem, steps: Sequence[Limits], seed: int) -> list[list[int]]:
    """Draw every layer that can lose a filter with the same weight; widths at the first point within each limits.

    A layer that spans several groups loses a unit of one of them, drawn by their filters. This is ``random`` under
    ``draw: layer``; under ``draw: filter`` it is :func:`edgeprune.sampling.chains.evenly`.

    Args:
        steps: dicts ``{resource: limit}``, each at least as strict as the one before.
    """
    uniform = random.Random(seed).random
    w, reached, due = list(problem.dense), [], list(steps)
    spans = {}  # layer name -> [(group, filters of a unit)]
    for i in problem.eligible:
        for layer, coefficient in problem.costs.writers[i]:
            spans.setdefault(layer.name, []).append((i, coefficient))
    layers = [spans[layer.name] for layer in problem.profile.layers if layer.name in spans]
    while due:
        kept = problem.rounded(w)
        while due and problem.meets(due[0], kept):
            reached.append(kept)
            due.pop(0)
        if not due:
            break
        open_ = [[(i, c) for i, c in groups if w[i] > problem.floor[i]] for groups in layers]
        layer = open_[draw(uniform, [1 if groups else 0 for groups in open_])]
        w[layer[draw(uniform, [c * w[i] for i, c in layer])][0]] -= 1
    return reached
