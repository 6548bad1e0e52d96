"""Operators that sum, average, pick or reorder along dimensions."""

from edgeprune.tracing.labels import Call, Labels
from edgeprune.tracing.registry import rule

#: What a weight is standardised by.
MOMENTS = {"mean", "var", "std", "var_mean", "std_mean"}
#: What zeros among the values change. The greatest value too, but after a ReLU it doesn't, and there it is taken.
STATISTICS = MOMENTS | {"amin", "min", "aminmax", "median", "prod", "logsumexp"}


@rule(
    "mean", "sum", "amax", "amin", "max", "min", "var", "std", "var_mean", "std_mean", "prod", "norm",
    "linalg_vector_norm",
    "argmax", "argmin", "logsumexp", "any", "all", "nansum", "median", "aminmax",
)  # fmt: skip
def reduction(tracer: Labels, call: Call) -> None:
    x = call.args[0]
    axes = _axes(call, x.dim())
    X, of_weights = tracer.dims(x), tracer.parameter(x) is not None
    for k in axes:
        if of_weights and call.name in MOMENTS:
            tracer.in_count(X[k], "weights are standardised over it")
        elif not of_weights and call.name in STATISTICS:
            tracer.statistic(X[k])
    _reduced(tracer, call, axes)


def _reduced(tracer: Labels, call: Call, axes: set[int]) -> None:
    """Along ``axes`` results have a size of their own, or these are gone."""
    X = tracer.dims(call.args[0])
    for tensor in call.outputs:
        if tensor.dim() == len(X):
            tracer.label(tensor, [None if k in axes else e for k, e in enumerate(X)])
        else:
            tracer.label(tensor, [e for k, e in enumerate(X) if k not in axes])


def _axes(call: Call, rank: int) -> set[int]:
    position = 2 if call.name in ("norm", "linalg_vector_norm") else 1
    given = call.arg(position, "dim")
    if given is None or isinstance(given, bool) or given == [] or not isinstance(given, (int, list, tuple)):
        return set(range(rank))
    return {d % rank for d in ([given] if isinstance(given, int) else given)}


@rule("_softmax", "_safe_softmax", "_log_softmax", "softmax", "log_softmax")
def softmax(tracer: Labels, call: Call) -> None:
    X = tracer.dims(call.args[0])
    tracer.statistic(X[call.arg(1, "dim", -1)] if X else None)
    tracer.label(call.out, X)


@rule("flip", "roll", "sort")
def moved(tracer: Labels, call: Call) -> None:
    """Elements change places along some axes, all of them stay: right in count for channels."""
    x = call.args[0]
    if call.name == "sort":
        axes = {call.arg(1, "dim", -1) % x.dim()}
    else:
        given = call.arg(1 if call.name == "flip" else 2, "dims")
        axes = {d % x.dim() for d in given or range(x.dim())}
    X = [tracer.in_count(e, "channels change places") if k in axes else e for k, e in enumerate(tracer.dims(x))]
    for tensor in call.outputs:
        tracer.label(tensor, X)


@rule("topk", "kthvalue", "mode")
def picked(tracer: Labels, call: Call) -> None:
    x = call.args[0]
    axis = call.arg(1 if call.name == "mode" else 2, "dim", -1) % x.dim()
    tracer.widths.freeze(tracer.dims(x)[axis], "some channels are picked")
    _reduced(tracer, call, {axis})
