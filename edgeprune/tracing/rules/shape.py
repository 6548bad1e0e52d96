"""Views: reshape, permute, expand, squeeze, flatten."""

import math
from collections.abc import Sequence

from edgeprune.tracing.algebra import Widths
from edgeprune.tracing.computed_sizes import follow, rank
from edgeprune.tracing.expressions import Dims, Expression, scale, totals
from edgeprune.tracing.labels import Call, Labels, NoRule
from edgeprune.tracing.registry import rule


@rule(
    "view",
    "_unsafe_view",
    "reshape",
    "_reshape_alias",
    "squeeze",
    "unsqueeze",
    "flatten",
    "unflatten",
    "_reshape_copy",
    "view_copy",
)
def view(tracer: Labels, call: Call) -> None:
    x, after = call.args[0], call.out.shape
    ranks = [rank(n) for n in tracer.given] if len(tracer.given) == len(after) else [0] * len(after)
    tracer.label(call.out, reshaped(tracer, x.shape, tracer.dims(x), after, ranks))
    follow(tracer, call.out)
    tracer.sizes_used(call.out)


def reshaped(tracer: Labels, before: Sequence[int], labels: Dims, after: Sequence[int], ranks: list[int]) -> Dims:
    """Labels after a reshape. Runs of dimensions with equal products correspond to each other.

    Args:
        ranks: which of the new dimensions the code lets vary, the likeliest least.
    """
    i = j = 0
    out = []
    while i < len(before) or j < len(after):
        if i < len(before) and j < len(after) and before[i] == after[j]:
            out.append(labels[i])
            i, j = i + 1, j + 1
        elif j < len(after) and after[j] == 1:
            out.append(None)
            j += 1
        elif i < len(before) and before[i] == 1:
            i += 1
        else:
            first_in, first_out, p, q = i, j, before[i], after[j]
            i, j = i + 1, j + 1
            while p != q:
                if p < q:
                    p, i = p * before[i], i + 1
                else:
                    q, j = q * after[j], j + 1
            out += _regroup(tracer, before[first_in:i], labels[first_in:i], after[first_out:j], ranks[first_out:j])
    return out


def _regroup(tracer: Labels, before: Sequence[int], labels: Dims, after: Sequence[int], ranks: list[int]) -> Dims:
    """One run of a reshape: several dimensions into one, one into several, or several into several."""
    widths = tracer.widths
    moving = [(k, e) for k, e in enumerate(labels) if e is not None and not widths.is_constant(e)]
    if not moving:
        return [None] * len(after)
    if len(moving) == 1:
        k, expr = moving[0]
        outer, inner = math.prod(before[:k]), math.prod(before[k + 1 :])
        whole = widths.repeat(scale(widths.resolve(expr), inner), outer)
        if len(after) == 1:
            return [whole]
        found = _split(widths, whole, after, ranks)
        if found:
            return found
    for _, expr in moving:
        widths.freeze(expr, f"reshape of {list(before)} to {list(after)} mixes channels with other dimensions")
    return [None] * len(after)


def _split(widths: Widths, whole: Expression, after: Sequence[int], ranks: list[int]) -> Dims | None:
    """``whole`` as a product of dimensions of which one varies: the one that the code lets vary, else the one as which
    it is written, else the one that can, the largest first."""
    resolved = widths.resolve(whole)

    def is_written(k: int) -> bool:
        blocks, inner = math.prod(after[:k]), math.prod(after[k + 1 :])
        return resolved == resolved[: len(resolved) // blocks] * blocks and all(c % inner == 0 for c, _ in resolved)

    order = sorted(
        (k for k in range(len(after)) if after[k] > 1),
        key=lambda k: (ranks[k], not is_written(k), -after[k], -k),
    )
    # a factor that already varies freely needs no new equation: try these positions first
    for needs_new in (False, True):
        for k in order:
            outer, inner = math.prod(after[:k]), math.prod(after[k + 1 :])
            factors = {c for v, c in totals(widths.resolve(whole)).items() if v is not None}
            if not needs_new and any(c % (outer * inner) for c in factors):
                continue
            part = widths.divide(whole, outer)
            part = None if part is None else widths.divide(part, inner, inner=True)
            if part is not None:
                return [part if n == k else None for n in range(len(after))]
    return None


@rule("permute", "transpose", "t", "numpy_T", "swapaxes", "movedim", "permute_copy", "transpose_copy", "t_copy")
def permute(tracer: Labels, call: Call) -> None:
    x = call.args[0]
    X, n = tracer.dims(x), x.dim()
    if call.name.startswith("permute"):
        order = [d % n for d in call.args[1]]
    elif call.name.startswith("transpose") or call.name == "swapaxes":
        order = list(range(n))
        a, b = call.args[1] % n, call.args[2] % n
        order[a], order[b] = order[b], order[a]
    elif call.name == "movedim":
        raise NoRule("moved dimensions")
    else:
        order = list(range(n))[::-1]
    tracer.label(call.out, [X[d] for d in order])


@rule("expand", "repeat", "expand_copy", "tile")
def expand(tracer: Labels, call: Call) -> None:
    x = call.args[0]
    X = tracer.dims(x)
    offset = call.out.dim() - x.dim()
    out = [None] * offset
    for k, expr in enumerate(X):
        size, times = call.out.shape[k + offset], call.out.shape[k + offset] // max(1, x.shape[k])
        if times > 1 and x.shape[k] == 1:  # follows whatever it meets; the probe finds out if its size is a number
            expr = ((1, tracer.widths.new(size)),)
        elif times > 1 and expr is not None:
            expr = tracer.widths.repeat(tracer.widths.resolve(expr), times)
        out.append(expr)
    tracer.label(call.out, out)
    follow(tracer, call.out)
    tracer.sizes_used(call.out)


@rule("as_strided")
def as_strided(tracer: Labels, call: Call) -> None:
    x = call.args[0]
    if list(call.args[1]) != list(x.shape):
        raise NoRule("a strided view")
    tracer.label(call.out, tracer.dims(x))


@rule("unfold")
def windows(tracer: Labels, call: Call) -> None:
    """Windows along one dimension, which stand in a new last one."""
    x = call.args[0]
    X, axis = tracer.dims(x), call.args[1] % x.dim()
    tracer.widths.freeze(X[axis], "windows of channels")
    tracer.label(call.out, [*X[:axis], None, *X[axis + 1 :], None])


@rule("col2im")
def fold(tracer: Labels, call: Call) -> None:
    """Patches, (channels times kernel positions, places), are added up to maps."""
    *lead, rows, _ = tracer.dims(call.args[0])
    if rows is not None:
        part = tracer.widths.divide(rows, math.prod(call.args[2]), inner=True)
        if part is None:
            tracer.widths.freeze(rows, "channels that cannot be divided among the places of a kernel")
        rows = part
    tracer.label(call.out, [*lead, rows, None, None])


@rule("im2col")
def unfold(tracer: Labels, call: Call) -> None:
    """Patches: channels times kernel positions, channel-major."""
    x = call.args[0]
    X = tracer.dims(x)
    times = call.out.shape[-2] // x.shape[-3]
    channels = None if X[-3] is None else scale(tracer.widths.resolve(X[-3]), times)
    tracer.label(call.out, [*X[:-3], channels, None])
