"""The probe: a shrunk copy must run, keep its output's shape and cost what was predicted.

What breaks it is a size that the user's code has written down (``x.view(-1, 512)``); the groups behind it are frozen.
"""

from collections.abc import Callable, Iterator, Mapping

import torch
from torch._ops import OpOverload

from edgeprune.complexity import width
from edgeprune.complexity.profile import Profile
from edgeprune.errors import EdgepruneError
from edgeprune.modules.resize import on_meta, rebuild
from edgeprune.tracing.assemble import assemble, in_groups
from edgeprune.tracing.attribute_sizes import mend
from edgeprune.tracing.counting import MacCounter
from edgeprune.tracing.labels import tensors_in
from edgeprune.tracing.mode import SIZED
from edgeprune.tracing.passes import failure, inputs, leaves, set_training
from edgeprune.tracing.records import Attribute, Shape
from edgeprune.tracing.trace import Trace

Widths = Mapping[str, int]


def settle(trace: Trace, find_candidates: Callable[[], list[Attribute]]) -> Profile:
    """The trace's profile: what the probe finds to be written down is mended where it is an attribute, else frozen.

    Args:
        find_candidates: gives the attributes that may have to follow, see :mod:`edgeprune.tracing.attribute_sizes`.
    """
    profile = assemble(trace)
    if profile.total("macs", profile.widths) != trace.macs:
        raise EdgepruneError(
            f"the network has {trace.macs:,} MACs but its layers add up to {profile.totals['macs']:,}",
            remedy="report this network: an operator is counted wrongly",
        )
    candidates = None
    while (shrunk := _failing(trace, profile)) is not None:
        candidates = find_candidates() if candidates is None else candidates
        for name, why in _culprits(trace, profile, shrunk).items():
            variable = trace.groups.get(name)
            if variable in trace.widths.binding:
                continue
            concerned = [c for c in candidates if any(v == variable for _, v in trace.widths.resolve(c[3]))]
            if mend(trace, concerned, lambda name=name, n=shrunk[name]: _survives(trace, name, n)):
                trace.notes.append(f"surgery sets a size kept in an attribute, for {name}")
            else:
                trace.widths.freeze(((1, variable),), why)
        profile = assemble(trace)
    return profile


def _survives(trace: Trace, name: str, n: int) -> bool:
    profile = assemble(trace)
    return _problem(trace, profile, {**profile.widths, name: n}) is None


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


def _culprits(trace: Trace, profile: Profile, shrunk: Widths) -> dict[str, str]:
    """``{group: reason}``: the groups that cannot shrink, found by halving."""
    accepted, found = {}, {}

    def search(names: list[str]) -> None:
        widths = {**profile.widths, **accepted, **{n: shrunk[n] for n in names}}
        problem = _problem(trace, profile, widths)
        if problem is None:
            accepted.update({n: shrunk[n] for n in names})
        elif len(names) == 1:
            found[names[0]] = problem
        else:
            search(names[: len(names) // 2])
            search(names[len(names) // 2 :])

    search(list(shrunk))
    return found


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
        counter = Watch()
        try:
            with torch.no_grad(), counter:
                result = copy(*inputs(trace.input_shapes, 2 if training else 1, trace.network.dtype))
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
