"""``edgeprune.profile``: from a live network to its complexity profile."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from functools import partial

import torch
from torch import nn

from edgeprune.complexity import width
from edgeprune.complexity.profile import Profile
from edgeprune.errors import EdgepruneError
from edgeprune.garbage import uncollected
from edgeprune.tracing.algebra import Widths
from edgeprune.tracing.assemble import dependent
from edgeprune.tracing.assertions import assertions_hold
from edgeprune.tracing.attribute_sizes import FACTORS
from edgeprune.tracing.computed_sizes import held_sizes, known_sizes
from edgeprune.tracing.mode import Tracer
from edgeprune.tracing.network import Network, depends_on_training, reads_sizes
from edgeprune.tracing.passes import failure, inputs, leaves, set_training, untouched_random_state
from edgeprune.tracing.probe import settle
from edgeprune.tracing.records import Attribute, Shapes
from edgeprune.tracing.trace import Trace

#: Batch of the passes. Training needs two samples (batch norm); evaluation counts one.
TRAINING_BATCH, EVALUATION_BATCH = 2, 1
OUTPUT = "its channels are an output of the network"


def profile(
    model: nn.Module,
    input_shape: Sequence[int] | Sequence[Sequence[int]],
    *,
    network: str | None = None,
    train_mode_too: bool = True,
) -> Profile:
    """Find how the parameters, MACs and feature maps of a network depend on the widths of its layers.

    The network's own ``forward`` runs on a copy without data (torch's meta device), in evaluation mode and, if its code
    may behave otherwise there, in training mode. ``model`` itself is not touched.

    Args:
        model: any ``torch.nn.Module``; its forward takes one or several float tensors ``(N, *input_shape)``.
        input_shape: ``(C, H, W)`` of the input without the batch, or a list of such for several inputs.
        network: the name to keep in the profile; the class's name by default.
        train_mode_too: False leaves the training mode untraced (auxiliary heads then keep nothing in step).

    Returns:
        An :class:`edgeprune.complexity.profile.Profile`; ``frozen`` says what will not be pruned, and why.

    Raises:
        EdgepruneError: the forward pass fails on such inputs or depends on the values of a tensor; the error names
            the operator and the line.
    """
    return traced(model, input_shape, network=network, train_mode_too=train_mode_too)[0]


def traced(
    model: nn.Module,
    input_shape: Sequence[int] | Sequence[Sequence[int]],
    *,
    network: str | None = None,
    train_mode_too: bool = True,
    kind: Callable[..., Widths] = Widths,
) -> tuple[Profile, Trace]:
    """:func:`profile`, with the passes that it rests on; ``kind`` keeps their equations."""
    shapes, name = _as_shapes(input_shape), network or type(model).__name__
    with torch.no_grad(), untouched_random_state(), uncollected():
        found, trace = _profile(model, name, shapes, train_mode_too, kind)
        reordered = dependent(trace, "counted")
        if not reordered:
            return found, trace
        exact = _profile(model, name, shapes, train_mode_too, partial(kind, exact=True))
        if _loses_nothing(exact[0], found):
            return exact
        first, *others = reordered
        more = f" and {len(others)} more groups" if others else ""
        note = f"units of {first}{more} stand for no certain channels: exact in count, their weights cannot be kept"
        return replace(found, notes=(*found.notes, note)), trace


def _profile(
    model: nn.Module, name: str, shapes: Shapes, train_mode_too: bool, kind: Callable[[], Widths]
) -> tuple[Profile, Trace]:
    """First from what the operators say; where that does not do, from the sizes that the code computes as well."""
    trace = _traced(model, name, shapes, train_mode_too, kind())
    found = settle(trace, lambda: _candidates(trace), freeze=False)
    if found is None:
        with suppress(EdgepruneError):  # code that takes no integers but plain ones stays with what it has
            trace = _traced(model, name, shapes, train_mode_too, kind(), compute=True)
        found = settle(trace, lambda: _candidates(trace))
    assert found is not None
    return found, trace


def _traced(
    model: nn.Module, name: str, shapes: Shapes, train_mode_too: bool, widths: Widths, compute: bool = False
) -> Trace:
    trace = Trace(name, shapes, Network(model, widths), widths)
    held = held_sizes(trace.network, widths) if compute else None
    used_in_training = set()
    if train_mode_too and depends_on_training(trace.network.model):
        try:
            used_in_training = _run(trace, True, held).used
            trace.training_traced = True
        except EdgepruneError as error:
            trace.notes.append(f"the training mode could not be traced: {error.problem}")
    tracer = _run(trace, False, held)
    trace.layers, trace.products = tracer.layers, tracer.products
    trace.attributes, trace.sized = tracer.attributes, tracer.sized
    written = {v for dims in trace.network.dims.values() for e in dims if e for _, v in widths.resolve(e)}
    trace.attributes += [a for a in held or () if any(v in written for _, v in widths.resolve(a[3]) if v is not None)]
    trace.computes_with_sizes = any(dims for *_, dims in tracer.sized) or reads_sizes(trace.network.model)
    trace.notes += dict.fromkeys(tracer.notes)
    _note_unused(trace, tracer.used, used_in_training)
    return trace


def _loses_nothing(exact: Profile, by_count: Profile) -> bool:
    """Whether the exact mapping lets as many filters go as the one that is right in count only."""

    def least(profile: Profile) -> int:
        return sum(width.evaluate(layer.out, dict.fromkeys(profile.widths, 1)) for layer in profile.layers)

    def free(profile: Profile) -> int:
        return sum(c * profile.widths[g] for layer in profile.layers for c, g in layer.out if g is not None)

    return free(exact) >= free(by_count) and least(exact) <= 2 * least(by_count)


def _run(trace: Trace, training: bool, held: list[Attribute] | None) -> Tracer:
    """One pass; adds to the trace's equations and returns the tracer."""
    network, widths = trace.network, trace.widths
    set_training(network.model, training)
    tracer = Tracer(widths, network, record=not training)
    xs = inputs(trace.input_shapes, TRAINING_BATCH if training else EVALUATION_BATCH, network.dtype)
    if tracer.record:
        for tensor in network.tensors.values():
            tracer.liveness.ignore(tensor)
        for x in xs:
            tracer.liveness.source(x)
    widths.where = tracer.where
    try:
        with assertions_hold(), tracer, nullcontext() if held is None else known_sizes(tracer, held):
            result = network.model(*xs)
    except Exception as error:
        raise failure(error, tracer, trace.input_shapes) from error
    finally:
        widths.where = lambda: ""
    results = leaves(result)
    if not results:
        raise EdgepruneError("the forward pass returns no tensor", remedy="return the outputs, also in evaluation mode")
    for tensor in results:
        for expr in tracer.dims(tensor):
            widths.freeze(expr, OUTPUT)
    trace.output_shapes += [tuple(t.shape) for t in results]
    if tracer.record:
        trace.macs = tracer.macs
        lives = tracer.liveness.finish(results)
        trace.alive = [(t, tracer.dims(t), born, dies) for t, born, dies in lives]
    return tracer


def _candidates(trace: Trace) -> tuple[list[Attribute], list[Attribute]]:
    """Attributes that equal the size an operator was given, and those that may have been divided to get it: one more
    evaluation pass."""
    tracer = Tracer(trace.widths, trace.network, record=False)
    tracer.candidates = {factor: [] for factor in FACTORS}
    set_training(trace.network.model, False)
    with assertions_hold(), tracer:
        trace.network.model(*inputs(trace.input_shapes, EVALUATION_BATCH, trace.network.dtype))
    equal, *multiples = tracer.candidates.values()
    return equal, [attribute for found in multiples for attribute in found]


def _note_unused(trace: Trace, used: set[str], used_in_training: set[str]) -> None:
    parameters = trace.network.parameters
    only = sorted({name.rpartition(".")[0] or name for name in parameters & (used_in_training - used)})
    never = sorted({name.rpartition(".")[0] or name for name in parameters - used - used_in_training})
    if only:
        trace.notes.append(f"used in training only, follow but are not pruned: {', '.join(only)}")
    if never:
        trace.notes.append(f"not used by the forward pass, kept as they are: {', '.join(never)}")


def _as_shapes(input_shape: object) -> Shapes:
    shape = list(input_shape) if isinstance(input_shape, (tuple, list)) else []
    if shape and all(isinstance(n, int) for n in shape):
        shape = [shape]
    valid = shape and all(
        isinstance(s, (tuple, list)) and s and all(isinstance(n, int) and n > 0 for n in s) for s in shape
    )
    if not valid:
        raise EdgepruneError(
            f"{input_shape!r} is not the shape of an input", key="input_shape", remedy="give (channels, height, width)"
        )
    return tuple(tuple(s) for s in shape)
