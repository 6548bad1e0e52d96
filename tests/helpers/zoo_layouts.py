"""The small networks for tests that rearrange channels: concatenate, cut, shuffle, flatten. :mod:`zoo` lists them."""

import torch
from torch import nn
from torch.nn import functional as F


class Concatenation(nn.Module):
    """DenseNet's growing concatenation."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 10, 3, padding=1)
        self.layers = nn.ModuleList(nn.Conv2d(10 + 6 * i, 6, 3, padding=1) for i in range(3))
        self.norm, self.head = nn.BatchNorm2d(28), nn.Linear(28, 7)

    def forward(self, x):
        features = [self.first(x)]
        for layer in self.layers:
            features.append(F.relu(layer(torch.cat(features, 1))))
        return self.head(self.norm(torch.cat(features, 1)).amax((-1, -2)))


class AddedConcatenations(nn.Module):
    """Concatenations of different parts that are added (Torch-Pruning fails here)."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(3, 8, 3, padding=1)
        self.c, self.d = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(3, 16, 3, padding=1)
        self.e, self.head = nn.Conv2d(3, 24, 1), nn.Conv2d(24, 6, 1)

    def forward(self, x):
        left, right = torch.cat([self.a(x), self.b(x)], 1), torch.cat([self.c(x), self.d(x)], 1)
        return self.head(left + right + self.e(x)).mean((2, 3))


class Chunked(nn.Module):
    """C2f: chunk, a chain of bottlenecks, everything concatenated."""

    def __init__(self, how="chunk"):
        super().__init__()
        self.how, self.hidden, self.doubled = how, 8, 16
        self.cv1, self.cv2 = nn.Conv2d(3, 16, 1), nn.Conv2d(32, 12, 1)
        self.m = nn.ModuleList(nn.Conv2d(8, 8, 3, padding=1) for _ in range(2))
        self.head = nn.Linear(12, 5)

    def forward(self, x):
        x = self.cv1(x)
        if self.how == "chunk":
            y = list(x.chunk(2, 1))
        elif self.how == "attribute":
            y = list(x.split((self.hidden, self.hidden), 1))
        elif self.how == "arithmetic":
            y = list(x.split(self.doubled // 2, 1))
        else:
            y = list(x.split((8, 8), 1))
        y += [m(y[-1]) for m in self.m if True]
        if self.how == "chunk":
            y[-1] = y[-1] + y[0]
        return self.head(self.cv2(torch.cat(y, 1)).mean((2, 3)))


class HalvedResidual(nn.Module):
    """x[:, : c // 2] goes through, the rest is carried along (FasterNet's partial convolution)."""

    def __init__(self):
        super().__init__()
        self.stem, self.part, self.head = nn.Conv2d(3, 16, 3), nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(16, 4, 1)

    def forward(self, x):
        x = self.stem(x)
        c = x.shape[1]
        x = torch.cat([self.part(x[:, : c // 2]), x[:, c // 2 :]], 1)
        return self.head(x).flatten(2).mean(-1)


class Shuffle(nn.Module):
    """ShuffleNet: grouped 1x1 convolutions, channel shuffle by view and transpose (v1), split in two (v2)."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 24, 3, padding=1)
        self.g1, self.dw = nn.Conv2d(24, 24, 1, groups=3), nn.Conv2d(24, 24, 3, padding=1, groups=24)
        self.g2 = nn.Conv2d(24, 24, 1, groups=3)
        self.branch = nn.Sequential(nn.Conv2d(12, 12, 1), nn.BatchNorm2d(12), nn.ReLU())
        self.head = nn.Linear(24, 6)

    @staticmethod
    def shuffle(x, groups):
        n, c, h, w = x.shape
        return x.view(n, groups, c // groups, h, w).transpose(1, 2).contiguous().view(n, -1, h, w)

    def forward(self, x):
        x = self.stem(x)
        x = F.relu(x + self.g2(self.dw(self.shuffle(self.g1(x), 3))))
        a, b = x.chunk(2, dim=1)
        x = self.shuffle(torch.cat([a, self.branch(b)], 1), 2)
        return self.head(x.mean((2, 3)))


def pixel_shuffle():
    """ESPCN: sub-pixel convolution, with a hidden sub-pixel stage."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, padding=2), nn.Tanh(), nn.Conv2d(16, 32, 3, padding=1), nn.PixelShuffle(2),
        nn.Conv2d(8, 12, 3, padding=1), nn.PixelUnshuffle(2), nn.Conv2d(48, 8, 1), nn.Conv2d(8, 4, 3, padding=1),
        nn.PixelShuffle(2),
    )  # fmt: skip


class HandShuffle(nn.Module):
    """Pixel shuffle spelled out with view and permute."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 32, 3, padding=1), nn.Conv2d(8, 3, 3, padding=1)

    def forward(self, x):
        x = self.a(x)
        n, c, h, w = x.shape
        x = x.view(n, c // 4, 2, 2, h, w).permute(0, 1, 4, 2, 5, 3).reshape(n, c // 4, 2 * h, 2 * w)
        return self.b(x)


class HardFlatten(nn.Module):
    """A flatten whose size is a number in the code: it cannot follow."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 16, 3, padding=1)
        self.fc1, self.fc2 = nn.Linear(16 * 4, 20), nn.Linear(20, 10)

    def forward(self, x):
        x = F.adaptive_avg_pool2d(self.b(F.relu(self.a(x))), 2)
        return self.fc2(F.relu(self.fc1(x.view(-1, 16 * 2 * 2))))


class AttributeFlatten(HardFlatten):
    """A flatten whose size is an attribute: surgery mends it."""

    def __init__(self):
        super().__init__()
        self.features = 64

    def forward(self, x):
        x = F.adaptive_avg_pool2d(self.b(F.relu(self.a(x))), 2)
        return self.fc2(F.relu(self.fc1(x.view(-1, self.features))))


def unflatten():
    """A generator's linear layer, unflattened to a map."""
    return nn.Sequential(
        nn.Linear(10, 32 * 4), nn.Unflatten(1, (32, 2, 2)), nn.ConvTranspose2d(32, 16, 4, 2, 1), nn.BatchNorm2d(16),
        nn.ReLU(), nn.ConvTranspose2d(16, 3, 4, 2, 1),
    )  # fmt: skip
