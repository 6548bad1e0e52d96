"""Building blocks of the shipped networks.

Initialisation lives in ``reset_parameters``, not in a network's constructor: surgery initialises a pruned network by
each module's own rule, so that dense and pruned networks start from the same distribution.
"""

import torch.nn as nn


class Conv2d(nn.Conv2d):
    """Convolution with He's normal initialisation over the fan-out (He et al., 2015), zero bias."""

    def reset_parameters(self):
        nn.init.kaiming_normal_(self.weight, mode="fan_out", nonlinearity="relu")
        if self.bias is not None:
            nn.init.zeros_(self.bias)


class Linear(nn.Linear):
    """Output layer: normal initialisation of standard deviation 0.01, so that training starts near even odds."""

    def reset_parameters(self):
        nn.init.normal_(self.weight, std=0.01)
        nn.init.zeros_(self.bias)


class HiddenLinear(nn.Linear):
    """Linear layer before a ReLU: He's normal initialisation over the fan-in, zero bias."""

    def reset_parameters(self):
        nn.init.kaiming_normal_(self.weight, mode="fan_in", nonlinearity="relu")
        nn.init.zeros_(self.bias)


def conv_bn(inputs, filters, kernel, *, stride=1, groups=1, activation=nn.ReLU):
    """Convolution without bias, batch norm, activation (``None``: none).

    Shape:
        (N, inputs, H, W) -> (N, filters, ceil(H / stride), ceil(W / stride)), for an odd kernel.
    """
    layers = [
        Conv2d(inputs, filters, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(filters),
    ]
    if activation is not None:
        layers.append(activation(inplace=True))
    return nn.Sequential(*layers)


def pair(size):
    """``(height, width)`` of an int or a pair."""
    return (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))


def scaled(channels, width, divisor=1):
    """``channels`` times the width multiplier, rounded to a multiple of ``divisor``, at least one of them."""
    return max(divisor, int(channels * width / divisor + 0.5) * divisor)
