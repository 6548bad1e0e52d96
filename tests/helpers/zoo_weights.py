"""Small networks whose weights or sizes are computed: standardised or normalised weights, blurs, gates."""

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations


class Standardised(nn.Conv2d):
    """Weights with mean 0 and variance 1 for each filter, by batch norm of a reshaped weight (NFNet, BiT)."""

    def forward(self, x):
        flat = self.weight.reshape(1, self.out_channels, -1)
        weight = F.batch_norm(flat, None, None, training=True, momentum=0.0).reshape_as(self.weight)
        return F.conv2d(x, weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


def standardised():
    return nn.Sequential(
        Standardised(3, 8, 3), nn.ReLU(), Standardised(8, 12, 3), nn.ReLU(), Standardised(12, 12, 3, groups=4),
        nn.Conv2d(12, 4, 1),
    )  # fmt: skip


def normalised():
    """Weight norm and spectral norm as parametrisations, and the old weight norm by a hook."""
    return nn.Sequential(
        parametrizations.weight_norm(nn.Conv2d(3, 8, 3)), nn.ReLU(),
        parametrizations.spectral_norm(nn.Conv2d(8, 12, 3)), nn.ReLU(),
        nn.utils.weight_norm(nn.Conv2d(12, 8, 3)), nn.Conv2d(8, 4, 1),
    )  # fmt: skip


class Blur(nn.Module):
    """A fixed filter for each channel, whose number it keeps (antialiased pooling)."""

    def __init__(self, channels):
        super().__init__()
        self.channels = channels
        self.register_buffer("filter", torch.full((channels, 1, 2, 2), 0.25))

    def forward(self, x):
        return F.conv2d(x, self.filter, stride=2, groups=self.channels)


def blurred():
    return nn.Sequential(nn.Conv2d(3, 8, 3), Blur(8), nn.Conv2d(8, 12, 3), Blur(12), nn.Conv2d(12, 4, 1))


class ChannelAttention(nn.Module):
    """A gate for each channel from those beside it (ECA)."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(1, 1, 3, padding=1, bias=False)

    def forward(self, x):
        gate = self.conv(x.mean((2, 3)).view(len(x), 1, -1))
        return x * gate.view(len(x), -1, 1, 1).sigmoid()


def channel_attention():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), ChannelAttention(), nn.Conv2d(8, 12, 3), ChannelAttention(), nn.Conv2d(12, 8, 3),
        nn.Conv2d(8, 4, 1),
    )  # fmt: skip


class Paths(nn.Module):
    """The input's channels are divided among paths, whose sum is gated (selective kernels); all sizes are equal."""

    def __init__(self, channels=16):
        super().__init__()
        self.in_channels, self.out_channels = channels, channels
        self.stem = nn.Conv2d(3, channels, 3)
        self.paths = nn.ModuleList(nn.Conv2d(channels // 2, channels, k, padding=k // 2) for k in (3, 5))
        self.gate = nn.Conv2d(channels, 2 * channels, 1)
        self.head = nn.Conv2d(channels, 4, 1)

    def forward(self, x):
        halves = torch.split(self.stem(x), self.in_channels // len(self.paths), 1)
        x = torch.stack([path(half) for path, half in zip(self.paths, halves, strict=True)], 1)
        gates = self.gate(x.sum(1).mean((2, 3), keepdim=True)).view(len(x), 2, self.out_channels, 1, 1).softmax(1)
        return self.head((x * gates).sum(1))
