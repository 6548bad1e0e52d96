"""Detectors without anchors: a small CenterNet (boxes) and FOMO (centres). Decoding finds the peaks."""

import math

import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from edgeprune.networks.layers import Conv2d, NearZeroConv2d, conv_bn, scaled
from edgeprune.networks.mobilenet import InvertedResidual
from edgeprune.networks.resnet import Basic


class HeatmapConv2d(NearZeroConv2d):
    """Logits that start at a probability of 0.1, as almost every cell is background (Zhou et al., 2019)."""

    def reset_parameters(self) -> None:
        super().reset_parameters()
        if self.bias is not None:
            nn.init.constant_(self.bias, math.log(0.1 / 0.9))


class CenterNet(nn.Module):
    """Objects as points (Zhou et al., 2019): residual blocks down to 1/16, a top-down path to 1/4, three heads.

    Args:
        num_classes: of objects; there is no class for the background.
        width: filters of the stem, doubled by each halving of the resolution after it.

    Shape:
        (N, in_channels, H, W) -> dict of maps of h = ceil(H / 4), w = ceil(W / 4) cells: ``heatmap``
        (N, num_classes, h, w), logits; ``size`` (N, 2, h, w), height and width of the box in cells; ``offset``
        (N, 2, h, w), y and x of its centre in cells from the cell's own.
    """

    def __init__(self, num_classes: int, in_channels: int = 3, width: int = 16) -> None:
        super().__init__()
        fine, middle, coarse = 2 * width, 4 * width, 8 * width
        self.fine = nn.Sequential(conv_bn(in_channels, width, 3, stride=2), Basic(width, fine, 2))
        self.middle, self.coarse = Basic(fine, middle, 2), Basic(middle, coarse, 2)
        self.from_coarse, self.from_middle = conv_bn(coarse, middle, 1), conv_bn(middle, fine, 1)
        self.merge_middle, self.merge_fine = conv_bn(middle, middle, 3), conv_bn(fine, fine, 3)
        self.heads = nn.ModuleDict(
            {
                name: nn.Sequential(Conv2d(fine, fine, 3, padding=1), nn.ReLU(inplace=True), last(fine, outputs, 1))
                for name, last, outputs in (
                    ("heatmap", HeatmapConv2d, num_classes),
                    ("size", NearZeroConv2d, 2),
                    ("offset", NearZeroConv2d, 2),
                )
            }
        )

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        fine = self.fine(x)
        middle = self.middle(fine)
        coarse = self.coarse(middle)
        middle = self.merge_middle(middle + _resized(self.from_coarse(coarse), middle))
        fine = self.merge_fine(fine + _resized(self.from_middle(middle), fine))
        return {name: head(fine) for name, head in self.heads.items()}


centernet = CenterNet


def _resized(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, size=like.shape[-2:])


def fomo(num_classes: int, in_channels: int = 3, alpha: float = 0.35) -> nn.Sequential:
    """FOMO (Edge Impulse, 2022): MobileNetV2 up to the expansion of its seventh block, and a classifier of cells.

    Args:
        num_classes: of objects; class 0 of the output is the background.
        alpha: MobileNetV2's width multiplier.

    Shape:
        (N, in_channels, H, W) -> (N, num_classes + 1, ceil(H / 8), ceil(W / 8)), logits
    """
    channels = _narrowed(32, alpha)
    layers: list[nn.Module] = [conv_bn(in_channels, channels, 3, stride=2, activation=nn.ReLU6)]
    for expansion, filters, blocks, stride in ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2)):
        for i in range(blocks):
            layers.append(InvertedResidual(channels, _narrowed(filters, alpha), 1 if i else stride, expansion))
            channels = _narrowed(filters, alpha)
    layers.append(conv_bn(channels, 6 * channels, 1, activation=nn.ReLU6))
    head = (Conv2d(6 * channels, 32, 1), nn.ReLU(inplace=True), NearZeroConv2d(32, num_classes + 1, 1))
    return nn.Sequential(*layers, *head)


def _narrowed(channels: int, alpha: float) -> int:
    """MobileNetV2's own rule: a multiple of 8, at most 10 % below ``channels`` times ``alpha``."""
    n = scaled(channels, alpha, 8)
    return n if n >= 0.9 * channels * alpha else n + 8
