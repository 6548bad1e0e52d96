"""Sampling as METHOD.md words it, recomputed from the profile at every step; shares no code with the sampler."""

import math
import random
from fractions import Fraction

from edgeprune.complexity import width

RESOURCE = {"PA": "params", "FA": "flops", "MA": "memory"}


def shares(profile, resource, widths, floors):
    """``{group: weight}``: each layer's cost, split by its filters over the groups that it spans; 0 at the floor."""
    weights = {group: Fraction(0) for group in profile.widths}
    for layer in profile.layers:
        cost, filters = layer.cost(resource, widths, profile.dtype_bytes), width.evaluate(layer.out, widths)
        for coefficient, group in layer.out:
            if group is not None and widths[group] > floors[group]:
                weights[group] += Fraction(cost * coefficient * widths[group], filters)
    return weights


def lots(profile, resource, widths, floors, draw="filter"):
    """``{group: draw weight}``: the share; with ``draw="filter"`` once for each unit that the group has."""
    return {
        group: share * (widths[group] if draw == "filter" else 1)
        for group, share in shares(profile, resource, widths, floors).items()
    }


def floors(profile, fraction=0.1):
    return {group: math.ceil(Fraction(repr(fraction)) * units) for group, units in profile.widths.items()}


def widths_of(profile, mode, target, seed, draw="filter"):
    """Plan of a seed: propose by a table of weights, accept by the present weight over the table's, renew the table
    after 24 refusals (8 with ``draw="layer"``)."""
    stale = {"filter": 24, "layer": 8}[draw]
    rng, now, low = random.Random(seed), dict(profile.widths), floors(profile)
    resource = RESOURCE[mode]
    limit = (1 - Fraction(repr(target))) * profile.totals[resource]
    table, refused = lots(profile, resource, now, low, draw), 0
    while profile.total(resource, now) > limit:
        if refused == stale:
            table, refused = lots(profile, resource, now, low, draw), 0
        bits = Fraction(rng.random())  # a multiple of 2**-53, so this is exact
        point = math.floor(bits * sum(table.values()))
        for name, weight in table.items():
            if point < weight:
                group = name
                break
            point -= weight
        if point < lots(profile, resource, now, low, draw)[group]:
            now[group] -= 1
        else:
            refused += 1
    return now


def outcomes(profile, mode, target, low, draw="filter"):
    """Exact distribution over final widths of the textbook chain: ``{tuple of widths: probability}``."""
    resource, names = RESOURCE[mode], list(profile.widths)
    limit = (1 - Fraction(repr(target))) * profile.totals[resource]
    ended, now = {}, {tuple(profile.widths.values()): Fraction(1)}
    while now:
        later = {}
        for state, probability in now.items():
            at = dict(zip(names, state))
            if profile.total(resource, at) <= limit:
                ended[state] = ended.get(state, 0) + probability
                continue
            weights = lots(profile, resource, at, low, draw)
            for i, name in enumerate(names):
                if weights[name]:
                    after = state[:i] + (state[i] - 1,) + state[i + 1 :]
                    later[after] = later.get(after, 0) + probability * weights[name] / sum(weights.values())
        now = later
    return ended
