"""VGG (Simonyan and Zisserman, 2015) with batch norm, for small images.

The convolutions are the original's. The hidden fully connected layers have 512 units by default instead of 4096,
since a CIFAR image leaves 512 features to classify, not 25088; their number and width are arguments. They have batch
norm too: without it, training at the learning rates that suit the convolutions (0.1) stayed at chance.
"""

import math
from collections.abc import Sequence

import torch.nn as nn
from torch import Tensor

from edgeprune.networks.layers import HiddenLinear, Linear, conv_bn, pair, scaled

VGG16 = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


class VGG(nn.Module):
    """Stages of 3x3 convolutions, each closed by a 2x2 max pooling, then fully connected layers.

    Args:
        stages: filters of each convolution, stage by stage.
        hidden: units of each hidden fully connected layer.
        input_size: H and W of the input, or one number for both.
        width: multiplier of all the filters and hidden units.
        dropout: probability, before each hidden and the output layer.

    Shape:
        (N, in_channels, H, W) -> (N, num_classes)

    Raises:
        ValueError: the input is too small for the poolings.
    """

    def __init__(
        self,
        stages: Sequence[Sequence[int]],
        hidden: Sequence[int],
        num_classes: int = 10,
        in_channels: int = 3,
        input_size: int | Sequence[int] = 32,
        width: float = 1.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        height, length = pair(input_size)
        layers, channels = [], in_channels
        for stage in stages:
            for filters in stage:
                layers.append(conv_bn(channels, scaled(filters, width), 3))
                channels = scaled(filters, width)
            layers.append(nn.MaxPool2d(2))
            height, length = height // 2, length // 2
        if not height * length:
            raise ValueError(f"an input of {input_size} is too small for {len(stages)} poolings by 2")
        self.features = nn.Sequential(*layers)
        units, dense = channels * height * length, []
        for n in hidden:
            dense += [nn.Dropout(dropout), HiddenLinear(units, scaled(n, width))]
            units = scaled(n, width)
            dense += [nn.BatchNorm1d(units), nn.ReLU(inplace=True)]
        self.classifier = nn.Sequential(*dense, nn.Dropout(dropout), Linear(units, num_classes))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).flatten(1))


def vgg16(
    num_classes: int = 10,
    in_channels: int = 3,
    input_size: int | Sequence[int] = 32,
    width: float = 1.0,
    hidden: Sequence[int] = (512, 512),
    dropout: float = 0.5,
) -> VGG:
    """13 convolutions and 3 fully connected layers (``hidden`` and the output)."""
    return VGG(VGG16, hidden, num_classes, in_channels, input_size, width, dropout)


def vgg8(
    num_classes: int = 10,
    in_channels: int = 1,
    input_size: int | Sequence[int] = 8,
    width: float = 1.0,
    hidden: Sequence[int] = (64,),
    dropout: float = 0.0,
) -> VGG:
    """6 convolutions and 2 fully connected layers, for images of about 8x8."""
    stages = ((16, 16), (32, 32), (64, 64))
    shrink = min(len(stages), int(math.log2(max(1, min(pair(input_size))))))
    return VGG(stages[:shrink], hidden, num_classes, in_channels, input_size, width, dropout)
