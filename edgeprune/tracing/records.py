"""What the evaluation pass writes down: layers and other matrix products."""

import math
from dataclasses import dataclass, field

from edgeprune.tracing.sources import call_site


@dataclass
class LayerRecord:
    """A convolution or linear layer while it is being traced; expressions are in variables."""

    name: str
    kind: str
    out: tuple
    inp: tuple
    out_size: int
    inp_size: int
    kernel: tuple
    bias: bool
    positions: int = 0
    map_positions: int = 0
    calls: int = 0
    source: str | None = None
    shared: bool = False
    parameter: str = ""


@dataclass
class Product:
    """A matrix product (or a convolution with a computed kernel) that belongs to no layer: the MACs are the product
    of ``factors``, pairs of a dense size and an expression or ``None``."""

    factors: list = field(default_factory=list)


def layer_name(parameter):
    """``features.0.weight`` -> ``features.0``; a bare parameter keeps its name."""
    owner, _, last = parameter.rpartition(".")
    if last.startswith("original") and ".parametrizations." in f".{owner}.":
        owner = owner.rpartition("parametrizations.")[0].rstrip(".")
    return owner or last


def record_convolution(tracer, call, out, seen, transposed):
    """One call of a convolution; the batch is 1."""
    x, weight, bias, groups = *call.args[:3], call.args[8]
    kernel = tuple(weight.shape[2:])
    out_size = weight.shape[1] * groups if transposed else weight.shape[0]
    seen_size = weight.shape[0] // groups if transposed else weight.shape[1]
    batch = x.shape[0]
    positions = batch * math.prod((x if transposed else call.out).shape[2:])
    name = tracer.parameter(weight)
    if name is None or name in tracer.buffers:
        tracer.products.append(Product([(positions * math.prod(kernel), None), (out_size, out), (seen_size, seen)]))
        return
    kind = f"conv{'_transpose' if transposed else ''}{len(kernel)}d"
    shape = (out_size, out), (seen_size, seen), kernel
    _add(tracer, name, kind, *shape, bias is not None, positions, batch * math.prod(call.out.shape[2:]))


def record_linear(tracer, weight, rows, out, inp, bias):
    """One product of ``rows`` vectors with a parameter; ``out`` and ``inp`` are ``(size, expression)``."""
    _add(tracer, tracer.parameter(weight), "linear", out, inp, (), bias, rows, rows)


def _add(tracer, parameter, kind, out, inp, kernel, bias, positions, map_positions):
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
