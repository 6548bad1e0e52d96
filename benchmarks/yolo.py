"""Detectors of the YOLO kind, from their published descriptions: C2f, C3k2, SPPF, C2PSA, a neck of two pyramids.

The heads give a list of maps, one for each scale; ``Decoded`` also takes the expectation over bins of distances.
"""

import torch
from torch import nn
from torch.nn import functional as F

CLASSES, BINS = 20, 8


class ConvBnAct(nn.Sequential):
    def __init__(self, inputs, filters, kernel=1, stride=1, groups=1, act=True):
        conv = nn.Conv2d(inputs, filters, kernel, stride, kernel // 2, groups=groups, bias=False)
        super().__init__(conv, nn.BatchNorm2d(filters), nn.SiLU(inplace=True) if act else nn.Identity())


class Bottleneck(nn.Module):
    def __init__(self, width, shortcut=True):
        super().__init__()
        self.first, self.second, self.shortcut = (
            ConvBnAct(width, width // 2, 3),
            ConvBnAct(width // 2, width, 3),
            shortcut,
        )

    def forward(self, x):
        y = self.second(self.first(x))
        return x + y if self.shortcut else y


class C3(nn.Module):
    """Two branches, one of them through bottlenecks."""

    def __init__(self, inputs, filters, depth=1, shortcut=True):
        super().__init__()
        half = filters // 2
        self.left, self.right = ConvBnAct(inputs, half), ConvBnAct(inputs, half)
        self.blocks = nn.Sequential(*(Bottleneck(half, shortcut) for _ in range(depth)))
        self.join = ConvBnAct(2 * half, filters)

    def forward(self, x):
        return self.join(torch.cat([self.blocks(self.left(x)), self.right(x)], 1))


class C2f(nn.Module):
    """One convolution, chunked; every bottleneck's result is concatenated."""

    inner = staticmethod(Bottleneck)

    def __init__(self, inputs, filters, depth=1, shortcut=True):
        super().__init__()
        half = filters // 2
        self.enter = ConvBnAct(inputs, 2 * half)
        self.blocks = nn.ModuleList(self.inner(half, shortcut=shortcut) for _ in range(depth))
        self.join = ConvBnAct((2 + depth) * half, filters)

    def forward(self, x):
        parts = list(self.enter(x).chunk(2, 1))
        for block in self.blocks:
            parts.append(block(parts[-1]))
        return self.join(torch.cat(parts, 1))


class C3k2(C2f):
    """C2f with C3 in the place of its bottlenecks."""

    inner = staticmethod(lambda width, shortcut: C3(width, width, 2, shortcut))


class SPPF(nn.Module):
    """The same pooling three times, all results concatenated."""

    def __init__(self, inputs, filters):
        super().__init__()
        self.enter, self.join = ConvBnAct(inputs, inputs // 2), ConvBnAct(inputs * 2, filters)

    def forward(self, x):
        parts = [self.enter(x)]
        for _ in range(3):
            parts.append(F.max_pool2d(parts[-1], 5, 1, 2))
        return self.join(torch.cat(parts, 1))


class Attention(nn.Module):
    """Over positions, keys half as wide as values, a depthwise convolution of the values as their position."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.value = heads, width // heads
        self.key = self.value // 2
        self.qkv = ConvBnAct(width, width + 2 * self.key * heads, act=False)
        self.position, self.project = (
            ConvBnAct(width, width, 3, groups=width, act=False),
            ConvBnAct(width, width, act=False),
        )

    def forward(self, x):
        n, c, h, w = x.shape
        mixed = self.qkv(x).view(n, self.heads, 2 * self.key + self.value, h * w)
        q, k, v = mixed.split([self.key, self.key, self.value], 2)
        weights = (q.transpose(-2, -1) @ k * self.key**-0.5).softmax(-1)
        return self.project((v @ weights.transpose(-2, -1)).view(n, c, h, w) + self.position(v.reshape(n, c, h, w)))


class C2PSA(nn.Module):
    """Attention and a two-layer perceptron over one half of the channels, split by an attribute."""

    def __init__(self, width, heads=2):
        super().__init__()
        self.half = width // 2
        self.enter, self.join = ConvBnAct(width, 2 * self.half), ConvBnAct(2 * self.half, width)
        self.attention = Attention(self.half, heads)
        self.mlp = nn.Sequential(ConvBnAct(self.half, 2 * self.half), ConvBnAct(2 * self.half, self.half, act=False))

    def forward(self, x):
        left, right = self.enter(x).split((self.half, self.half), 1)
        right = right + self.attention(right)
        return self.join(torch.cat([left, right + self.mlp(right)], 1))


class Detector(nn.Module):
    """A backbone of five strides, a pyramid up and one down, and a head of two branches for each of three scales."""

    def __init__(self, block, attention=False, width=16):
        super().__init__()
        a, b, c, d = (width * 2**i for i in range(1, 5))
        self.stem = nn.Sequential(ConvBnAct(3, width, 3, 2), ConvBnAct(width, a, 3, 2), block(a, a))
        self.down3 = nn.Sequential(ConvBnAct(a, b, 3, 2), block(b, b, 2))
        self.down4 = nn.Sequential(ConvBnAct(b, c, 3, 2), block(c, c, 2))
        self.down5 = nn.Sequential(
            ConvBnAct(c, d, 3, 2), block(d, d), SPPF(d, d), C2PSA(d) if attention else nn.Identity()
        )
        self.up4, self.up3 = block(c + d, c, shortcut=False), block(b + c, b, shortcut=False)
        self.to4, self.to5 = ConvBnAct(b, b, 3, 2), ConvBnAct(c, c, 3, 2)
        self.out4, self.out5 = block(b + c, c, shortcut=False), block(c + d, d, shortcut=False)
        self.boxes = nn.ModuleList(self.branch(n, 4 * BINS) for n in (b, c, d))
        self.classes = nn.ModuleList(self.branch(n, CLASSES) for n in (b, c, d))

    @staticmethod
    def branch(inputs, outputs):
        return nn.Sequential(ConvBnAct(inputs, 32, 3), ConvBnAct(32, 32, 3), nn.Conv2d(32, outputs, 1))

    def forward(self, x):
        p3 = self.down3(self.stem(x))
        p4 = self.down4(p3)
        p5 = self.down5(p4)
        p4 = self.up4(torch.cat([F.interpolate(p5, scale_factor=2.0), p4], 1))
        p3 = self.up3(torch.cat([F.interpolate(p4, scale_factor=2.0), p3], 1))
        p4 = self.out4(torch.cat([self.to4(p3), p4], 1))
        p5 = self.out5(torch.cat([self.to5(p4), p5], 1))
        scales = zip((p3, p4, p5), self.boxes, self.classes, strict=True)
        return [torch.cat([boxes(p), classes(p)], 1) for p, boxes, classes in scales]


class Decoded(Detector):
    """Boxes as the expectation over ``BINS`` distances, all scales in one list."""

    def forward(self, x):
        flat = torch.cat([m.flatten(2) for m in super().forward(x)], 2)
        boxes, classes = flat.split((4 * BINS, CLASSES), 1)
        spread = boxes.view(len(boxes), 4, BINS, -1).softmax(2)
        distances = (spread * torch.arange(BINS, dtype=spread.dtype, device=spread.device).view(1, 1, -1, 1)).sum(2)
        return torch.cat([distances, classes.sigmoid()], 1)


DETECTORS = {
    "C3 and SPPF detector": lambda: Detector(C3),
    "C2f detector": lambda: Detector(C2f),
    "C2f detector, decoded": lambda: Decoded(C2f),
    "C3k2 and C2PSA detector": lambda: Detector(C3k2, attention=True),
    "C3k2 and C2PSA detector, decoded": lambda: Decoded(C3k2, attention=True),
}
