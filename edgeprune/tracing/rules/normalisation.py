"""Batch, layer and group norm (instance norm arrives as batch norm of a reshaped tensor)."""

from edgeprune.tracing.labels import Call, Labels
from edgeprune.tracing.registry import rule


@rule(
    "native_batch_norm",
    "_native_batch_norm_legit",
    "_native_batch_norm_legit_no_training",
    "_native_batch_norm_legit_functional",
    "cudnn_batch_norm",
    "miopen_batch_norm",
    "_batch_norm_with_update",
    "_batch_norm_no_update",
)
def batch_norm(tracer: Labels, call: Call) -> None:
    x = call.args[0]
    X = tracer.dims(x)
    for vector in call.args[1:5]:
        if getattr(vector, "shape", None) is not None and vector.dim() == 1:
            tracer.widths.unify(X[1], tracer.dims(vector)[0], "batch norm")
    if all(vector is None for vector in call.args[1:5]):  # an instance norm owns only its number of features
        tracer.owner_attribute(("num_features",), X[1])
    if tracer.parameter(x) is not None:
        X = [X[0], X[1], *(tracer.in_count(expr, "weights are standardised over it") for expr in X[2:])]
    first, *rest = call.outputs
    tracer.label(first, X)
    for tensor in rest:
        tracer.label(tensor, [X[1]] if tensor.shape == x.shape[1:2] else [None] * tensor.dim())


@rule("native_layer_norm", "_fused_rms_norm", "rms_norm")
def layer_norm(tracer: Labels, call: Call) -> None:
    x, shape = call.args[:2]
    X, first = tracer.dims(x), x.dim() - len(shape)
    for tensor in call.args[2:4]:
        if hasattr(tensor, "dim"):
            for expr, normalised, size in zip(tracer.dims(tensor), X[first:], tensor.shape, strict=True):
                if size > 1:
                    tracer.widths.unify(normalised, expr, "layer norm")
    out, *statistics = call.outputs
    tracer.label(out, X)
    tracer.sizes_used(out)
    for tensor in statistics:
        tracer.label(
            tensor, X[:first] + [None] * (tensor.dim() - first) if tensor.dim() >= first else [None] * tensor.dim()
        )


@rule("_weight_norm_interface")
def weight_norm(tracer: Labels, call: Call) -> None:
    """A weight from its direction and its norms along ``dim``, which have the other dimensions at size 1."""
    direction, norms, dim = call.args[0], call.args[1], call.arg(2, "dim", 0)
    D, N = tracer.dims(direction), tracer.dims(norms)
    tracer.widths.unify(D[dim], N[dim], "weight norm")
    for tensor, dims in zip(call.outputs, (D, N), strict=True):
        tracer.label(tensor, dims)


@rule("native_group_norm")
def group_norm(tracer: Labels, call: Call) -> None:
    x, weight, bias = call.args[:3]
    X, groups = tracer.dims(x), call.args[6]
    for vector in (weight, bias):
        if vector is not None:
            tracer.widths.unify(X[1], tracer.dims(vector)[0], "group norm")
    if weight is None:
        tracer.owner_attribute(("num_channels",), X[1])
    if X[1] is not None and tracer.widths.divide(X[1], groups) is None:
        tracer.widths.freeze(X[1], "channels that cannot be divided among the groups of a group norm")
    out, *statistics = call.outputs
    tracer.label(out, X)
    for tensor in statistics:
        tracer.label(tensor, [None] * tensor.dim())
