"""Results of hot operators on the meta device, by hand.

torch's own meta functions import torch._dynamo or sympy, be it any one of these operators (each was tried alone).
Tracing vgg8 takes 0.02 s of CPU; without the norms here 2.0 s, without the elementwise operators 2.0 s, without the
convolution 0.5 s (torch 2.15, compiled bytecode), in every job that prunes. Only a result's shape and type matter.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload

from edgeprune.tracing.spatial_shortcuts import SPATIAL_SHORTCUTS

_aten = torch.ops.aten


def batch_norm(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    mean: Tensor | None,
    variance: Tensor | None,
    *_: object,
    **__: object,
) -> tuple[Tensor, Tensor, Tensor]:
    for vector in (weight, bias, mean, variance):
        if vector is not None and vector.shape[0] != x.shape[1]:
            raise RuntimeError(f"batch norm of {vector.shape[0]} channels got {x.shape[1]}")
    return unary(x), _empty((0,), x), _empty((0,), x)


def layer_norm(
    x: Tensor, shape: Sequence[int], weight: Tensor | None, bias: Tensor | None, _: float
) -> tuple[Tensor, Tensor, Tensor]:
    if list(x.shape[x.dim() - len(shape) :]) != list(shape):
        raise RuntimeError(f"layer norm over {list(shape)} got an input of {list(x.shape)}")
    return unary(x), _empty((0,), x), _empty((0,), x)


def group_norm(
    x: Tensor, weight: Tensor | None, bias: Tensor | None, batch: int, _: int, __: int, groups: int, ___: float
) -> tuple[Tensor, Tensor, Tensor]:
    """``F.group_norm`` has compared the channels with the groups and the vectors before."""
    return unary(x), _empty((batch, groups), x), _empty((batch, groups), x)


def unary(x: Tensor, *_: object, **__: object) -> Tensor:
    return _empty(x.shape, x)


def real(func: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Functions whose value is real, also of integers."""

    def shortcut(x: Tensor, *args: object, **kwargs: object) -> Tensor:
        return _empty(x.shape, x) if x.is_floating_point() else func(x, *args, **kwargs)

    return shortcut


def binary(func: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Sums and products of real tensors of one type, broadcast, and of one and a real number."""

    def shortcut(x: Tensor, y: Tensor | complex, *args: object, **kwargs: object) -> Tensor:
        if x.is_meta and x.is_floating_point() and not isinstance(y, complex):
            if not isinstance(y, torch.Tensor):
                return _empty(x.shape, x)
            if x.dtype == y.dtype and y.is_meta and (shape := _broadcast(x.shape, y.shape)) is not None:
                return _empty(shape, x)
        return func(x, y, *args, **kwargs)

    return shortcut


def binary_in_place(func: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def shortcut(x: Tensor, y: Tensor | float, *args: object, **kwargs: object) -> Tensor:
        if not isinstance(y, torch.Tensor) or x.dtype != y.dtype or not (x.is_meta and y.is_meta):
            return func(x, y, *args, **kwargs)
        return x if _broadcast(x.shape, y.shape) == list(x.shape) else func(x, y, *args, **kwargs)

    return shortcut


def _broadcast(a: Sequence[int], b: Sequence[int]) -> list[int] | None:
    """The shape of an elementwise result, ``None`` if there is none."""
    most = max(len(a), len(b))
    pairs = list(zip((*[1] * (most - len(a)), *a), (*[1] * (most - len(b)), *b), strict=True))
    return [n if m == 1 else m for m, n in pairs] if all(m == n or m == 1 or n == 1 for m, n in pairs) else None


def product(func: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Products of matrices, or of as many pairs of them."""

    def shortcut(x: Tensor, y: Tensor, *args: object, **kwargs: object) -> Tensor:
        if x.dtype == y.dtype and x.is_meta and y.is_meta and (*x.shape[:-2], x.shape[-1]) == tuple(y.shape[:-1]):
            return _empty((*x.shape[:-1], y.shape[-1]), x)
        return func(x, y, *args, **kwargs)  # which raises

    return shortcut


def addmm(bias: Tensor, x: Tensor, weight: Tensor, *args: object, **kwargs: object) -> Tensor:
    if x.shape[1] != weight.shape[0] or bias.shape[-1] != weight.shape[1]:
        raise RuntimeError(f"a linear layer of {tuple(weight.shape)} got an input of {tuple(x.shape)}")
    return _empty((x.shape[0], weight.shape[1]), x)


def reduced(func: Callable[..., Tensor], position: int) -> Callable[..., Tensor]:
    """Averages and norms over the dimensions that argument ``position`` names."""

    def shortcut(x: Tensor, *args: Any, **kwargs: object) -> Tensor:
        dims, keepdim = (*args[position - 1 :], (), False)[:2]
        axes = {d % x.dim() for d in dims or () if -x.dim() <= d < x.dim()}
        if kwargs or not axes or len(axes) < len(dims) or not x.is_floating_point():
            return func(x, *args, **kwargs)
        return _empty([1 if k in axes else n for k, n in enumerate(x.shape) if keepdim or k not in axes], x)

    return shortcut


def unary_in_place(x: Tensor, *_: object, **__: object) -> Tensor:
    return x


def convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
) -> Tensor:
    """The output-size formula of METHOD, and its inverse for the transposed convolution."""
    spatial = weight.dim() - 2
    expected = weight.shape[0] if transposed else weight.shape[1] * groups
    if x.dim() != weight.dim() or x.shape[1] != expected:
        raise RuntimeError(f"a convolution of {expected} channels got an input of {tuple(x.shape)}")
    if not transposed and weight.shape[0] % groups:
        raise RuntimeError(f"a convolution has {weight.shape[0]} filters in {groups} groups")

    def at(values: Sequence[int], i: int) -> int:
        return values[i] if len(values) > 1 else values[0]

    shape = [x.shape[0], weight.shape[1] * groups if transposed else weight.shape[0]]
    for i in range(spatial):
        reach = at(dilation, i) * (weight.shape[i + 2] - 1)
        size, step, pad = x.shape[i + 2], at(stride, i), at(padding, i)
        if transposed:
            size = (size - 1) * step - 2 * pad + reach + at(output_padding, i) + 1
        else:
            size = (size + 2 * pad - reach - 1) // step + 1
        if size <= 0:
            raise RuntimeError(f"a convolution's output would be empty for an input of {tuple(x.shape)}")
        shape.append(size)
    return _empty(shape, x)


def _empty(shape: Sequence[int], like: Tensor) -> Tensor:
    return torch.empty(shape, dtype=like.dtype, device="meta")


SHORTCUTS: dict[OpOverload, Callable] = {
    **SPATIAL_SHORTCUTS,
    _aten.convolution.default: convolution,
    _aten.native_batch_norm.default: batch_norm,
    _aten.native_layer_norm.default: layer_norm,
    _aten.native_group_norm.default: group_norm,
    _aten.addmm.default: addmm,
    _aten.add.Tensor: binary(_aten.add.Tensor),
    _aten.sub.Tensor: binary(_aten.sub.Tensor),
    _aten.mul.Tensor: binary(_aten.mul.Tensor),
    _aten.div.Tensor: binary(_aten.div.Tensor),
    _aten.div.Tensor_mode: binary(_aten.div.Tensor_mode),
    _aten.add_.Tensor: binary_in_place(_aten.add_.Tensor),
    _aten.mul_.Tensor: binary_in_place(_aten.mul_.Tensor),
    _aten.add.Scalar: binary(_aten.add.Scalar),
    _aten.mul.Scalar: binary(_aten.mul.Scalar),
    _aten.pow.Tensor_Scalar: binary(_aten.pow.Tensor_Scalar),
    _aten.clamp_min.default: binary(_aten.clamp_min.default),
    _aten.mm.default: product(_aten.mm.default),
    _aten.bmm.default: product(_aten.bmm.default),
    _aten.sigmoid.default: real(_aten.sigmoid.default),
    _aten.sigmoid_.default: unary_in_place,
    _aten.leaky_relu.default: unary,
    _aten.leaky_relu_.default: unary_in_place,
    _aten.elu.default: unary,
    _aten.elu_.default: unary_in_place,
    _aten.tanh.default: real(_aten.tanh.default),
    _aten.tanh_.default: unary_in_place,
    _aten.mean.dim: reduced(_aten.mean.dim, 1),
    _aten.linalg_vector_norm.default: reduced(_aten.linalg_vector_norm.default, 2),
    _aten.relu.default: unary,
    _aten.silu.default: unary,
    _aten.silu_.default: unary_in_place,
    _aten.hardtanh.default: unary,
    _aten.hardtanh_.default: unary_in_place,
    _aten.hardswish.default: unary,
    _aten.hardswish_.default: unary_in_place,
    _aten.hardsigmoid.default: unary,
    _aten.hardsigmoid_.default: unary_in_place,
    _aten.gelu.default: unary,
    _aten._softmax.default: unary,
    _aten._safe_softmax.default: unary,
}
