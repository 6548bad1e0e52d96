"""Whole architectures that torchvision lacks, at about their published size: the support table and tests use them.

``ARCHITECTURES`` maps a name to ``(factory, channels of the square input)``, or to ``(factory, full input shape)``.
"""

import torch
from torch import nn
from torch.nn import functional as F

from edgeprune.networks.segmentation import UNet


def conv_bn(inputs, filters, kernel=1, stride=1, groups=1, activation=nn.ReLU):
    layers = [
        nn.Conv2d(inputs, filters, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(filters),
    ]
    return nn.Sequential(*layers, activation()) if activation else nn.Sequential(*layers)


class BilinearUNet(UNet):
    """Enlarged maps and 1 x 1 convolutions instead of transposed convolutions."""

    def __init__(self):
        super().__init__(num_classes=2)
        self.up = nn.ModuleList(
            nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(up.in_channels, up.out_channels, 1))
            for up in self.up
        )


class DnCNN(nn.Module):
    """17 layers that predict the noise, subtracted from the input."""

    def __init__(self, depth=17, width=64, channels=1):
        super().__init__()
        middle = [conv_bn(width, width, 3) for _ in range(depth - 2)]
        first, last = nn.Conv2d(channels, width, 3, padding=1), nn.Conv2d(width, channels, 3, padding=1)
        self.body = nn.Sequential(first, nn.ReLU(inplace=True), *middle, last)

    def forward(self, x):
        return x - self.body(x)


def srcnn():
    """9-5-5 super-resolution of an upscaled luminance channel."""
    return nn.Sequential(
        nn.Conv2d(1, 64, 9, padding=4), nn.ReLU(), nn.Conv2d(64, 32, 5, padding=2), nn.ReLU(),
        nn.Conv2d(32, 1, 5, padding=2),
    )  # fmt: skip


def espcn(scale=3):
    """Super-resolution in the low resolution, sub-pixel convolution at the end."""
    return nn.Sequential(
        nn.Conv2d(1, 64, 5, padding=2), nn.Tanh(), nn.Conv2d(64, 32, 3, padding=1), nn.Tanh(),
        nn.Conv2d(32, scale**2, 3, padding=1), nn.PixelShuffle(scale),
    )  # fmt: skip


def dcgan(width=64):
    """Generator of 64 x 64 images from a code of 100 numbers."""
    layers, inputs = [], 100
    for i, filters in enumerate((8 * width, 4 * width, 2 * width, width)):
        step = (1, 0) if i == 0 else (2, 1)
        layers += [nn.ConvTranspose2d(inputs, filters, 4, *step, bias=False), nn.BatchNorm2d(filters), nn.ReLU(True)]
        inputs = filters
    return nn.Sequential(*layers, nn.ConvTranspose2d(inputs, 3, 4, 2, 1, bias=False), nn.Tanh())


class GeneratorFromVector(nn.Module):
    """A generator whose linear layer is viewed as a map, by a size kept in an attribute."""

    def __init__(self, width=64):
        super().__init__()
        self.channels = 4 * width
        self.fc = nn.Linear(100, self.channels * 16)
        self.up = nn.Sequential(
            nn.BatchNorm2d(self.channels), nn.ConvTranspose2d(self.channels, width, 4, 2, 1), nn.ReLU(),
            nn.ConvTranspose2d(width, 3, 4, 2, 1),
        )  # fmt: skip

    def forward(self, z):
        return self.up(self.fc(z).view(-1, self.channels, 4, 4))


class Bottleneck(nn.Module):
    def __init__(self, width, add=True):
        super().__init__()
        self.a, self.b, self.add = conv_bn(width, width, 3, 1, 1, nn.SiLU), conv_bn(width, width, 3, 1, 1, nn.SiLU), add

    def forward(self, x):
        return x + self.b(self.a(x)) if self.add else self.b(self.a(x))


class C3(nn.Module):
    """Cross-stage partial block: two 1x1 branches, bottlenecks on one, concatenated."""

    def __init__(self, inputs, filters, n):
        super().__init__()
        half = filters // 2
        self.a, self.b = conv_bn(inputs, half, 1, 1, 1, nn.SiLU), conv_bn(inputs, half, 1, 1, 1, nn.SiLU)
        self.m, self.out = nn.Sequential(*[Bottleneck(half) for _ in range(n)]), conv_bn(filters, filters)

    def forward(self, x):
        return self.out(torch.cat([self.m(self.a(x)), self.b(x)], 1))


class C2f(nn.Module):
    """One 1x1 convolution, cut in two by chunk or by split; every bottleneck's result is concatenated."""

    def __init__(self, inputs, filters, n, split=False):
        super().__init__()
        self.half, self.split = filters // 2, split
        self.a, self.m = (
            conv_bn(inputs, filters, 1, 1, 1, nn.SiLU),
            nn.ModuleList(Bottleneck(self.half) for _ in range(n)),
        )
        self.out = conv_bn((2 + n) * self.half, filters, 1, 1, 1, nn.SiLU)

    def forward(self, x):
        x = self.a(x)
        y = list(x.split((self.half, self.half), 1)) if self.split else list(x.chunk(2, 1))
        for block in self.m:
            y.append(block(y[-1]))
        return self.out(torch.cat(y, 1))


class SPPF(nn.Module):
    """Three max poolings in a row, concatenated."""

    def __init__(self, width):
        super().__init__()
        self.a, self.b = conv_bn(width, width // 2), conv_bn(2 * width, width)

    def forward(self, x):
        y = [self.a(x)]
        for _ in range(3):
            y.append(F.max_pool2d(y[-1], 5, 1, 2))
        return self.b(torch.cat(y, 1))


class Backbone(nn.Module):
    """A stem and four stages of ``block(inputs, filters, n)`` with a classifier, as in detectors of the YOLO kind."""

    def __init__(self, block, widths=(32, 64, 128, 256, 512), depths=(1, 2, 2, 1), classes=10):
        super().__init__()
        stages = [conv_bn(3, widths[0], 3, 2, 1, nn.SiLU)]
        for inputs, filters, n in zip(widths, widths[1:], depths):
            stages += [conv_bn(inputs, filters, 3, 2, 1, nn.SiLU), block(filters, filters, n)]
        self.features, self.pool = nn.Sequential(*stages, SPPF(widths[-1])), nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(widths[-1], classes)

    def forward(self, x):
        return self.head(self.pool(self.features(x)).flatten(1))


class GhostModule(nn.Module):
    """Half of the features by a convolution, the rest by a cheap depthwise one, cut to the number wanted."""

    def __init__(self, inputs, filters, activation=nn.ReLU):
        super().__init__()
        self.filters, primary = filters, -(-filters // 2)
        self.primary = conv_bn(inputs, primary, 1, 1, 1, activation)
        self.cheap = conv_bn(primary, primary, 3, 1, primary, activation)

    def forward(self, x):
        x = self.primary(x)
        return torch.cat([x, self.cheap(x)], 1)[:, : self.filters, :, :]


class GhostBottleneck(nn.Module):
    """Ghost modules around an optional strided depthwise convolution and squeeze-and-excite, with a shortcut."""

    def __init__(self, inputs, hidden, filters, stride, gate):
        super().__init__()
        self.expand, self.project = GhostModule(inputs, hidden), GhostModule(hidden, filters, None)
        self.depthwise = conv_bn(hidden, hidden, 3, stride, hidden, None) if stride > 1 else nn.Identity()
        self.down, self.up = (
            (nn.Conv2d(hidden, hidden // 4, 1), nn.Conv2d(hidden // 4, hidden, 1)) if gate else (None, None)
        )
        self.shortcut = nn.Identity() if stride == 1 and inputs == filters else nn.Sequential(
            conv_bn(inputs, inputs, 3, stride, inputs, None), conv_bn(inputs, filters, 1, 1, 1, None)
        )  # fmt: skip

    def forward(self, x):
        y = self.depthwise(self.expand(x))
        if self.down is not None:
            y = y * F.hardsigmoid(self.up(F.relu(self.down(y.mean((2, 3), keepdim=True)))))
        return self.project(y) + self.shortcut(x)


class GhostNet(nn.Module):
    def __init__(self, classes=10):
        super().__init__()
        blocks, inputs = [], 16
        for hidden, filters, stride, gate in (
            (16, 16, 1, False), (48, 24, 2, False), (72, 24, 1, False), (72, 40, 2, True), (120, 40, 1, True),
            (240, 80, 2, False), (184, 80, 1, False), (480, 112, 1, True), (672, 160, 2, True), (960, 160, 1, True),
        ):  # fmt: skip
            blocks.append(GhostBottleneck(inputs, hidden, filters, stride, gate))
            inputs = filters
        self.features = nn.Sequential(conv_bn(3, 16, 3, 2), *blocks, conv_bn(inputs, 960))
        self.head = nn.Linear(960, classes)

    def forward(self, x):
        return self.head(self.features(x).mean((2, 3)))


class ShuffleUnit(nn.Module):
    """ShuffleNet v1: grouped 1x1 convolution, shuffle, depthwise, grouped 1x1; added to or concatenated with x."""

    def __init__(self, inputs, filters, groups, stride):
        super().__init__()
        self.groups, self.stride = groups, stride
        hidden, out = filters // 4, filters - inputs if stride > 1 else filters
        self.a = conv_bn(inputs, hidden, 1, 1, groups if inputs > 24 else 1)
        self.depthwise = conv_bn(hidden, hidden, 3, stride, hidden, None)
        self.b = conv_bn(hidden, out, 1, 1, groups, None)

    def forward(self, x):
        y = self.a(x)
        n, c, h, w = y.shape
        y = y.view(n, self.groups, c // self.groups, h, w).transpose(1, 2).reshape(n, c, h, w)
        y = self.b(self.depthwise(y))
        if self.stride > 1:
            return F.relu(torch.cat([F.avg_pool2d(x, 3, self.stride, 1), y], 1))
        return F.relu(x + y)


class ShuffleNetV1(nn.Module):
    def __init__(self, groups=3, classes=10):
        super().__init__()
        units, inputs = [], 24
        for filters, n in ((240, 4), (480, 8), (960, 4)):
            for i in range(n):
                units.append(ShuffleUnit(inputs, filters, groups, 1 if i else 2))
                inputs = filters
        self.stem, self.units, self.head = conv_bn(3, 24, 3, 2), nn.Sequential(*units), nn.Linear(inputs, classes)

    def forward(self, x):
        return self.head(self.units(self.stem(x)).mean((2, 3)))


class OptionABlock(nn.Module):
    """The shortcut of the first ResNets for CIFAR: every second pixel, zero channels appended on both sides."""

    def __init__(self, inputs, filters, stride):
        super().__init__()
        self.a, self.b = conv_bn(inputs, filters, 3, stride), conv_bn(filters, filters, 3, 1, 1, None)
        self.pad = (filters - inputs) // 2

    def forward(self, x):
        y = self.b(self.a(x))
        if self.pad:
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.pad, self.pad))
        return F.relu(x + y)


def resnet20_option_a(classes=10):
    blocks, inputs = [], 16
    for filters in (16, 32, 64):
        for i in range(3):
            blocks.append(OptionABlock(inputs, filters, 2 if filters > 16 and i == 0 else 1))
            inputs = filters
    return nn.Sequential(
        conv_bn(3, 16, 3), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, classes)
    )  # fmt: skip


class Partial(nn.Module):
    """FasterNet: a convolution over the first quarter of the channels, then two 1x1, added."""

    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv2d(width // 4, width // 4, 3, padding=1, bias=False)
        self.mlp = nn.Sequential(conv_bn(width, 2 * width), nn.Conv2d(2 * width, width, 1, bias=False))

    def forward(self, x):
        quarter = x.shape[1] // 4
        y = torch.cat([self.conv(x[:, :quarter]), x[:, quarter:]], 1)
        return x + self.mlp(y)


def fasternet(classes=10):
    stages = [nn.Conv2d(3, 40, 4, 4), nn.BatchNorm2d(40)]
    for width, n in ((40, 1), (80, 2), (160, 4), (320, 2)):
        stages += [Partial(width) for _ in range(n)]
        if width < 320:
            stages += [nn.Conv2d(width, 2 * width, 2, 2), nn.BatchNorm2d(2 * width)]
    return nn.Sequential(*stages, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(320, classes))


class HardCodedFlatten(nn.Module):
    """LeNet as tutorials write it: the flattened size is a number in the code."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 32, 5), nn.Conv2d(32, 64, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(64 * 25, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = x.view(-1, 64 * 5 * 5)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


ARCHITECTURES = {
    "U-Net, transposed convolutions": (lambda: UNet(2), 3),
    "U-Net, bilinear": (BilinearUNet, 3),
    "DnCNN": (DnCNN, 1),
    "SRCNN": (srcnn, 1),
    "ESPCN": (espcn, 1),
    "DCGAN generator": (dcgan, (100, 1, 1)),
    "generator from a vector, view by an attribute": (GeneratorFromVector, (100,)),
    "CSP backbone (C3)": (lambda: Backbone(C3), 3),
    "C2f backbone, chunk": (lambda: Backbone(C2f), 3),
    "C2f backbone, split": (lambda: Backbone(lambda *sizes: C2f(*sizes, split=True)), 3),
    "GhostNet": (GhostNet, 3),
    "ShuffleNet v1": (ShuffleNetV1, 3),
    "ResNet-20, option A": (resnet20_option_a, 3),
    "FasterNet": (fasternet, 3),
    "LeNet, hard-coded flatten": (HardCodedFlatten, (3, 32, 32)),
}
