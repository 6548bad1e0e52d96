"""Convolutions: plain, grouped, depthwise, transposed."""

from torch import Tensor

from edgeprune.tracing.algebra import Widths
from edgeprune.tracing.expressions import Dims, Expression, scale
from edgeprune.tracing.labels import Call, Labels, NoRule
from edgeprune.tracing.recording import record_convolution
from edgeprune.tracing.registry import COUNTS, rule


@rule("convolution", "_convolution", "convolution_overrideable")
def convolution(tracer: Labels, call: Call) -> None:
    x, weight, bias = call.args[:3]
    transposed, groups = call.args[6], call.args[8]
    if x.dim() != weight.dim():
        raise NoRule("the input has no batch dimension")
    widths, X, W = tracer.widths, tracer.dims(x), tracer.dims(weight)
    for expr in W[2:]:
        widths.fix(expr)
    width_in = weight.shape[0] if transposed else weight.shape[1] * groups
    depthwise = groups > 1 and groups == width_in
    if depthwise:
        tracer.sizes_used(x)  # the number of groups
        out, seen = _depthwise(widths, X[1], W, weight, groups, transposed)
    elif transposed:
        out, seen = _transposed(widths, X[1], W, weight, groups)
    else:
        out, seen = _plain(widths, X[1], W, groups)
    if bias is not None:
        widths.unify(out, tracer.dims(bias)[0], "bias")
    dims = [out, *(_along(tracer, call, X, k) for k in range(2, x.dim()))]
    tracer.label(call.out, [X[0], *dims])
    if tracer.record:
        record_convolution(tracer, call, dims, seen, bias=bias is not None, groups=groups, transposed=transposed)


@rule("torchvision::deform_conv2d")
def deformable(tracer: Labels, call: Call) -> None:
    """Weight (Cout, Cin/G, kh, kw). Each kernel position has offsets, for all channels or for each of some parts."""
    x, weight, offset, mask, bias = call.args[:5]
    groups, parts = call.args[11:13]
    widths, X, W = tracer.widths, tracer.dims(x), tracer.dims(weight)
    for tensor in (offset, mask):
        for expr in tracer.dims(tensor)[1:]:
            widths.freeze(expr, "offsets of a deformable convolution")
    for expr in W[2:]:
        widths.fix(expr)
    if X[1] is not None and widths.divide(X[1], parts) is None:
        widths.freeze(X[1], "channels that cannot be divided among the offsets of a convolution")
    out, seen = _plain(widths, X[1], W, groups)
    widths.unify(out, tracer.dims(bias)[0], "bias")
    dims = [out, None, None]
    tracer.label(call.out, [X[0], *dims])
    tracer.owner_attribute(("in_channels",), X[1])
    tracer.owner_attribute(("out_channels",), out)
    if tracer.record:
        record_convolution(tracer, call, dims, seen, bias=tracer.parameter(bias) is not None, groups=groups)


#: As of an ordinary one; what interpolates is no product of layers.
COUNTS["torchvision::deform_conv2d"] = lambda args, out: out.shape[0] * out.shape[2:].numel() * args[1].numel()


def _along(tracer: Labels, call: Call, X: Dims, k: int) -> Expression | None:
    """Channels laid out along dimension ``k``, over which the kernel moves (efficient channel attention).

    A kernel of one place sees each of them alone. Else, where there is nothing beside them and the length stays, this
    is right in count: the neighbours of a channel change when others go.
    """
    if call.args[1].shape[k] == 1 and call.out.shape[k] == call.args[0].shape[k]:
        return None if tracer.widths.is_constant(X[k]) else X[k]
    if call.args[0].shape[1] == call.out.shape[1] == 1 and call.out.shape[k] == call.args[0].shape[k]:
        return tracer.in_count(X[k], "channels used as a spatial dimension")
    tracer.widths.freeze(X[k], "channels used as a spatial dimension")
    return None


def _plain(widths: Widths, x: Expression | None, W: Dims, groups: int) -> tuple[Expression | None, Expression | None]:
    """Weight (Cout, Cin/G, ...). Returns the output's expression and that of the inputs a filter sees."""
    if groups == 1:
        widths.unify(x, W[1], "input of a convolution")
        return W[0], W[1]
    part = _part(widths, x, groups)
    widths.unify(part, W[1], "input of a grouped convolution")
    if W[0] is not None and widths.divide(W[0], groups) is None:
        widths.freeze(W[0], "filters that cannot be divided among the groups")
    return W[0], W[1]


def _depthwise(
    widths: Widths, x: Expression | None, W: Dims, weight: Tensor, groups: int, transposed: bool
) -> tuple[Expression | None, Expression | None]:
    """One filter or a fixed number of them for each channel; the groups follow the width."""
    if transposed:  # weight (Cin, m, ...)
        widths.freeze(W[1], "filters per channel of a depthwise convolution")
        widths.unify(x, W[0], "input of a depthwise convolution")
        return (None if x is None else scale(x, weight.shape[1])), None
    per_channel = weight.shape[0] // groups
    widths.unify(None if x is None else scale(x, per_channel), W[0], "input of a depthwise convolution")
    return W[0], None


def _transposed(
    widths: Widths, x: Expression | None, W: Dims, weight: Tensor, groups: int
) -> tuple[Expression | None, Expression | None]:
    """Weight (Cin, Cout/G, ...)."""
    widths.unify(x, W[0], "input of a transposed convolution")
    if groups == 1:
        return W[1], W[0]
    part = _part(widths, W[0], groups)
    return (None if W[1] is None else widths.repeat(W[1], groups)), part


def _part(widths: Widths, expr: Expression | None, groups: int) -> Expression | None:
    if expr is None:
        return None
    part = widths.divide(expr, groups)
    if part is None:
        widths.freeze(expr, "channels that cannot be divided among the groups of a convolution")
    return part
