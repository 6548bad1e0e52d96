"""ResNet (He et al., 2016) for small images: a 3x3 stem of stride 1 and no pooling before the first stage.

Downsampling is done by the 3x3 convolution of a bottleneck, as in most implementations since 2017.
"""

from collections.abc import Sequence

import torch.nn as nn
from torch import Tensor

from edgeprune.networks.layers import Linear, conv_bn, scaled


class Basic(nn.Module):
    """Two 3x3 convolutions and a shortcut."""

    expansion = 1

    def __init__(self, inputs: int, filters: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv_bn(inputs, filters, 3, stride=stride), conv_bn(filters, filters, 3, activation=None)
        )
        self.shortcut = _shortcut(inputs, filters, stride)
        self.activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.body(x) + self.shortcut(x))


class Bottleneck(Basic):
    """1x1, 3x3 and 1x1 convolutions, the last with four times the filters, and a shortcut."""

    expansion = 4

    def __init__(self, inputs: int, filters: int, stride: int) -> None:
        nn.Module.__init__(self)
        outputs = filters * self.expansion
        self.body = nn.Sequential(
            conv_bn(inputs, filters, 1),
            conv_bn(filters, filters, 3, stride=stride),
            conv_bn(filters, outputs, 1, activation=None),
        )
        self.shortcut = _shortcut(inputs, outputs, stride)
        self.activation = nn.ReLU(inplace=True)


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Module:
    if stride == 1 and inputs == outputs:
        return nn.Identity()
    return conv_bn(inputs, outputs, 1, stride=stride, activation=None)


class ResNet(nn.Module):
    """A stem, stages of residual blocks, global average pooling and a linear layer.

    Args:
        block: :class:`Basic` or :class:`Bottleneck`.
        depths: blocks of each stage; every stage but the first halves the resolution.
        filters: filters of each stage (a bottleneck's output has four times as many).
        width: multiplier of all the filters.

    Shape:
        (N, in_channels, H, W) -> (N, num_classes)
    """

    def __init__(
        self,
        block: type[Basic],
        depths: Sequence[int],
        filters: Sequence[int],
        num_classes: int = 10,
        in_channels: int = 3,
        width: float = 1.0,
    ) -> None:
        super().__init__()
        channels = scaled(filters[0], width)
        layers: list[nn.Module] = [conv_bn(in_channels, channels, 3)]
        for stage, (depth, n) in enumerate(zip(depths, filters)):
            for i in range(depth):
                layers.append(block(channels, scaled(n, width), 2 if stage and i == 0 else 1))
                channels = scaled(n, width) * block.expansion
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = Linear(channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.pool(self.features(x)).flatten(1))


def resnet50(
    num_classes: int = 10, in_channels: int = 3, width: float = 1.0, depths: Sequence[int] = (3, 4, 6, 3)
) -> ResNet:
    """16 bottleneck blocks, for images of about 32x32."""
    return ResNet(Bottleneck, depths, (64, 128, 256, 512), num_classes, in_channels, width)


def resnet8(num_classes: int = 10, in_channels: int = 1, width: float = 1.0) -> ResNet:
    """3 basic blocks, for images of about 8x8 (He et al.'s CIFAR family of depth 6n + 2, at n = 1)."""
    return ResNet(Basic, (1, 1, 1), (16, 32, 64), num_classes, in_channels, width)


def resnet56(num_classes: int = 10, in_channels: int = 3, width: float = 1.0) -> ResNet:
    """27 basic blocks, for images of about 32x32 (He et al.'s CIFAR family of depth 6n + 2, at n = 9)."""
    return ResNet(Basic, (9, 9, 9), (16, 32, 64), num_classes, in_channels, width)
