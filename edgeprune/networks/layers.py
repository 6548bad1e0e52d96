"""Building blocks of the shipped networks.

Initialisation lives in ``reset_parameters``, not in a network's constructor: surgery initialises a pruned network by
each module's own rule, so that dense and pruned networks start from the same distribution.
"""

from collections.abc import Sequence

import torch.nn as nn


class Conv2d(nn.Conv2d):
    """Convolution with He's normal initialisation over the fan-out (He et al., 2015), zero bias."""

    def reset_parameters(self) -> None:
        nn.init.kaiming_normal_(self.weight, mode="fan_out", nonlinearity="relu")
        if self.bias is not None:
            nn.init.zeros_(self.bias)


class NearZeroConv2d(nn.Conv2d):
    """Last convolution of a network or of a residual branch without batch norm: its outputs start near zero."""

    def reset_parameters(self) -> None:
        near_zero(self)


class NearZeroConvTranspose2d(nn.ConvTranspose2d):
    """Transposed convolution whose outputs start near zero."""

    def reset_parameters(self) -> None:
        near_zero(self)


class Linear(nn.Linear):
    """Output layer: normal initialisation of standard deviation 0.01, so that training starts near even odds."""

    def reset_parameters(self) -> None:
        nn.init.normal_(self.weight, std=0.01)
        nn.init.zeros_(self.bias)


class HiddenLinear(nn.Linear):
    """Linear layer before a ReLU: He's normal initialisation over the fan-in, zero bias."""

    def reset_parameters(self) -> None:
        nn.init.kaiming_normal_(self.weight, mode="fan_in", nonlinearity="relu")
        nn.init.zeros_(self.bias)


def near_zero(layer: nn.Conv2d | nn.ConvTranspose2d) -> None:
    """Normal initialisation of standard deviation 0.001 (Dong et al., 2016), zero bias."""
    nn.init.normal_(layer.weight, std=0.001)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def conv_bn(
    inputs: int,
    filters: int,
    kernel: int,
    *,
    stride: int = 1,
    groups: int = 1,
    dilation: int = 1,
    activation: type[nn.Module] | None = nn.ReLU,
) -> nn.Sequential:
    """Convolution without bias, batch norm, activation (``None``: none).

    Shape:
        (N, inputs, H, W) -> (N, filters, ceil(H / stride), ceil(W / stride)), for an odd kernel.
    """
    around = dilation * (kernel // 2)
    layers: list[nn.Module] = [
        Conv2d(inputs, filters, kernel, stride, around, dilation, groups, bias=False),
        nn.BatchNorm2d(filters),
    ]
    if activation is not None:
        layers.append(activation(inplace=True))
    return nn.Sequential(*layers)


def pair(size: int | Sequence[int]) -> tuple[int, int]:
    """``(height, width)`` of an int or a pair."""
    return (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))


def scaled(channels: int, width: float, divisor: int = 1) -> int:
    """``channels`` times the width multiplier, rounded to a multiple of ``divisor``, at least one of them."""
    return max(divisor, int(channels * width / divisor + 0.5) * divisor)
