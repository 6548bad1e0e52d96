"""Random small networks: a chain of random blocks, each one of the structures that couple channels."""

import random

import torch
from torch import nn
from torch.nn import functional as F


class Residual(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.a, self.b, self.norm = (
            nn.Conv2d(width, hidden, 3, padding=1),
            nn.Conv2d(hidden, width, 1),
            nn.BatchNorm2d(width),
        )

    def forward(self, x):
        return F.relu(x + self.norm(self.b(F.relu(self.a(x)))))


class Dense(nn.Module):
    def __init__(self, width, growth):
        super().__init__()
        self.a, self.b = nn.Conv2d(width, growth, 3, padding=1), nn.Conv2d(width + growth, growth, 1)

    def forward(self, x):
        x = torch.cat([x, self.a(x)], 1)
        return torch.cat([self.b(x), x], 1)


class Chunk(nn.Module):
    def __init__(self, width, parts):
        super().__init__()
        self.parts, self.conv = parts, nn.Conv2d(width // parts, width // parts, 3, padding=1)

    def forward(self, x):
        first, *rest = x.chunk(self.parts, 1)
        return torch.cat([first + self.conv(rest[-1]), *rest], 1)


class Shuffle(nn.Module):
    def __init__(self, width, groups):
        super().__init__()
        self.groups, self.conv = groups, nn.Conv2d(width, width, 1, groups=groups)

    def forward(self, x):
        x = self.conv(x)
        n, c, h, w = x.shape
        return x.view(n, self.groups, c // self.groups, h, w).transpose(1, 2).reshape(n, c, h, w)


class Gate(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.down, self.up = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x):
        gate = torch.sigmoid(self.up(F.relu(self.down(x.mean((2, 3))))))
        return x * gate.view(*gate.shape, 1, 1).expand_as(x)


class TwoWays(nn.Module):
    """Two concatenations, cut at different places, that are added."""

    def __init__(self, width, a, b):
        super().__init__()
        convolution = lambda n: nn.Conv2d(width, n, 1)  # noqa: E731
        self.a, self.b, self.c, self.d = convolution(a), convolution(b), convolution(b), convolution(a)

    def forward(self, x):
        return torch.cat([self.a(x), self.b(x)], 1) + torch.cat([self.c(x), self.d(x)], 1)


def _block(rng, width):
    """``(block, its output's width)``."""
    n = rng.choice([2, 3, 4, 6, 8])
    kind = rng.choice(
        ["conv", "residual", "dense", "chunk", "shuffle", "gate", "ways", "depthwise", "pixel", "up", "norm"]
    )
    if kind in ("chunk", "shuffle", "norm") and width % 2:
        kind = "conv"
    if kind == "residual":
        return Residual(width, n), width
    if kind == "dense":
        return Dense(width, n), width + 2 * n
    if kind == "chunk":
        return Chunk(width, 2), width
    if kind == "shuffle":
        return Shuffle(width, 2), width
    if kind == "gate":
        return Gate(width, n), width
    if kind == "ways":
        a, b = 2 * n, 2 * rng.choice([1, 2, 5])
        return TwoWays(width, a, b), a + b
    if kind == "depthwise":
        k = rng.choice([1, 2])
        return nn.Sequential(nn.Conv2d(width, width * k, 3, padding=1, groups=width), nn.PReLU(width * k)), width * k
    if kind == "pixel":
        return nn.Sequential(nn.Conv2d(width, 4 * n, 1), nn.PixelShuffle(2), nn.MaxPool2d(2)), n
    if kind == "up":
        return nn.Sequential(nn.ConvTranspose2d(width, 2 * n, 2, 2), nn.AvgPool2d(2)), 2 * n
    if kind == "norm":
        return nn.GroupNorm(2, width), width
    return nn.Sequential(nn.Conv2d(width, 2 * n, 3, padding=1, bias=False), nn.BatchNorm2d(2 * n), nn.ReLU()), 2 * n


def random_network(seed, blocks=5):
    """A classifier of ``(3, 8, 8)`` images with ``blocks`` random blocks."""
    rng = random.Random(seed)
    width = 2 * rng.choice([3, 4, 6])
    layers = [nn.Conv2d(3, width, 3, padding=1)]
    for _ in range(blocks):
        block, width = _block(rng, width)
        layers.append(block)
    head = [nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * width, 9), nn.ReLU(), nn.Linear(9, 4)]
    return nn.Sequential(*layers, *head)
