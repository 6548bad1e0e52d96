"""MobileNetV2 (Sandler et al., 2018) for small images: the stem and the second stage keep the resolution."""

from collections.abc import Sequence

import torch.nn as nn
from torch import Tensor

from edgeprune.networks.layers import Linear, conv_bn, scaled

# (expansion, channels, blocks, stride) of each stage: the original's but for the second stride, 1 instead of 2
STAGES = ((1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


class InvertedResidual(nn.Module):
    """1x1 expansion, 3x3 depthwise, linear 1x1 projection; a shortcut where the shapes agree."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        layers = [conv_bn(inputs, hidden, 1, activation=nn.ReLU6)] if expansion != 1 else []
        layers.append(conv_bn(hidden, hidden, 3, stride=stride, groups=hidden, activation=nn.ReLU6))
        layers.append(conv_bn(hidden, outputs, 1, activation=None))
        self.body = nn.Sequential(*layers)
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x) if self.shortcut else self.body(x)


class MobileNetV2(nn.Module):
    """A stem, stages of inverted residuals, a 1x1 head, global average pooling and a linear layer.

    Args:
        stages: ``(expansion, channels, blocks, stride)`` of each stage.
        stem, head: filters of the first and the last convolution.
        width: multiplier of all channels.
        divisor: channels are rounded to multiples of it (the original's rule: 8).

    Shape:
        (N, in_channels, H, W) -> (N, num_classes)
    """

    def __init__(
        self,
        stages: Sequence[tuple[int, int, int, int]],
        stem: int = 32,
        head: int = 1280,
        num_classes: int = 10,
        in_channels: int = 3,
        width: float = 1.0,
        divisor: int = 8,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        channels = scaled(stem, width, divisor)
        layers: list[nn.Module] = [conv_bn(in_channels, channels, 3, activation=nn.ReLU6)]
        for expansion, outputs, blocks, stride in stages:
            outputs = scaled(outputs, width, divisor)
            for i in range(blocks):
                layers.append(InvertedResidual(channels, outputs, stride if i == 0 else 1, expansion))
                channels = outputs
        head = scaled(head, max(1.0, width), divisor)  # the original never narrows its head
        layers.append(conv_bn(channels, head, 1, activation=nn.ReLU6))
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.classifier = Linear(head, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.dropout(self.pool(self.features(x)).flatten(1)))


def mobilenetv2(num_classes: int = 10, in_channels: int = 3, width: float = 1.0, dropout: float = 0.0) -> MobileNetV2:
    """The original's 17 blocks, for images of about 32x32."""
    return MobileNetV2(STAGES, 32, 1280, num_classes, in_channels, width, 8, dropout)


def mobilenetv2_small(
    num_classes: int = 10, in_channels: int = 1, width: float = 1.0, dropout: float = 0.0
) -> MobileNetV2:
    """4 blocks (two with a shortcut), for images of about 8x8."""
    stages = ((1, 16, 1, 1), (3, 24, 2, 2), (3, 32, 1, 2))
    return MobileNetV2(stages, 16, 96, num_classes, in_channels, width, 4, dropout)
