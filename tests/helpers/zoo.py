"""Small networks for tests, one factory for each structure of the graph.

``ZOO`` maps a name to ``(factory, input shape or shapes)``; every factory takes no argument.
"""

import torch
from torch import nn
from torch.nn import functional as F

from helpers.zoo_attention import Cascade, CrossCovariance, Divided, Halo, Held, Joined, Outlook, Tokens
from helpers.zoo_layers import Cells, Deformable, Pyramid, Recurrent, TwoSided
from helpers.zoo_layouts import (
    AddedConcatenations,
    AttributeFlatten,
    Chunked,
    Concatenation,
    HalvedResidual,
    HandShuffle,
    HardFlatten,
    Shuffle,
    pixel_shuffle,
    unflatten,
)
from helpers.zoo_weights import Paths, blurred, channel_attention, normalised, standardised


class Residual(nn.Module):
    """A sum of a block and its input, and a shortcut with its own convolution."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        self.a = nn.Sequential(nn.Conv2d(16, 12, 3, padding=1), nn.ReLU(), nn.Conv2d(12, 16, 3, padding=1))
        self.b = nn.Sequential(nn.Conv2d(16, 24, 3, stride=2, padding=1), nn.BatchNorm2d(24))
        self.down = nn.Conv2d(16, 24, 1, stride=2)
        self.head = nn.Linear(24, 10)

    def forward(self, x):
        x = self.stem(x)
        x = F.relu(x + self.a(x))
        x = F.relu(self.b(x) + self.down(x))
        return self.head(x.mean((2, 3)))


class OptionA(nn.Module):
    """A shortcut without parameters: strided, padded with zero channels."""

    def __init__(self):
        super().__init__()
        self.stem, self.conv, self.head = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 16, 3, 2, 1), nn.Linear(16, 5)

    def forward(self, x):
        x = self.stem(x)
        y = self.conv(x)
        return self.head(F.relu(y + F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 4, 4))).mean((2, 3)))


def plain():
    """Convolutions, batch norm, pooling, flatten of a 4 x 4 map, hidden linear layers."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 24, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(24 * 16, 32), nn.ReLU(), nn.Dropout(), nn.Linear(32, 10),
    )  # fmt: skip


def depthwise():
    """Depthwise convolutions, one with two filters a channel."""
    return nn.Sequential(
        nn.Conv2d(3, 12, 3), nn.Conv2d(12, 12, 3, groups=12), nn.ReLU6(), nn.Conv2d(12, 24, 3, groups=12),
        nn.Conv2d(24, 16, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 4),
    )  # fmt: skip


def grouped():
    """Grouped convolutions in a row, ResNeXt's."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 1), nn.Conv2d(16, 32, 3, groups=4), nn.BatchNorm2d(32), nn.Conv2d(32, 24, 3, groups=8),
        nn.Conv2d(24, 10, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
    )  # fmt: skip


class SqueezeExcite(nn.Module):
    """Gates: one by convolutions, one by linear layers with view and expand."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, padding=1)
        self.down, self.up = nn.Conv2d(16, 4, 1), nn.Conv2d(4, 16, 1)
        self.fc = nn.Sequential(nn.Linear(16, 6), nn.ReLU(), nn.Linear(6, 16), nn.Sigmoid())
        self.head = nn.Linear(16, 3)

    def forward(self, x):
        x = self.conv(x)
        x = x * torch.sigmoid(self.up(F.relu(self.down(F.adaptive_avg_pool2d(x, 1)))))
        n, c = x.shape[:2]
        gate = self.fc(F.adaptive_avg_pool2d(x, 1).view(n, c)).view(n, c, 1, 1)
        return self.head((x * gate.expand_as(x)).mean((2, 3)))


class Norms(nn.Module):
    """Group, instance and layer norm, PReLU, layer scale."""

    def __init__(self):
        super().__init__()
        self.a, self.gn, self.prelu = nn.Conv2d(3, 16, 3, padding=1), nn.GroupNorm(4, 16), nn.PReLU(16)
        self.b, self.inorm = nn.Conv2d(16, 20, 3, padding=1), nn.InstanceNorm2d(20, affine=True)
        self.plain = nn.InstanceNorm2d(20)
        self.scale = nn.Parameter(torch.full((20, 1, 1), 0.1))
        self.ln, self.fc, self.head = nn.LayerNorm(20), nn.Linear(20, 24), nn.Linear(24, 5)

    def forward(self, x):
        x = self.prelu(self.gn(self.a(x)))
        x = self.plain(self.inorm(self.b(x))) * self.scale
        x = self.ln(x.permute(0, 2, 3, 1))
        return self.head(F.gelu(self.fc(x))).mean((1, 2))


class UNet(nn.Module):
    """Skip connections, transposed and bilinear upsampling."""

    def __init__(self):
        super().__init__()
        self.d1, self.d2, self.d3 = (nn.Conv2d(i, o, 3, padding=1) for i, o in ((3, 8), (8, 16), (16, 24)))
        self.up1, self.u1 = nn.ConvTranspose2d(24, 16, 2, 2), nn.Conv2d(32, 12, 3, padding=1)
        self.u2, self.out = nn.Conv2d(20, 8, 3, padding=1), nn.Conv2d(8, 2, 1)

    def forward(self, x):
        a = F.relu(self.d1(x))
        b = F.relu(self.d2(F.max_pool2d(a, 2)))
        c = F.relu(self.d3(F.max_pool2d(b, 2)))
        b = F.relu(self.u1(torch.cat([self.up1(c), b], 1)))
        b = F.interpolate(b, scale_factor=2, mode="bilinear", align_corners=False)
        return self.out(F.relu(self.u2(torch.cat([a, b], 1))))


def transposed():
    """Transposed convolutions: grouped, depthwise."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.ConvTranspose2d(16, 24, 4, 2, 1, groups=4), nn.ReLU(),
        nn.ConvTranspose2d(24, 24, 3, 1, 1, groups=24), nn.ConvTranspose2d(24, 48, 3, 1, 1, groups=24),
        nn.Conv2d(48, 3, 1),
    )  # fmt: skip


class Shared(nn.Module):
    """One convolution called three times, one head on two levels."""

    def __init__(self):
        super().__init__()
        self.stem, self.block, self.head = (
            nn.Conv2d(3, 12, 3, padding=1),
            nn.Conv2d(12, 12, 3, padding=1),
            nn.Conv2d(12, 4, 1),
        )

    def forward(self, x):
        x = self.stem(x)
        for _ in range(3):
            x = F.relu(self.block(x))
        return self.head(x), self.head(F.max_pool2d(x, 2))


class TwoInputs(nn.Module):
    """Two inputs, two outputs, in a mapping."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(5, 8)
        self.x, self.y = nn.Conv2d(8, 12, 3, padding=1), nn.Conv2d(12, 2, 1)
        self.z = nn.Linear(12, 3)

    def forward(self, image, vector):
        x = self.x(F.relu(self.a(image) + self.b(vector)[:, :, None, None]))
        return {"map": self.y(x), "scores": self.z(x.mean((2, 3)))}


class Auxiliary(nn.Module):
    """A second head in training mode only."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 12, 3, padding=1)
        self.aux_conv, self.aux, self.head = nn.Conv2d(16, 6, 1), nn.Linear(6, 4), nn.Linear(12, 4)

    def forward(self, x):
        x = F.relu(self.a(x))
        main = self.head(self.b(x).mean((2, 3)))
        if self.training:
            return main, self.aux(self.aux_conv(x).mean((2, 3)))
        return main


class Ghost(nn.Module):
    """Ghost module: primary and cheap features, cut to the size wanted."""

    def __init__(self, wanted=15):
        super().__init__()
        self.wanted = wanted
        self.primary, self.cheap = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.head = nn.Conv2d(wanted, 4, 1)

    def forward(self, x):
        x = self.primary(x)
        x = torch.cat([x, self.cheap(x)], 1)
        return self.head(x[:, : self.wanted]).mean((2, 3))


class Unknown(nn.Module):
    """An operator without a rule between two convolutions."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c, self.head = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3), nn.Conv2d(8, 6, 1), nn.Linear(6, 2)

    def forward(self, x):
        x = F.relu(self.a(x))
        x = torch.linalg.inv_ex(self.b(x).flatten(2)[:, :, :8])[0]
        return self.head(self.c(x[..., None]).mean((2, 3)))


class Asserting(nn.Module):
    """Asserts that hold of finite numbers, one by one and joined; then ``body``."""

    def __init__(self, body=lambda x: x):
        super().__init__()
        self.a, self.head, self.body = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 4, 1), body

    def forward(self, x):
        assert not x.isnan().any(), f"not a number in {x.shape}"
        x = self.a(x)
        assert torch.isfinite(x).all() and not (x > 1e9).any()  # noqa: PT018 - two questions in one assertion
        return self.head(self.body(x))


class DataDependent(nn.Module):
    """Control flow that reads a tensor."""

    def __init__(self):
        super().__init__()
        self.a, self.head = nn.Conv2d(3, 8, 3), nn.Linear(8, 2)

    def forward(self, x):
        x = self.a(x)
        if x.mean() > 0:
            x = x * 2
        return self.head(x.mean((2, 3)))


def shapes_of(input_shape):
    """``input_shape`` as a list of one shape for each input."""
    return [input_shape] if isinstance(input_shape, tuple) else input_shape


IMAGE = (3, 16, 16)
ZOO = {
    "plain": (plain, IMAGE),
    "residual": (Residual, IMAGE),
    "option_a": (OptionA, IMAGE),
    "depthwise": (depthwise, IMAGE),
    "grouped": (grouped, IMAGE),
    "concatenation": (Concatenation, IMAGE),
    "added_concatenations": (AddedConcatenations, IMAGE),
    "chunk": (Chunked, IMAGE),
    "split_by_attribute": (lambda: Chunked("attribute"), IMAGE),
    "split_by_arithmetic": (lambda: Chunked("arithmetic"), IMAGE),
    "split_by_number": (lambda: Chunked("number"), IMAGE),
    "half_slice": (HalvedResidual, IMAGE),
    "shuffle": (Shuffle, IMAGE),
    "pixel_shuffle": (pixel_shuffle, (1, 8, 8)),
    "hand_shuffle": (HandShuffle, IMAGE),
    "hard_flatten": (HardFlatten, IMAGE),
    "attribute_flatten": (AttributeFlatten, IMAGE),
    "unflatten": (unflatten, (10,)),
    "squeeze_excite": (SqueezeExcite, IMAGE),
    "norms": (Norms, IMAGE),
    "unet": (UNet, IMAGE),
    "transposed": (transposed, IMAGE),
    "shared": (Shared, IMAGE),
    "two_inputs": (TwoInputs, [IMAGE, (5,)]),
    "auxiliary": (Auxiliary, IMAGE),
    "ghost": (Ghost, IMAGE),
    "unknown": (Unknown, (3, 12, 12)),
    "standardised": (standardised, IMAGE),
    "normalised": (normalised, IMAGE),
    "blurred": (blurred, IMAGE),
    "channel_attention": (channel_attention, IMAGE),
    "paths": (Paths, IMAGE),
    "lstm": (lambda: Recurrent(nn.LSTM), IMAGE),
    "gru, two layers, both ways": (lambda: Recurrent(nn.GRU, num_layers=2, bidirectional=True), IMAGE),
    "lstm with a projection": (lambda: Recurrent(nn.LSTM, proj_size=5), IMAGE),
    "cells": (Cells, IMAGE),
    "bilinear": (TwoSided, IMAGE),
    "deformable": (lambda: Deformable(bias=False), IMAGE),
    "deformable, grouped": (lambda: Deformable(2, 4), IMAGE),
    "pyramid": (Pyramid, IMAGE),
    "attention, divided": (lambda: Tokens(Divided), IMAGE),
    "attention, held": (lambda: Tokens(Held), IMAGE),
    "cross-covariance": (lambda: Tokens(CrossCovariance), IMAGE),
    "multi-head attention": (lambda: Tokens(Joined), IMAGE),
    "attention to others": (lambda: Tokens(lambda width: Joined(width, 10), blocks=1), IMAGE),
    "transformer layer": (
        lambda: Tokens(lambda width: nn.TransformerEncoderLayer(width, 4, 20, batch_first=True), blocks=1),
        IMAGE,
    ),
    "cascade": (Cascade, IMAGE),
    "outlook": (Outlook, IMAGE),
    "halo": (Halo, IMAGE),
}
