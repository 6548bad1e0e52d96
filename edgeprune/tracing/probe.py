"""The probe: a shrunk copy must run, keep its output's shape and cost what was predicted.

What breaks it is a size that the user's code has written down (``x.view(-1, 512)``); the groups behind it are frozen.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache

import torch
from torch._ops import OpOverload

from edgeprune.complexity import width
from edgeprune.complexity.profile import Profile
from edgeprune.errors import EdgepruneError
from edgeprune.modules.resize import on_meta, rebuild
from edgeprune.tracing.assemble import assemble, in_groups, sizes
from edgeprune.tracing.assertions import assertions_hold
from edgeprune.tracing.attribute_sizes import Kind, kind_of, suitable, unique
from edgeprune.tracing.counting import MacCounter
from edgeprune.tracing.labels import tensors_in
from edgeprune.tracing.mode import SIZED
from edgeprune.tracing.passes import failure, inputs, leaves, set_training
from edgeprune.tracing.records import Attribute, Shape
from edgeprune.tracing.trace import Trace

Widths = Mapping[str, int]
#: A module's place in a sequence.
_PLACE = re.compile(r"(?<![^.])\d+(?![^.])")


def settle(
    trace: Trace, find_candidates: Callable[[], tuple[list[Attribute], list[Attribute]]], freeze: bool = True
) -> Profile | None:
    """The trace's profile: what the probe finds to be written down is mended where it is an attribute, else frozen.

    Args:
        find_candidates: gives the attributes that may have to follow, see :mod:`edgeprune.tracing.attribute_sizes`.
        freeze: False returns ``None`` where attributes alone do not mend it.
    """
    profile = assemble(trace)
    if profile.total("macs", profile.widths) != trace.macs:
        raise EdgepruneError(
            f"the network has {trace.macs:,} MACs but its layers add up to {profile.totals['macs']:,}",
            remedy="report this network: an operator is counted wrongly",
        )
    candidates = cache(find_candidates)
    while (shrunk := _failing(trace, profile)) is not None:
        probe = _Search(trace, profile, shrunk, *candidates())
        if not freeze and not probe.mends_all():
            return None
        for name, why in probe.culprits().items():
            if trace.groups[name] not in trace.widths.binding:
                trace.widths.freeze(((1, trace.groups[name]),), why)
        for name in probe.mend():
            trace.notes.append(f"surgery sets a size kept in an attribute, for {name}")
        profile = assemble(trace)
    return profile


def _failing(trace: Trace, profile: Profile) -> Widths | None:
    """The first of :func:`_trials` that does not work, or ``None``."""
    trials = _trials(trace, profile) if profile.groups else ()
    return next((widths for widths in trials if _problem(trace, profile, widths) is not None), None)


def _trials(trace: Trace, profile: Profile) -> Iterator[Widths]:
    """Widths that differ from group to group, so that one cannot stand in for another.

    Where the code may compute with sizes, what it does can hold for one choice by accident or depend on a threshold:
    further ones are near the smallest that plans use, and out of proportion to each other.
    """
    sizes = list(enumerate(profile.widths.items()))
    yield {name: max(1, n * 3 // 4 - i % 3) for i, (name, n) in sizes}
    if trace.computes_with_sizes:
        yield {name: max(1, n // 10 + i % 2) for i, (name, n) in sizes}
        yield {name: max(1, n * 7 // 8 if i % 2 else n * 4 // 7 - 5 * i % 7) for i, (name, n) in sizes}


class _Search:
    """Finds, by halving, the groups that cannot shrink, and the attributes that must follow those that can."""

    def __init__(
        self, trace: Trace, profile: Profile, shrunk: Widths, equal: list[Attribute], multiples: list[Attribute]
    ) -> None:
        self.trace, self.profile, self.shrunk = trace, profile, shrunk
        self.before = list(trace.attributes)
        self.ranked = suitable(trace, equal)
        if multiples:
            self.ranked += suitable(trace, equal + multiples)
        self.nothing: dict[str, list[Attribute]] = {name: [] for name in trace.groups}
        self.chosen: dict[str, list[Attribute]] = {}  # of the groups that can shrink

    def mends_all(self) -> bool:
        """Whether all groups can shrink at once with one of the assignments."""
        return any(self._problem(of) is None for of in self.ranked)

    def culprits(self) -> dict[str, str]:
        """``{group: reason}``. Attributes are tried along: most networks that keep sizes so can be mended whole.

        Several groups are tried with the assignment that worked last, a single one with all, then with none. Of groups
        whose names differ in their modules' places in sequences only, as those of repeated blocks do, three culprits,
        the first, the last and one between, speak for all.
        """
        found: dict[str, str] = {}
        mixed: set[str] = set()
        alike: dict[str, list[str]] = {}  # of culprits, without places: groups so named that were not tried

        def search(names: list[str]) -> None:
            for name in names:
                if (pattern := _PLACE.sub("", name)) in alike:
                    alike[pattern].append(name)
            names = [name for name in names if _PLACE.sub("", name) not in alike]
            if not names:
                return
            problems, tried = [], []
            for of in self.ranked[:1] if len(names) > 1 else [*self.ranked, self.nothing]:
                attempt = {name: of[name] for name in names}
                if attempt in tried:
                    continue
                tried.append(attempt)
                if (problem := self._problem(self.chosen | attempt)) is None:
                    self.chosen |= attempt
                    self.ranked.sort(key=lambda other: other is not of)
                    return
                problems.append(problem)
            if len(names) == 1:
                found[names[0]] = problems[-1]
                if (pattern := _PLACE.sub("", names[0])) not in mixed:
                    alike[pattern] = []
                return
            search(names[: len(names) // 2])
            search(names[len(names) // 2 :])

        search(list(self.shrunk))
        while left := [pattern for pattern, names in alike.items() if names]:
            others = alike.pop(left[0])
            mixed.add(left[0])
            ends = dict.fromkeys((others[-1], others[len(others) // 2]))
            for name in ends:
                search([name])
            others = [name for name in others if name not in ends]
            if ends.keys() <= found.keys():
                found |= dict.fromkeys(others, found[next(iter(ends))])
            else:
                search(others)
        self.chosen = {name: self.chosen[name] for name in self.shrunk if name in self.chosen}
        return {name: found[name] for name in self.shrunk if name in found}

    def mend(self) -> list[str]:
        """Add to ``trace.attributes`` as few as the groups need; returns those of the groups that need some."""
        kinds = dict.fromkeys(kind_of(attribute) for found in self.chosen.values() for attribute in found)

        def needed(dropped: set[Kind]) -> dict[str, list[Attribute]]:
            return {name: [a for a in found if kind_of(a) not in dropped] for name, found in self.chosen.items()}

        dropped: set[Kind] = set()

        def drop(some: list[Kind]) -> None:
            if self._problem(needed(dropped | {*some})) is None:
                dropped.update(some)
            elif len(some) > 1:
                drop(some[: len(some) // 2])
                drop(some[len(some) // 2 :])

        if kinds:
            drop(list(kinds))
        kept = needed(dropped)
        self.trace.attributes = self.before + unique(kept.values())
        return [name for name, found in kept.items() if found]

    def _problem(self, attempt: Mapping[str, list[Attribute]]) -> str | None:
        """Of a copy in which these groups shrink and these attributes follow."""
        attributes = sizes(self.trace, self.before + unique(attempt.values()))
        widths = self.profile.widths | {name: self.shrunk[name] for name in attempt}
        return _problem(self.trace, replace(self.profile, attributes=attributes), widths)


def _problem(trace: Trace, profile: Profile, widths: Widths) -> str | None:
    """Why a copy with these widths is not what the profile predicts, or ``None``."""
    try:
        shapes = _output_shapes(trace, profile, widths)
    except Exception as error:  # whatever the user's code raises on a shrunk network
        problem = getattr(error, "problem", str(error)).removeprefix("the forward pass failed in ")
        return f"a size is written down in the code ({problem})"
    if shapes != trace.output_shapes:
        return f"a size is written down in the code: the output becomes {shapes} instead of {trace.output_shapes}"
    return None


def _output_shapes(trace: Trace, profile: Profile, widths: Widths) -> list[Shape]:
    """Shapes of the outputs, in both modes; raises if the pass fails or its MACs are not those predicted."""
    copy = rebuild(trace.network.model, profile, widths, on_meta)
    found = []
    for training in (True, False) if trace.training_traced else (False,):
        set_training(copy, training)
        counter, xs = Watch(), inputs(trace.input_shapes, 2 if training else 1, trace.network.dtype)
        try:
            with torch.no_grad(), assertions_hold(), counter:
                result = copy(*xs)
        except Exception as error:
            raise failure(error, counter, trace.input_shapes) from error
        found += [tuple(t.shape) for t in leaves(result)]
        if not training:
            _compare_sizes(trace, widths, counter.results)
        if not training and counter.macs != profile.total("macs", widths):
            predicted = profile.total("macs", widths)
            raise ValueError(f"an operator is not understood: {predicted:,} MACs predicted, {counter.macs:,} counted")
    return found


class Watch(MacCounter):
    """Also keeps the shapes that the operators of :data:`SIZED` give: ``[(name, [shape, ...])]``."""

    def __init__(self) -> None:
        super().__init__()
        self.results = []

    def __torch_dispatch__(
        self, func: OpOverload, types: tuple, args: tuple = (), kwargs: dict | None = None
    ) -> object:
        out = super().__torch_dispatch__(func, types, args, kwargs)
        if (name := func.overloadpacket.__name__) in SIZED:
            self.results.append((name, [tuple(t.shape) for t in tensors_in((out,))]))
        return out


def _compare_sizes(trace: Trace, widths: Widths, results: list[tuple[str, list[Shape]]]) -> None:
    """Raise if a slice is not as large as its label says: its size does not follow the channels."""
    if [name for name, *_ in trace.sized] != [name for name, _ in results]:
        return  # another way through the code, which the MACs decide on
    express = in_groups(trace)
    for (name, where, labels), (_, shapes) in zip(trace.sized, results, strict=True):
        for (dense, dims), shape in zip(labels, shapes, strict=False):
            predicted = tuple(width.evaluate(express(e, n), widths) for e, n in zip(dims, dense, strict=True))
            if predicted != shape:
                raise ValueError(f"{name} gives {shape} where {predicted} would follow the channels{where}")
