"""Matrix products."""

from edgeprune.tracing.labels import Call, Labels, NoRule
from edgeprune.tracing.recording import record_linear
from edgeprune.tracing.registry import COUNTS, rule


@rule("addmm", "mm", "linear")
def matrix_product(tracer: Labels, call: Call) -> None:
    """``(rows, inner) @ (inner, columns)``; ``linear`` holds its weight the other way round."""
    widths = tracer.widths
    bias = None
    if call.name == "addmm":
        bias, x, weight = call.args[:3]
        W, shape = tracer.dims(weight), weight.shape
    elif call.name == "mm":
        x, weight = call.args[:2]
        W, shape = tracer.dims(weight), weight.shape
    else:
        x, weight, bias = call.args[0], call.args[1], call.arg(2, "bias")
        W, shape = tracer.dims(weight)[::-1], weight.shape[::-1]
    X = tracer.dims(x)
    widths.unify(X[-1], W[0], "input of a linear layer")
    if bias is not None:
        widths.unify(tracer.dims(bias)[-1], W[1], "bias")
    tracer.label(call.out, X[:-1] + [W[1]])
    if not tracer.record:
        return
    rows = x.shape.numel() // x.shape[-1]
    name = tracer.parameter(weight)
    is_layer = name in tracer.parameters and tracer.parameter(x) is None
    if name and is_layer and all(widths.is_constant(e) for e in X[:-1]):
        record_linear(tracer, name, rows, (shape[1], W[1]), (shape[0], W[0]), bias is not None)
    else:
        tracer.product(*zip(x.shape, X, strict=True), (shape[1], W[1]))


@rule("mv", "dot", "vdot")
def product_with_vector(tracer: Labels, call: Call) -> None:
    """``(rows, inner) @ (inner)`` or ``(inner) @ (inner)``, as in spectral norm."""
    x, vector = call.args[:2]
    X = tracer.dims(x)
    tracer.widths.unify(X[-1], tracer.dims(vector)[0], "product with a vector")
    if tracer.parameter(x) is not None:  # the norm of a weight depends on all filters
        for expr in X:
            tracer.in_count(expr, "weights are divided by their norm")
    tracer.label(call.out, X[:-1])


@rule("bmm", "baddbmm")
def batched_product(tracer: Labels, call: Call) -> None:
    """``(batch, rows, inner) @ (batch, inner, columns)``."""
    a, b = call.args[-2:] if call.name == "bmm" else call.args[1:3]
    A, B, widths = tracer.dims(a), tracer.dims(b), tracer.widths
    for left, right in ((A[0], B[0]), (A[2], B[1])):
        if left is not None or right is not None:
            widths.unify(left, right, "matrix product")
    tracer.label(call.out, [A[0], A[1], B[2]])
    if call.name == "baddbmm":
        bias = tracer.dims(call.args[0])
        for i, expr in enumerate(tracer.dims(call.out)):
            if call.args[0].shape[i] > 1:
                widths.unify(expr, bias[i], "matrix product")
    tracer.product(*zip(a.shape, A, strict=True), (b.shape[2], B[2]))


@rule("_trilinear")
def bilinear(tracer: Labels, call: Call) -> None:
    """Of (rows, left), weights (out, left, right) and (rows, right), as ``nn.Bilinear`` has them."""
    left, weight, right = call.args[:3]
    if call.args[3:] != ([1, 3], [0], [1, 2], [2, 3]):
        raise NoRule("a product of three tensors that is no bilinear layer")
    (rows, L), (_, R), (out, *inputs) = tracer.dims(left), tracer.dims(right), tracer.dims(weight)
    for a, b in zip((L, R), inputs, strict=True):
        tracer.widths.unify(a, b, "input of a bilinear layer")
    tracer.label(call.out, [rows, out])
    first, *ends = (left.shape[0], rows), (weight.shape[0], out), (right.shape[1], R)
    tracer.product(first, *ends, (left.shape[1], L))
    tracer.product(first, *ends)


#: From the left to the right: ``left @ weight``, then the product with ``right``.
COUNTS["_trilinear"] = lambda args, out: len(args[0]) * args[1].numel() + out.numel() * args[2].shape[1]
#: A layer of an LSTM where it runs as one operator: every weight once for each step.
COUNTS["mkldnn_rnn_layer"] = lambda args, out: args[0].shape[:-1].numel() * (args[1].numel() + args[2].numel())


@rule(
    "_scaled_dot_product_flash_attention_for_cpu",
    "_scaled_dot_product_fused_attention_overrideable",
    "_scaled_dot_product_flash_attention",
    "_scaled_dot_product_efficient_attention",
    "_scaled_dot_product_cudnn_attention",
)
def attention(tracer: Labels, call: Call) -> None:
    """Fused attention of (batch, heads, tokens, channels) tensors: two products."""
    query, key, value = call.args[:3]
    Q, K, V, widths = tracer.dims(query), tracer.dims(key), tracer.dims(value), tracer.widths
    if query.dim() != 4:
        raise NoRule("its input has not four dimensions")
    pairs = ((Q[0], K[0]), (Q[1], K[1]), (Q[3], K[3]), (K[0], V[0]), (K[1], V[1]), (K[2], V[2]))
    for a, b in pairs:
        if a is not None or b is not None:
            widths.unify(a, b, "attention")
    tracer.statistic(K[2])
    first, *rest = call.out if isinstance(call.out, (tuple, list)) else (call.out,)
    tracer.label(first, [Q[0], Q[1], Q[2], V[3]])
    for tensor in rest:
        if hasattr(tensor, "dim"):
            tracer.label(tensor, [None] * tensor.dim())
    outer = list(zip(query.shape, Q, strict=True))
    tracer.product(*outer, (key.shape[2], K[2]))
    tracer.product(*outer[:3], (key.shape[2], K[2]), (value.shape[3], V[3]))
