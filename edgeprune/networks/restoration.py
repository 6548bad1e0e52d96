"""Image restoration: DnCNN removes noise; FSRCNN, ESPCN and EDSR enlarge.

Inputs and outputs are images on the scale 0 to 1; outputs are not clipped. Any height and width will do.
"""

from collections.abc import Sequence

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from edgeprune.networks.layers import Conv2d, NearZeroConv2d, NearZeroConvTranspose2d, conv_bn


class Residual(nn.Sequential):
    """The input and what the layers make of it, summed."""

    def forward(self, input: Tensor) -> Tensor:
        return input + super().forward(input)


class DnCNN(nn.Sequential):
    """Layers that predict the noise, subtracted from the input (Zhang et al., 2017)."""

    def forward(self, input: Tensor) -> Tensor:
        return input - super().forward(input)


class Bicubic(nn.Conv2d):
    """Bicubic interpolation by ``scale`` before a pixel shuffle: a convolution of fixed weights.

    As an operator of its own it took a third of a small network's time in ONNX Runtime.

    Shape:
        (N, channels, H, W) -> (N, channels scale^2, H, W)
    """

    def __init__(self, channels: int, scale: int) -> None:
        self.scale = scale
        super().__init__(channels, channels * scale**2, 5, groups=channels, bias=False)
        self.weight.requires_grad_(False)

    def reset_parameters(self) -> None:
        impulses = torch.eye(25, device="cpu").view(25, 1, 5, 5)
        # Keys' cubic (a = -0.5), as in Pillow and MATLAB; without antialias torch takes another
        responses = F.interpolate(impulses, scale_factor=self.scale, mode="bicubic", antialias=True)
        middle = slice(2 * self.scale, 3 * self.scale)
        kernels = responses[:, 0, middle, middle].reshape(25, -1).T.reshape(-1, 1, 5, 5)
        with torch.no_grad():
            self.weight.copy_(kernels.repeat(self.groups, 1, 1, 1))

    def forward(self, input: Tensor) -> Tensor:
        # The edge is repeated; the ONNX exporter warns of F.pad.
        x = torch.cat([*[input[..., :1]] * 2, input, *[input[..., -1:]] * 2], -1)
        return super().forward(torch.cat([*[x[..., :1, :]] * 2, x, *[x[..., -1:, :]] * 2], -2))


class ESPCN(nn.Module):
    """ESPCN (Shi et al., 2016): convolutions in the low resolution, a pixel shuffle at the end.

    Args:
        filters: of each hidden layer; the first has a 5x5 kernel, all others 3x3.
        skip: add the bicubically enlarged input, so that training begins where that baseline is.

    Shape:
        (N, in_channels, H, W) -> (N, in_channels, scale H, scale W)
    """

    def __init__(
        self, in_channels: int = 1, scale: int = 2, filters: Sequence[int] = (64, 32), skip: bool = False
    ) -> None:
        super().__init__()
        layers, channels = [], in_channels
        for i, n in enumerate(filters):
            kernel = 3 if i else 5
            layers += [Conv2d(channels, n, kernel, padding=kernel // 2), nn.Tanh()]
            channels = n
        self.body = nn.Sequential(*layers, NearZeroConv2d(channels, in_channels * scale**2, 3, padding=1))
        self.skip = Bicubic(in_channels, scale) if skip else None
        self.shuffle = nn.PixelShuffle(scale)

    def forward(self, x: Tensor) -> Tensor:
        return self.shuffle(self.body(x) if self.skip is None else self.body(x) + self.skip(x))


espcn = ESPCN


def dncnn(in_channels: int = 1, depth: int = 17, width: int = 64) -> DnCNN:
    """``depth`` 3x3 convolutions of ``width`` filters, batch norm after all but the first and the last.

    Shape:
        (N, in_channels, H, W) -> (N, in_channels, H, W)
    """
    return DnCNN(
        Conv2d(in_channels, width, 3, padding=1),
        nn.ReLU(inplace=True),
        *(conv_bn(width, width, 3) for _ in range(depth - 2)),
        NearZeroConv2d(width, in_channels, 3, padding=1),
    )


def fsrcnn(in_channels: int = 1, scale: int = 2, d: int = 56, s: int = 12, m: int = 4) -> nn.Sequential:
    """FSRCNN (Dong et al., 2016): ``d`` features, shrunk to ``s`` for ``m`` mappings, then a transposed convolution.

    Shape:
        (N, in_channels, H, W) -> (N, in_channels, scale H, scale W)
    """
    layers, channels = [], in_channels
    for filters, kernel in ((d, 5), (s, 1), *[(s, 3)] * m, (d, 1)):
        layers += [Conv2d(channels, filters, kernel, padding=kernel // 2), nn.PReLU(filters)]
        channels = filters
    enlarge = NearZeroConvTranspose2d(d, in_channels, 9, stride=scale, padding=4, output_padding=scale - 1)
    return nn.Sequential(*layers, enlarge)


def edsr_baseline(in_channels: int = 3, scale: int = 2, blocks: int = 16, width: int = 64) -> nn.Sequential:
    """EDSR (Lim et al., 2017) at its baseline size: residual blocks without batch norm, pixel shuffles at the end.

    Shape:
        (N, in_channels, H, W) -> (N, in_channels, scale H, scale W)

    Raises:
        ValueError: the scale is not 2, 3 or 4.
    """
    steps = {2: (2,), 3: (3,), 4: (2, 2)}.get(scale)
    if steps is None:
        raise ValueError(f"EDSR enlarges by 2, 3 or 4, not by {scale}")
    layers: list[nn.Module] = [
        Residual(Conv2d(width, width, 3, padding=1), nn.ReLU(inplace=True), NearZeroConv2d(width, width, 3, padding=1))
        for _ in range(blocks)
    ]
    enlarge: list[nn.Module] = []
    for step in steps:
        enlarge += [Conv2d(width, width * step**2, 3, padding=1), nn.PixelShuffle(step)]
    return nn.Sequential(
        Conv2d(in_channels, width, 3, padding=1),
        Residual(*layers, NearZeroConv2d(width, width, 3, padding=1)),
        *enlarge,
        NearZeroConv2d(width, in_channels, 3, padding=1),
    )
