"""Pooling, upsampling, padding of space, pixel and channel shuffle: operators that know each dimension's role."""

from torch import Tensor

from edgeprune.tracing.expressions import scale
from edgeprune.tracing.labels import Call, Labels, NoRule
from edgeprune.tracing.registry import rule

_SPATIAL = [
    "max_pool2d_with_indices",
    "max_pool3d_with_indices",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "_adaptive_avg_pool2d",
    "_adaptive_avg_pool3d",
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "fractional_max_pool2d",
    "upsample_nearest1d",
    "upsample_nearest2d",
    "upsample_nearest3d",
    "upsample_linear1d",
    "upsample_bilinear2d",
    "upsample_bicubic2d",
    "upsample_trilinear3d",
    "_upsample_bilinear2d_aa",
    "_upsample_bicubic2d_aa",
    "_upsample_nearest_exact1d",
    "_upsample_nearest_exact2d",
    "reflection_pad1d",
    "reflection_pad2d",
    "reflection_pad3d",
    "replication_pad1d",
    "replication_pad2d",
    "replication_pad3d",
    "grid_sampler_2d",
    "grid_sampler_3d",
]


@rule(*_SPATIAL)
def spatial(tracer: Labels, call: Call) -> None:
    """Batch and channels are kept, the other dimensions are space and fixed."""
    x = call.args[0]
    X = tracer.dims(x)
    keep = 2 if _has_batch(call.name, x) else 1
    for expr in X[keep:]:
        tracer.widths.freeze(expr, "channels used as a spatial dimension")
    for other in call.tensors[1:]:
        for expr in tracer.dims(other)[2:]:
            tracer.widths.freeze(expr, "channels used as a spatial dimension")
    for tensor in call.outputs:
        tracer.label(tensor, X[:keep] + [None] * (tensor.dim() - keep))


def _has_batch(name: str, x: Tensor) -> bool:
    rank = next((int(name[i - 1]) for i in range(len(name), 0, -1) if name[i - 1] in "123"), 2)
    if x.dim() not in (rank + 1, rank + 2):
        raise NoRule("its input has an unexpected number of dimensions")
    return x.dim() == rank + 2


@rule("max_unpool2d", "max_unpool3d")
def unpool(tracer: Labels, call: Call) -> None:
    """The indices belong to the map that was pooled, channel by channel."""
    for a, b in zip(*(tracer.dims(t) for t in call.args[:2]), strict=True):
        if a is not None or b is not None:
            tracer.widths.unify(a, b, "indices of an unpooling")
    spatial(tracer, call)


@rule("pixel_shuffle")
def pixel_shuffle(tracer: Labels, call: Call) -> None:
    """(C*r*r, H, W) -> (C, H*r, W*r)."""
    *lead, channels, _, _ = tracer.dims(call.args[0])
    if channels is not None:
        part = tracer.widths.divide(channels, call.args[1] ** 2, inner=True)
        if part is None:
            tracer.widths.freeze(channels, "channels that cannot be shuffled into pixels")
        channels = part
    tracer.label(call.out, [*lead, channels, None, None])


@rule("pixel_unshuffle")
def pixel_unshuffle(tracer: Labels, call: Call) -> None:
    """(C, H*r, W*r) -> (C*r*r, H, W)."""
    *lead, channels, _, _ = tracer.dims(call.args[0])
    if channels is not None:
        channels = scale(tracer.widths.resolve(channels), call.args[1] ** 2)
    tracer.label(call.out, [*lead, channels, None, None])


@rule("channel_shuffle", "native_channel_shuffle")
def channel_shuffle(tracer: Labels, call: Call) -> None:
    """(g, C/g) -> (C/g, g) within the channels."""
    x, groups = call.args[:2]
    X = tracer.dims(x)
    if X[1] is not None:
        part = tracer.widths.divide(X[1], groups)
        if part is None:
            tracer.widths.freeze(X[1], "channels that cannot be shuffled")
        X = [X[0], None if part is None else scale(part, groups), *X[2:]]
    tracer.label(call.out, X)
