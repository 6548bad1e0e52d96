"""The four networks at the size their papers give them, for images of about 224x224.

Layer for layer torchvision's ``vgg16_bn`` (without the biases that batch norm makes void), ``alexnet``,
``mobilenet_v2`` and ``resnet50``, with this project's initialisation; the other modules of this package have the
variants for small images.
"""

from collections.abc import Sequence

import torch.nn as nn
from torch import Tensor

from edgeprune.networks.layers import Conv2d, HiddenLinear, Linear, conv_bn, pair, scaled
from edgeprune.networks.mobilenet import STAGES, MobileNetV2
from edgeprune.networks.resnet import Bottleneck, ResNet
from edgeprune.networks.vgg import VGG16

#: Of an image: of its sides, or height and width.
Size = int | Sequence[int]


class Classic(nn.Module):
    """Convolutions, pooling to a fixed size, two hidden linear layers with dropout and an output layer.

    Shape:
        (N, in_channels, H, W) -> (N, num_classes)
    """

    def __init__(
        self,
        layers: Sequence[nn.Module],
        channels: int,
        size: int,
        num_classes: int,
        width: float,
        dropout: float,
        dropout_first: bool,
    ) -> None:
        super().__init__()
        self.features, self.pool = nn.Sequential(*layers), nn.AdaptiveAvgPool2d(size)
        units, dense = channels * size * size, []
        for n in 2 * [scaled(4096, width)]:
            layer = [HiddenLinear(units, n), nn.ReLU(inplace=True)]
            dense += [nn.Dropout(dropout), *layer] if dropout_first else [*layer, nn.Dropout(dropout)]
            units = n
        self.classifier = nn.Sequential(*dense, Linear(units, num_classes))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.pool(self.features(x)).flatten(1))


def vgg16(
    num_classes: int = 1000, in_channels: int = 3, input_size: Size = 224, width: float = 1.0, dropout: float = 0.5
) -> Classic:
    """VGG-16 with batch norm after the convolutions, none in the fully connected layers.

    Raises:
        ValueError: the input is smaller than 32x32.
    """
    if min(pair(input_size)) < 32:
        raise ValueError(f"an input of {input_size} is too small for 5 poolings by 2")
    layers, channels = [], in_channels
    for stage in VGG16:
        for filters in stage:
            layers.append(conv_bn(channels, scaled(filters, width), 3))
            channels = scaled(filters, width)
        layers.append(nn.MaxPool2d(2))
    return Classic(layers, channels, 7, num_classes, width, dropout, dropout_first=False)


def alexnet(
    num_classes: int = 1000, in_channels: int = 3, input_size: Size = 224, width: float = 1.0, dropout: float = 0.5
) -> Classic:
    """AlexNet of one tower (Krizhevsky, 2014): an 11x11 stem of stride 4.

    Raises:
        ValueError: the input is smaller than 63x63.
    """
    if min(pair(input_size)) < 63:
        raise ValueError(f"an input of {input_size} is too small for AlexNet's strides (at least 63x63)")
    layers, channels = [], in_channels
    for filters, kernel, stride, padding, pooled in (
        (64, 11, 4, 2, True),
        (192, 5, 1, 2, True),
        (384, 3, 1, 1, False),
        (256, 3, 1, 1, False),
        (256, 3, 1, 1, True),
    ):
        filters = scaled(filters, width)
        layers += [Conv2d(channels, filters, kernel, stride=stride, padding=padding), nn.ReLU(inplace=True)]
        layers += [nn.MaxPool2d(3, 2)] * pooled
        channels = filters
    return Classic(layers, channels, 6, num_classes, width, dropout, dropout_first=True)


def mobilenetv2(num_classes: int = 1000, in_channels: int = 3, width: float = 1.0, dropout: float = 0.2) -> MobileNetV2:
    """MobileNetV2 with its strides: the stem's and the second stage's are 2."""
    stages = [(e, c, n, 2 if i == 1 else s) for i, (e, c, n, s) in enumerate(STAGES)]
    network = MobileNetV2(stages, 32, 1280, num_classes, in_channels, width, 8, dropout)
    stem: nn.Module = network.features.get_submodule("0.0")
    assert isinstance(stem, nn.Conv2d)
    stem.stride = (2, 2)
    return network


def resnet50(
    num_classes: int = 1000, in_channels: int = 3, width: float = 1.0, depths: Sequence[int] = (3, 4, 6, 3)
) -> ResNet:
    """ResNet-50 with a 7x7 stem of stride 2 and a 3x3 max pooling of stride 2."""
    network = ResNet(Bottleneck, depths, (64, 128, 256, 512), num_classes, in_channels, width)
    stem = conv_bn(in_channels, scaled(64, width), 7, stride=2)
    network.features[0] = nn.Sequential(stem, nn.MaxPool2d(3, 2, padding=1))
    return network
