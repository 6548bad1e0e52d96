"""AlexNet (Krizhevsky et al., 2012; filters as in the one-tower version of 2014), with a stem for 32x32 images."""

from collections.abc import Sequence

import torch.nn as nn
from torch import Tensor

from edgeprune.networks.layers import Conv2d, HiddenLinear, Linear, pair, scaled

# (filters, stride, pooled afterwards) of the five convolutions
CONVOLUTIONS = ((64, 2, True), (192, 1, True), (384, 1, False), (256, 1, False), (256, 1, True))


class AlexNet(nn.Module):
    """Five 3x3 convolutions and three fully connected layers.

    Args:
        hidden: units of the hidden fully connected layers.
        width: multiplier of the filters and hidden units.
        batch_norm: batch norm after each convolution (the original has none and needs a smaller learning rate).

    Shape:
        (N, in_channels, H, W) -> (N, num_classes)

    Raises:
        ValueError: the input is smaller than 16x16.
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 3,
        input_size: int | Sequence[int] = 32,
        width: float = 1.0,
        hidden: Sequence[int] = (4096, 4096),
        dropout: float = 0.5,
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        size, layers, channels = pair(input_size), [], in_channels
        for filters, stride, pooled in CONVOLUTIONS:
            filters = scaled(filters, width)
            layers.append(Conv2d(channels, filters, 3, stride=stride, padding=1, bias=not batch_norm))
            layers += [nn.BatchNorm2d(filters)] * batch_norm
            layers.append(nn.ReLU(inplace=True))
            layers += [nn.MaxPool2d(2)] * pooled
            size = tuple((-(-n // stride)) // (2 if pooled else 1) for n in size)
            channels = filters
        if not size[0] * size[1]:
            raise ValueError(f"an input of {input_size} is too small for AlexNet's strides (at least 16x16)")
        self.features = nn.Sequential(*layers)
        units, dense = channels * size[0] * size[1], []
        for n in hidden:
            dense += [nn.Dropout(dropout), HiddenLinear(units, scaled(n, width)), nn.ReLU(inplace=True)]
            units = scaled(n, width)
        self.classifier = nn.Sequential(*dense, Linear(units, num_classes))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).flatten(1))


alexnet = AlexNet
