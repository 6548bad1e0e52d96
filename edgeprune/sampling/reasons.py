"""Why layers keep filters: what a refusal quotes of a :class:`~edgeprune.sampling.problem.Problem`."""

import math
import textwrap
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Protocol

from edgeprune.complexity import width
from edgeprune.complexity.parts import Layer
from edgeprune.complexity.profile import Profile
from edgeprune.complexity.remedies import remedy
from edgeprune.names import MEASURED
from edgeprune.sampling.costs import Costs

_LEAST = 0.05  # of what must remain: a reason that holds less does not matter
_REASONS, _LAYERS, _LONGEST = 3, 2, 200
_OUTSIDE = "of no convolution or linear layer that runs"


class Kept(Protocol):
    """What is read of a :class:`~edgeprune.sampling.problem.Problem`, which stands above this module."""

    profile: Profile
    costs: Costs
    floor: list[int]
    reasons: list[str]


def of_group(
    settings: Mapping[str, Any], pattern: str | None, only_conv: bool, least: int, floor: int, dense: int
) -> str:
    """Why a group keeps ``floor`` of its ``dense`` units, as a few words.

    Args:
        settings: the problem's.
        pattern: the pattern that protects it, or None.
        only_conv: whether ``prunable`` leaves it alone.
        least: the floor before ``round_to`` was asked.
    """
    if pattern is not None:
        return f"protect={pattern!r}"
    if only_conv:
        return f"prunable={settings['prunable']!r}"
    if floor == dense and least < dense:
        return f"no smaller width suits round_to={settings['round_to']}"
    rounded = f", round_to={settings['round_to']}" if floor > least else ""
    return f"min_channels={settings['min_channels']}{rounded}"


def told(problem: Kept, resources: Collection[str]) -> tuple[str, bool, list[str]]:
    """``(words, whether the network itself keeps some, what would free them)``: which layers hold what must remain, the
    most first, and why.

    Args:
        problem: the problem.
        resources: those that are out of reach; each of them counts the same.
    """
    layers, held = {}, {}
    for resource in resources:
        parts = [
            (layer.name, _reason(problem, layer), _cost(problem, n, layer, resource))
            for n, layer in enumerate(problem.profile.layers)
        ]
        if resource == "params":
            parts += [(name, _OUTSIDE, n) for name, n in _outside(problem.profile)]
        total = sum(cost for *_, cost in parts) or 1
        for name, why, cost in parts:
            part = cost / total / len(resources)
            held[why] = held.get(why, 0) + part
            names = layers.setdefault(why, {})
            names[name] = names.get(name, 0) + part
    ranked = sorted(held, key=lambda why: held[why], reverse=True)
    shown = ranked[:1] + [why for why in ranked[1:_REASONS] if held[why] >= _LEAST]
    words = "; ".join(f"{_names(layers[why])}: {textwrap.shorten(why, _LONGEST, placeholder=' …')}" for why in shown)
    fixed = {_OUTSIDE, *(_reason(problem, layer) for layer in problem.profile.layers if width.is_constant(layer.out))}
    helps = [do for why in shown if why in fixed and (do := remedy(why))]
    return words, not fixed.isdisjoint(shown), list(dict.fromkeys(helps))


def _outside(profile: Profile) -> Iterator[tuple[str, int]]:
    """Modules that are no layer of the profile, with the sizes of their matrices and kernels that no group moves: what
    the forward pass does not use, and embeddings."""
    names = {layer.name for layer in profile.layers}
    for slot in profile.slots:
        *path, _ = parts = slot.name.split(".")
        owners = {".".join(parts[:n]) for n in range(1, len(parts) + 1)}
        if slot.trainable and len(slot.dims) > 1 and all(map(width.is_constant, slot.dims)) and not owners & names:
            yield ".".join(path) or slot.name, math.prod(slot.shape({}))


def _cost(problem: Kept, n: int, layer: Layer, resource: str) -> int:
    """What a layer holds at the floors; of peak memory its weights and its map."""
    if resource in MEASURED.values():
        return problem.costs.measured(resource).layer(n, problem.floor)[0]
    widths, bytes_ = dict(zip(problem.costs.names, problem.floor)), problem.profile.dtype_bytes
    if resource == "peak_memory":
        return bytes_ * layer.cost("params", widths, bytes_) + layer.cost("memory", widths, bytes_)
    return layer.cost(resource, widths, bytes_)


def _reason(problem: Kept, layer: Layer) -> str:
    """Why the layer keeps filters: what keeps the widest of its groups; what the profile says where it has none."""
    kept = {name: (problem.floor[i], problem.reasons[i]) for i, name in enumerate(problem.costs.names)}
    parts = [(c * kept[g][0], kept[g][1]) for g, c in width.coefficients(layer.out)[0].items()]
    if parts:
        return max(parts, key=lambda part: part[0])[1]
    return problem.profile.frozen.get(layer.name, "its filters are fixed")


def _names(parts: Mapping[str, float]) -> str:
    names = sorted(parts, key=lambda name: parts[name], reverse=True)
    more = f" and {len(names) - _LAYERS} more" if len(names) > _LAYERS else ""
    return f"layer{'s' * (len(names) > 1)} {', '.join(names[:_LAYERS])}{more}"
