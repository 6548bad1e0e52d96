"""Operators that treat every element alike, with broadcasting: activations, sums, gates."""

from collections.abc import Iterable

import torch
from torch import Tensor
from torch._ops import OpOverload

from edgeprune.tracing.expressions import Dims
from edgeprune.tracing.labels import Call, Labels
from edgeprune.tracing.registry import rule

_NAMES = {
    "hardswish",
    "hardsigmoid",
    "hardtanh",
    "_prelu_kernel",
    "prelu",
    "where",
    "detach",
    "alias",
    "_to_copy",
    "lift_fresh",
    "lift",
    "contiguous",
    "clone",
    "native_dropout",
    "bernoulli",
    "uniform",
    "normal",
    "zero",
    "empty_like",
    "zeros_like",
    "ones_like",
    "full_like",
    "rand_like",
    "randn_like",
    "cumsum",
    "rsub",
    "lerp",
    "gelu",
    "silu",
    "mish",
    "celu",
    "selu",
    "rrelu_with_noise",
    "geometric",
    "random",
    "exponential",
    "copy",
    "fill",
    "masked_fill",
}


def applies(func: OpOverload) -> bool:
    """Whether torch says that an operator works element by element; the others are named above."""
    return torch.Tag.pointwise in func.tags


@rule(*_NAMES)
def pointwise(tracer: Labels, call: Call) -> None:
    for out in call.outputs:
        tracer.label(out, broadcast(tracer, call.tensors, out, "element-wise operation"))


def broadcast(tracer: Labels, tensors: Iterable[Tensor], out: Tensor, what: str) -> Dims:
    """The label of the broadcast of ``tensors``: channels that meet must stay equally many."""
    result: Dims = [None] * out.dim()
    met = [False] * out.dim()  # some tensor has this dimension at full size
    for tensor in tensors:
        offset = out.dim() - tensor.dim()
        for i, expr in enumerate(tracer.dims(tensor)):
            j = i + offset
            if j < 0 or tensor.shape[i] == 1:
                continue
            if not met[j]:
                result[j], met[j] = expr, True
            elif expr is not None or result[j] is not None:
                tracer.widths.unify(result[j], expr, what)
    return result
