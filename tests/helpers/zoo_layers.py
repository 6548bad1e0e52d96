"""Small networks with layers that are recurrent, bilinear or deformable, and one with a pyramid of pools."""

import torch
from torch import nn
from torch.nn import functional as F
from torchvision.ops import DeformConv2d


class Recurrent(nn.Module):
    """The columns of the maps one after the other, through ``kind``."""

    def __init__(self, kind, hidden=12, **options):
        super().__init__()
        self.stem, self.rnn = nn.Conv2d(3, 8, 3), kind(8, hidden, batch_first=True, **options)
        size = options.get("proj_size", hidden) * (1 + options.get("bidirectional", False))
        self.mix, self.head = nn.Linear(size, 6), nn.Linear(6, 4)

    def forward(self, x):
        steps = self.stem(x).mean(2).transpose(1, 2)
        return self.head(F.relu(self.mix(self.rnn(steps)[0].mean(1))))


class Cells(nn.Module):
    """The same by hand, with the cells' own states."""

    def __init__(self):
        super().__init__()
        self.stem, self.lstm, self.gru = nn.Conv2d(3, 8, 3), nn.LSTMCell(8, 12), nn.GRUCell(12, 10)
        self.head = nn.Linear(10, 4)

    def forward(self, x):
        state, found = None, None
        for step in self.stem(x).mean(2).unbind(2)[:3]:
            state = self.lstm(step, state)
            found = self.gru(state[0], found)
        return self.head(found)


class TwoSided(nn.Module):
    """A bilinear layer of means and maxima, whose result is added to another layer's."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.both = nn.Conv2d(3, 8, 3), nn.Conv2d(3, 10, 3), nn.Bilinear(8, 10, 6)
        self.other, self.head = nn.Linear(8, 6), nn.Linear(6, 4)

    def forward(self, x):
        a, b = self.a(x).mean((2, 3)), self.b(x).amax((2, 3))
        return self.head(F.relu(self.both(a, b) + self.other(a)))


class Deformable(nn.Module):
    """Offsets and a mask from a layer of their own, for each of ``parts`` of the channels."""

    def __init__(self, groups=1, parts=1, **options):
        super().__init__()
        self.stem, self.offset = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 27 * parts, 3, padding=1)
        self.conv, self.head = DeformConv2d(16, 24, 3, padding=1, groups=groups, **options), nn.Conv2d(24, 4, 1)
        self.parts = parts

    def forward(self, x):
        x = self.stem(x)
        offset, mask = self.offset(x).split([18 * self.parts, 9 * self.parts], 1)
        return self.head(F.relu(self.conv(x, offset, mask.sigmoid()))).mean((2, 3))


class Pyramid(nn.Module):
    """Maps pooled to several sizes, each with a layer of its own, resized and concatenated (PSPNet)."""

    def __init__(self, sizes=(1, 2, 3, 6)):
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(32, 4, 1)
        self.branches = nn.ModuleList(
            nn.Sequential(
                nn.AdaptiveAvgPool2d(n), nn.Conv2d(16, 16 // len(sizes), 1, bias=False), nn.BatchNorm2d(4), nn.ReLU()
            )
            for n in sizes
        )

    def forward(self, x):
        x = self.stem(x)
        resized = [F.interpolate(branch(x), x.shape[2:], mode="bilinear") for branch in self.branches]
        return self.head(torch.cat([x, *resized], 1))
