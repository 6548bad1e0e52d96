"""Writes down layers and products, one operator call at a time."""

import math

from edgeprune.tracing.expressions import Dims, Expression
from edgeprune.tracing.labels import Call, Labels
from edgeprune.tracing.records import Factor


def record_convolution(
    tracer: Labels,
    call: Call,
    dims: Dims,
    seen: Expression | None,
    *,
    bias: bool,
    groups: int,
    transposed: bool = False,
) -> None:
    """One call of a convolution; the batch is 1. ``dims`` are the result's without the batch."""
    x, weight = call.args[:2]
    kernel = tuple(weight.shape[2:])
    out_size = weight.shape[1] * groups if transposed else weight.shape[0]
    seen_size = weight.shape[0] // groups if transposed else weight.shape[1]
    batch = x.shape[0]
    places = (x if transposed else call.out).shape[2:]
    positions, out = batch * math.prod(places), dims[0]
    name, moves = tracer.parameter(weight), any(dims[1:])
    if name is None or name in tracer.buffers or moves:
        sizes = [(out_size, out), (seen_size, seen), *zip(places, dims[1:])]
        tracer.product((batch * math.prod(kernel), None), *sizes)
        return
    kind = f"conv{'_transpose' if transposed else ''}{len(kernel)}d"
    shape = (out_size, out), (seen_size, seen), kernel
    tracer.write_down(name, kind, *shape, bias, positions, batch * math.prod(call.out.shape[2:]))


def record_linear(tracer: Labels, parameter: str, rows: int, out: Factor, inp: Factor, bias: bool) -> None:
    """One product of ``rows`` vectors with ``parameter``; ``out`` and ``inp`` are ``(size, expression)``."""
    tracer.write_down(parameter, "linear", out, inp, (), bias, rows, rows)
