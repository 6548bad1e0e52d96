"""Operators that treat every element alike, with broadcasting: activations, sums, gates."""

import torch

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
    "_softmax",
    "_safe_softmax",
    "_log_softmax",
    "softmax",
    "log_softmax",
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


def applies(name, func):
    """Whether an operator works element by element."""
    return name in _NAMES or torch.Tag.pointwise in func.tags


def pointwise(tracer, call):
    for out in call.outputs:
        tracer.label(out, broadcast(tracer, call.tensors, out, "element-wise operation"))


def broadcast(tracer, tensors, out, what):
    """The label of the broadcast of ``tensors``: channels that meet must stay equally many."""
    widths, result = tracer.widths, [None] * out.dim()
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
                widths.unify(result[j], expr, what)
    return result
