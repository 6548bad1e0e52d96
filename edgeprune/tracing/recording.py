"""Writes down layers and products, one operator call at a time."""

import math

from edgeprune.tracing.expressions import Dims, Expression
from edgeprune.tracing.labels import Call, Labels
from edgeprune.tracing.records import LayerRecord, Product, Shape, layer_name
from edgeprune.tracing.sources import call_site

#: A dense size and the expression that it follows.
Sized = tuple[int, Expression | None]


def record_convolution(tracer: Labels, call: Call, dims: Dims, seen: Expression | None, transposed: bool) -> None:
    """One call of a convolution; the batch is 1. ``dims`` are the result's without the batch."""
    x, weight, bias, groups = *call.args[:3], call.args[8]
    kernel = tuple(weight.shape[2:])
    out_size = weight.shape[1] * groups if transposed else weight.shape[0]
    seen_size = weight.shape[0] // groups if transposed else weight.shape[1]
    batch = x.shape[0]
    places = (x if transposed else call.out).shape[2:]
    positions, out = batch * math.prod(places), dims[0]
    name, moves = tracer.parameter(weight), any(dims[1:])
    if name is None or name in tracer.buffers or moves:
        sizes = [(out_size, out), (seen_size, seen), *zip(places, dims[1:])]
        tracer.products.append(Product([(batch * math.prod(kernel), None), *sizes]))
        return
    kind = f"conv{'_transpose' if transposed else ''}{len(kernel)}d"
    shape = (out_size, out), (seen_size, seen), kernel
    _add(tracer, name, kind, *shape, bias is not None, positions, batch * math.prod(call.out.shape[2:]))


def record_linear(tracer: Labels, parameter: str, rows: int, out: Sized, inp: Sized, bias: bool) -> None:
    """One product of ``rows`` vectors with ``parameter``; ``out`` and ``inp`` are ``(size, expression)``."""
    _add(tracer, parameter, "linear", out, inp, (), bias, rows, rows)


def _add(
    tracer: Labels,
    parameter: str,
    kind: str,
    out: Sized,
    inp: Sized,
    kernel: Shape,
    bias: bool,
    positions: int,
    map_positions: int,
) -> None:
    uses = [layer for layer in tracer.layers if layer.parameter == parameter]
    shape = kind, kernel, *(tracer.widths.resolve(e) if e else n for n, e in (out, inp))
    for layer in uses:
        pairs = (layer.out_size, layer.out), (layer.inp_size, layer.inp)
        if shape == (layer.kind, layer.kernel, *(tracer.widths.resolve(e) if e else n for n, e in pairs)):
            break
    else:  # the first use, or a tied weight used for another kind of product
        name = layer_name(parameter)
        bias = bias or (not uses and f"{name}.bias" in tracer.parameters)
        name = f"{name} (use {len(uses) + 1})" if uses else name
        sizes = out[1], inp[1], out[0], inp[0]
        layer = LayerRecord(
            name, kind, *sizes, kernel, bias, source=call_site(), shared=bool(uses), parameter=parameter
        )
        tracer.layers.append(layer)
    layer.positions += positions
    layer.map_positions += map_positions
    layer.calls += 1
