"""Shapes of pooled, resized and concatenated maps, by hand: torch's own import sympy for them (vgg8: 0.45 s of CPU)."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch._ops import OpOverload

_aten = torch.ops.aten
#: One number for all sides, or one for each; empty: the default.
Sides = int | Sequence[int]


def _at(values: Sides, i: int, default: int = 0) -> int:
    if isinstance(values, int):
        return values
    return values[i] if len(values) > 1 else values[0] if values else default


def _pooled(x: Tensor, kernel: Sides, stride: Sides, padding: Sides, dilation: Sides, ceil: bool) -> list[int]:
    """floor((in + 2*padding - dilation*(K-1) - 1) / stride) + 1; rounded up, a window may not start in the padding."""
    shape = list(x.shape[:-2])
    for i, size in enumerate(x.shape[-2:]):
        k, pad = _at(kernel, i), _at(padding, i)
        step = _at(stride, i, k) if stride else k
        room = size + 2 * pad - _at(dilation, i) * (k - 1) - 1
        out = (-(-room // step) if ceil else room // step) + 1
        if ceil and (out - 1) * step >= size + pad:
            out -= 1
        if out <= 0:
            raise RuntimeError(f"a pooling's output would be empty for an input of {tuple(x.shape)}")
        shape.append(out)
    return shape


def max_pool(
    x: Tensor, kernel: Sides, stride: Sides = (), padding: Sides = 0, dilation: Sides = 1, ceil_mode: bool = False
) -> tuple[Tensor, Tensor]:
    shape = _pooled(x, kernel, stride, padding, dilation, ceil_mode)
    return torch.empty(shape, dtype=x.dtype, device="meta"), torch.empty(shape, dtype=torch.int64, device="meta")


def average_pool(
    x: Tensor, kernel: Sides, stride: Sides = (), padding: Sides = 0, ceil_mode: bool = False, *_: object, **__: object
) -> Tensor:
    return torch.empty(_pooled(x, kernel, stride, padding, 1, ceil_mode), dtype=x.dtype, device="meta")


def resized(x: Tensor, size: Sequence[int], *_: object, **__: object) -> Tensor:
    """Adaptive pooling and upsampling to a given size."""
    return torch.empty((*x.shape[:-2], *size), dtype=x.dtype, device="meta")


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    first = tensors[0]
    axis = dim % first.dim() if first.dim() else 0
    for t in tensors:
        same = t.dim() == first.dim() > 0 and t.dtype == first.dtype and t.is_meta
        if not same or any(a != b for k, (a, b) in enumerate(zip(t.shape, first.shape, strict=True)) if k != axis):
            return _aten.cat.default(tensors, dim)
    shape = list(first.shape)
    shape[axis] = sum(t.shape[axis] for t in tensors)
    return torch.empty(shape, dtype=first.dtype, device="meta")


SPATIAL_SHORTCUTS: dict[OpOverload, Callable] = {
    _aten.max_pool2d_with_indices.default: max_pool,
    _aten.avg_pool2d.default: average_pool,
    _aten._adaptive_avg_pool2d.default: resized,
    _aten.upsample_bilinear2d.default: resized,
    _aten.upsample_nearest2d.default: resized,
    _aten.upsample_bicubic2d.default: resized,
    _aten.cat.default: cat,
}
