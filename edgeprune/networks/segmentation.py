"""Semantic segmentation: U-Net, Fast-SCNN and LR-ASPP. Outputs are logits, to be enlarged by who decodes them."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from edgeprune.networks.layers import Conv2d, NearZeroConv2d, conv_bn, scaled
from edgeprune.networks.mobilenet import InvertedResidual


class UNet(nn.Module):
    """U-Net (Ronneberger et al., 2015) with batch norm and padded convolutions.

    Args:
        width: filters at the input's size, doubled by each pooling.
        depth: poolings.

    Shape:
        (N, in_channels, H, W) -> (N, num_classes, H, W)

    Raises:
        ValueError: a forward pass's height or width is no multiple of 2 to the power of ``depth``.
    """

    def __init__(self, num_classes: int, in_channels: int = 3, width: int = 32, depth: int = 4) -> None:
        super().__init__()
        widths = [width * 2**i for i in range(depth + 1)]
        upwards = widths[-2::-1]
        self.down = nn.ModuleList(_double(i, o) for i, o in zip([in_channels, *widths], widths))
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * n, n, 2, stride=2) for n in upwards)
        self.merge = nn.ModuleList(_double(2 * n, n) for n in upwards)
        self.classifier = NearZeroConv2d(width, num_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        height, width, divisor = *x.shape[-2:], 2 ** len(self.up)
        if not torch.jit.is_tracing() and (height % divisor or width % divisor):
            raise ValueError(
                f"a U-Net with {len(self.up)} poolings takes heights and widths that are multiples of {divisor}, "
                f"not {height}x{width}: give another size, or the network a smaller depth"
            )
        skips = []
        for i, block in enumerate(self.down):
            x = block(F.max_pool2d(x, 2) if i else x)
            skips.append(x)
        skips.pop()
        for up, merge in zip(self.up, self.merge):
            x = merge(torch.cat([skips.pop(), up(x)], 1))
        return self.classifier(x)


unet = UNet


def _double(inputs: int, filters: int) -> nn.Sequential:
    return nn.Sequential(conv_bn(inputs, filters, 3), conv_bn(filters, filters, 3))


class FastSCNN(nn.Module):
    """Fast-SCNN (Poudel et al., 2019), with ReLU6 in its bottlenecks as in MobileNetV2.

    Args:
        width: multiplier of all channels, which are multiples of 8.

    Shape:
        (N, in_channels, H, W) -> (N, num_classes, ceil(H / 8), ceil(W / 8))
    """

    def __init__(self, num_classes: int, in_channels: int = 3, width: float = 1.0, dropout: float = 0.1) -> None:
        super().__init__()
        a, b, c, d, e = (scaled(n, width, 8) for n in (32, 48, 64, 96, 128))
        self.downsample = nn.Sequential(
            conv_bn(in_channels, a, 3, stride=2), _separable(a, b, stride=2), _separable(b, c, stride=2)
        )
        bottlenecks, channels = [], c
        for filters, stride in ((c, 2), (d, 2), (e, 1)):
            for i in range(3):
                bottlenecks.append(InvertedResidual(channels, filters, 1 if i else stride, 6))
                channels = filters
        self.features = nn.Sequential(*bottlenecks, PyramidPooling(e, e // 4))
        self.deep = nn.Sequential(conv_bn(e, e, 3, groups=e, dilation=4), conv_bn(e, e, 1, activation=None))
        self.shallow = conv_bn(c, e, 1, activation=None)
        self.classifier = nn.Sequential(
            nn.ReLU(inplace=True),
            _separable(e, e),
            _separable(e, e),
            nn.Dropout(dropout),
            NearZeroConv2d(e, num_classes, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        shallow = self.downsample(x)
        deep = _resized(self.features(shallow), shallow)
        return self.classifier(self.shallow(shallow) + self.deep(deep))


fast_scnn = FastSCNN


class PyramidPooling(nn.Module):
    """Averages over 1x1, 2x2, 3x3 and 6x6 regions beside the input (Zhao et al., 2017), mixed to as many channels."""

    def __init__(self, channels: int, filters: int) -> None:
        super().__init__()
        self.levels = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(n), conv_bn(channels, filters, 1)) for n in (1, 2, 3, 6)
        )
        self.mix = conv_bn(channels + 4 * filters, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.mix(torch.cat([x, *(_resized(level(x), x) for level in self.levels)], 1))


def _separable(inputs: int, filters: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        conv_bn(inputs, inputs, 3, stride=stride, groups=inputs, activation=None), conv_bn(inputs, filters, 1)
    )


def _resized(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear")


def lraspp_mobilenet_v3_large(num_classes: int, in_channels: int = 3) -> nn.Sequential:
    """LR-ASPP on MobileNetV3-Large (Howard et al., 2019): torchvision's, without weights and without its enlarging.

    Shape:
        (N, in_channels, H, W) -> (N, num_classes, ceil(H / 8), ceil(W / 8))
    """
    from torchvision.models import segmentation

    network = segmentation.lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=num_classes)
    if in_channels != 3:
        stem = network.backbone.get_submodule("0")
        assert isinstance(stem, nn.Sequential)
        stem[0] = Conv2d(in_channels, 16, 3, stride=2, padding=1, bias=False)
    return nn.Sequential(network.backbone, network.classifier)
