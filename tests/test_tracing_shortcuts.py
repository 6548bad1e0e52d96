"""The hand-written result shapes are torch's own."""

import pytest
import torch
from torch.nn import functional as F

from edgeprune.tracing.counting import MacCounter

CASES = {
    "conv": lambda x, w: F.conv2d(x, w, stride=2, padding=1, dilation=2),
    "conv_valid": lambda x, w: F.conv2d(x, w, stride=(3, 1)),
    "conv_transpose": lambda x, w: F.conv_transpose2d(x[:, :4], w, stride=2, padding=1, output_padding=1, dilation=2),
    "max_pool": lambda x, w: F.max_pool2d(x, 3, 2, 1),
    "max_pool_ceil": lambda x, w: F.max_pool2d(x, 2, 2, ceil_mode=True),
    "max_pool_ceil_pad": lambda x, w: F.max_pool2d(x, 3, 2, 1, ceil_mode=True),
    "max_pool_ceil_beyond": lambda x, w: F.max_pool2d(x[:, :, :2, :2], 3, 2, ceil_mode=True),
    "max_pool_default": lambda x, w: F.max_pool2d(x, (3, 2)),
    "avg_pool": lambda x, w: F.avg_pool2d(x, 2),
    "avg_pool_ceil": lambda x, w: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False),
    "adaptive": lambda x, w: F.adaptive_avg_pool2d(x, (3, 2)),
    "adaptive_one": lambda x, w: F.adaptive_avg_pool2d(x, 1),
    "bilinear": lambda x, w: F.interpolate(x, scale_factor=2, mode="bilinear"),
    "nearest": lambda x, w: F.interpolate(x, size=(7, 8)),
    "cat": lambda x, w: torch.cat([x, x[:, :2], x], 1),
    "broadcast": lambda x, w: x * x.mean((2, 3), keepdim=True) + x[:1],
    "mean": lambda x, w: x.mean((-2, -1)),
    "mean_of_all": lambda x, w: x.mean(()) + x.mean(),
    "mean_of_channels": lambda x, w: x.mean(1, keepdim=True),
    "mean_in_double": lambda x, w: x.mean(1, dtype=torch.float64),
    "norm": lambda x, w: F.normalize(x, dim=-1) / x.norm(dim=(0, 2))[:, None] + x.norm(),
    "batch_norm": lambda x, w: F.batch_norm(x, None, None, training=True),
    "layer_norm": lambda x, w: F.layer_norm(x, x.shape[2:]),
    "group_norm": lambda x, w: F.group_norm(x, 3, w[0, :, 0, 0], w[1, :, 0, 0]),
    "group_norm_statistics": lambda x, w: torch.native_group_norm(x, None, None, 2, 6, 117, 3, 1e-5)[1],
    "linear": lambda x, w: F.linear(x.flatten(1), x[:3].flatten(1), x.flatten()[:2]),
    "tanh_in_place": lambda x, w: (2 * x).tanh_(),
    "activations": lambda x, w: F.silu(F.relu6(F.hardswish(torch.sigmoid(F.elu(x, inplace=False))))),
}


@pytest.mark.parametrize("name", CASES)
def test_shapes_are_torchs(name):
    x, w = torch.randn(2, 6, 13, 9), torch.randn(4, 6, 3, 3)
    expected = CASES[name](x, w)
    with torch.no_grad(), MacCounter():
        actual = CASES[name](x.to("meta"), w.to("meta"))
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x: F.conv2d(x, x.new_empty(4, 5, 3, 3)),
        lambda x: F.max_pool2d(x, 20),
        lambda x: F.batch_norm(x, None, None, weight=x.new_empty(5), training=True),
        lambda x: F.layer_norm(x, (4, 4)),
        lambda x: F.group_norm(x, 3, x.new_empty(5)),
        lambda x: F.group_norm(x, 4),
        lambda x: F.linear(x.flatten(1), x.new_empty(3, 5), x.new_empty(3)),
        lambda x: x * x[:, :4],
        lambda x: torch.linalg.vector_norm(x[0, 0, 0, :6], 2, (0, 0)),
        lambda x: torch.cat([x, x[:, :, :4]], 1),
    ],
)
def test_wrong_shapes_are_refused(wrong):
    with pytest.raises(RuntimeError), torch.no_grad(), MacCounter():
        wrong(torch.empty(2, 6, 13, 9, device="meta"))
