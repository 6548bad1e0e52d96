"""Concatenation, splitting, slices, selection, padding."""

from edgeprune.tracing.computed_sizes import Size, follow, tie
from edgeprune.tracing.expressions import Expression
from edgeprune.tracing.labels import Call, Labels, NoRule
from edgeprune.tracing.registry import rule


@rule("cat", "concat")
def cat(tracer: Labels, call: Call) -> None:
    parts = [t for t in call.args[0] if t.dim() > 1 or t.numel()]
    axis = call.arg(1, "dim", 0) % call.out.dim()
    labels = [tracer.dims(t) for t in parts]
    widths, out = tracer.widths, list(labels[0])
    for k in range(call.out.dim()):
        if k != axis:
            for label in labels[1:]:
                if label[k] is not None or out[k] is not None:
                    widths.unify(out[k], label[k], "concatenation")
        elif any(label[k] is not None for label in labels):
            pieces = []
            for tensor, label in zip(parts, labels, strict=True):
                expr = label[k]
                pieces += widths.resolve(expr) if expr is not None else ((tensor.shape[k], None),)
            out[k] = tuple(pieces)
    tracer.label(call.out, out)


@rule("stack")
def stack(tracer: Labels, call: Call) -> None:
    axis = call.arg(1, "dim", 0) % call.out.dim()
    labels = [tracer.dims(t) for t in call.args[0]]
    out = list(labels[0])
    for label in labels[1:]:
        for k, expr in enumerate(label):
            if expr is not None or out[k] is not None:
                tracer.widths.unify(out[k], expr, "stack")
    tracer.label(call.out, [*out[:axis], None, *out[axis:]])


@rule("split", "split_with_sizes", "chunk", "unsafe_split", "unsafe_chunk", "unsafe_split_with_sizes", "tensor_split")
def split(tracer: Labels, call: Call) -> None:
    x = call.args[0]
    axis = call.arg(2, "dim", 0) % x.dim()
    X = tracer.dims(x)
    sizes = [t.shape[axis] for t in call.out]
    pieces = [None] * len(sizes)
    if X[axis] is not None and not tracer.widths.is_constant(X[axis]):
        pieces = tracer.widths.cut(X[axis], sizes)
        if pieces is None:
            tracer.widths.freeze(X[axis], f"split into {sizes} channels cuts through units")
            pieces = [None] * len(sizes)
    for k, (tensor, piece) in enumerate(zip(call.out, pieces, strict=True)):
        tracer.label(tensor, [*X[:axis], piece, *X[axis + 1 :]])
        given = tracer.given[k if "sizes" in call.name else 0] if tracer.given else None
        if isinstance(given, Size) and given == sizes[k]:
            tie(piece, given)
        tracer.sizes_used(tensor)


@rule("slice", "narrow", "slice_copy")
def slice_(tracer: Labels, call: Call) -> None:
    x, out = call.args[0], call.out
    axis = call.arg(1, "dim", 0) % x.dim()
    X = tracer.dims(x)
    expr, size = X[axis], x.shape[axis]
    if out.shape[axis] != size and expr is not None and not tracer.widths.is_constant(expr):
        start = call.arg(2, "start") or 0
        start = min(start + size if start < 0 else start, size)
        if call.name != "narrow" and call.arg(4, "step", 1) != 1:
            expr = _strided(tracer, expr, start, call.arg(4, "step", 1), size)
        else:
            expr = _piece(tracer, expr, start, out.shape[axis], size)
    elif out.shape[axis] != size:
        expr = None
    tracer.label(out, [*X[:axis], expr, *X[axis + 1 :]])
    tracer.sizes_used(out)


def _piece(tracer: Labels, expr: Expression, start: int, length: int, size: int) -> Expression | None:
    """``length`` channels from ``start``: whole fractions if it may be one (``x[:, : c // 2]``), else a cut."""
    sizes = [n for n in (start, length, size - start - length) if n]
    which = 1 if start else 0
    for parts in (2, 3, 4):
        unit = size // parts
        if size % parts == 0 and start % unit == 0 and length % unit == 0:
            part = tracer.widths.divide(expr, parts)
            if part is not None:
                return part * (length // unit)
    pieces = tracer.widths.cut(expr, sizes)
    if pieces is None:
        tracer.widths.freeze(expr, "a slice cuts through units")
        return None
    return pieces[which]


def _strided(tracer: Labels, expr: Expression, start: int, step: int, size: int) -> Expression | None:
    """Every ``step``-th channel."""
    part = tracer.widths.divide(expr, step, inner=True) if size % step == 0 and start < step else None
    if part is None:
        tracer.widths.freeze(expr, f"a slice takes every {step}th channel")
    return part


@rule("glu")
def glu(tracer: Labels, call: Call) -> None:
    """The second half gates the first."""
    x = call.args[0]
    axis = call.arg(1, "dim", -1) % x.dim()
    X = tracer.dims(x)
    half = None if X[axis] is None else tracer.widths.divide(X[axis], 2)
    if half is None:
        tracer.widths.freeze(X[axis], "channels that cannot be halved")
    tracer.label(call.out, [*X[:axis], half, *X[axis + 1 :]])


@rule("select", "unbind", "select_copy", "unbind_copy")
def select(tracer: Labels, call: Call) -> None:
    x = call.args[0]
    axis = call.arg(1, "dim", 0) % x.dim()
    X = tracer.dims(x)
    tracer.widths.freeze(X[axis], "single channels are picked")
    for tensor in call.outputs:
        tracer.label(tensor, [*X[:axis], *X[axis + 1 :]])


@rule("index", "index_select", "embedding")
def index(tracer: Labels, call: Call) -> None:
    """An index in other dimensions keeps the channels; channels picked by index are fixed."""
    x = call.args[0]
    X = tracer.dims(x)
    if call.name == "index_select":
        axis = call.args[1] % x.dim()
        tracer.widths.freeze(X[axis], "channels are picked by index")
        tracer.label(call.out, [None if k == axis else e for k, e in enumerate(X)])
        return
    if call.name == "embedding":
        tracer.widths.freeze(X[0], "rows are picked by index")
        tracer.label(call.out, [None] * (call.out.dim() - 1) + [X[1]])
        return
    indices = call.args[1]
    used = [k for k, i in enumerate(indices) if i is not None]
    if used != list(range(used[0], used[-1] + 1)):
        raise NoRule("indices in separate dimensions")
    for k in used:
        tracer.widths.freeze(X[k], "channels are picked by index")
    new = call.out.dim() - (x.dim() - len(used))
    tracer.label(call.out, [*X[: used[0]], *[None] * new, *X[used[-1] + 1 :]])


@rule("constant_pad_nd")
def pad(tracer: Labels, call: Call) -> None:
    x, amounts = call.args[:2]
    out = list(tracer.dims(x))
    for k in range(len(amounts) // 2):
        axis, before, after = x.dim() - 1 - k, amounts[2 * k], amounts[2 * k + 1]
        if out[axis] is None or not (before or after):
            continue
        if before < 0 or after < 0:
            tracer.widths.freeze(out[axis], "channels are cropped by negative padding")
            out[axis] = None
        else:
            ends = [((n, None),) if n else () for n in (before, after)]
            out[axis] = ends[0] + tracer.widths.resolve(out[axis]) + ends[1]
    tracer.label(call.out, out)


@rule("new_zeros", "new_empty", "new_ones", "new_full", "zeros", "ones", "full", "empty", "rand", "randn")
def made(tracer: Labels, call: Call) -> None:
    """A new tensor follows the one that it is made like where it is as large, else whatever it meets; the probe finds
    out if it does not."""
    x, sizes = call.args[0], call.out.shape
    known = zip(x.shape, tracer.dims(x), strict=True) if call.name.startswith("new_") and x.dim() == len(sizes) else ()
    like = [*known] or [(0, None)] * len(sizes)
    labels = [e if n == m else ((1, tracer.widths.new(n)),) for n, (m, e) in zip(sizes, like, strict=True)]
    tracer.label(call.out, [e if n > 1 else None for n, e in zip(sizes, labels, strict=True)])
    follow(tracer, call.out)
    tracer.sizes_used(call.out)
