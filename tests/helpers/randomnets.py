"""Random small networks for hypothesis: a chain of drawn blocks, each one of the structures that couple channels."""

import os

import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from helpers.zoo_weights import ChannelAttention, Standardised

_UNHURRIED = {"deadline": None, "suppress_health_check": list(HealthCheck)}
settings.register_profile("thorough", max_examples=1000, **_UNHURRIED)


def examples(n):
    """``n`` examples, always the same; with ``HYPOTHESIS_PROFILE=thorough`` in the environment 1,000 random ones."""
    if os.environ.get("HYPOTHESIS_PROFILE") == "thorough":
        return settings.get_profile("thorough")
    return settings(max_examples=n, derandomize=True, **_UNHURRIED)


class Block(nn.Module):
    """A block that knows how many channels it gives (``out``) for ``width`` channels and a drawn number ``n``."""

    def __init__(self, width, n):
        super().__init__()
        self.out = width
        self.build(width, n)


class Plain(Block):
    def build(self, width, n):
        self.out = 2 * n
        self.conv, self.norm = nn.Conv2d(width, 2 * n, 3, padding=1, bias=False), nn.BatchNorm2d(2 * n)

    def forward(self, x):
        return F.relu(self.norm(self.conv(x)))


class Residual(Block):
    def build(self, width, n):
        self.a, self.b, self.norm = nn.Conv2d(width, n, 3, padding=1), nn.Conv2d(n, width, 1), nn.BatchNorm2d(width)

    def forward(self, x):
        return F.relu(x + self.norm(self.b(F.relu(self.a(x)))))


class Projected(Block):
    """A sum with a convolution in the shortcut."""

    def build(self, width, n):
        self.out = 2 * n
        self.a, self.b = nn.Conv2d(width, 2 * n, 3, padding=1), nn.Conv2d(width, 2 * n, 1)

    def forward(self, x):
        return self.a(x) + self.b(x)


class Padded(Block):
    """Option A: zero channels are appended to the shortcut."""

    def build(self, width, n):
        self.out = width + 2 * n
        self.n, self.conv = n, nn.Conv2d(width, width + 2 * n, 3, padding=1)

    def forward(self, x):
        return self.conv(x) + F.pad(x, (0, 0, 0, 0, self.n, self.n))


class Dense(Block):
    def build(self, width, n):
        self.out = width + 2 * n
        self.a, self.b = nn.Conv2d(width, n, 3, padding=1), nn.Conv2d(width + n, n, 1)

    def forward(self, x):
        x = torch.cat([x, self.a(x)], 1)
        return torch.cat([self.b(x), x], 1)


class TwoWays(Block):
    """Two concatenations, cut at different places, that are added."""

    def build(self, width, n):
        self.out = 2 * n + 4
        self.a, self.b, self.c, self.d = (nn.Conv2d(width, k, 1) for k in (2 * n, 4, 4, 2 * n))

    def forward(self, x):
        return torch.cat([self.a(x), self.b(x)], 1) + torch.cat([self.c(x), self.d(x)], 1)


class Chunk(Block):
    def build(self, width, n):
        self.conv = nn.Conv2d(width // 2, width // 2, 3, padding=1)

    def forward(self, x):
        first, second = x.chunk(2, 1)
        return torch.cat([first + self.conv(second), second], 1)


class Split(Block):
    """C2f by split, the size kept in an attribute."""

    def build(self, width, n):
        self.half, self.out = n, 3 * n
        self.a, self.b = nn.Conv2d(width, 2 * n, 1), nn.Conv2d(n, n, 3, padding=1)

    def forward(self, x):
        parts = list(self.a(x).split(self.half, 1))
        return torch.cat([*parts, self.b(parts[-1])], 1)


class Shuffle(Block):
    def build(self, width, n):
        self.conv = nn.Conv2d(width, width, 1, groups=2)

    def forward(self, x):
        x = self.conv(x)
        n, c, h, w = x.shape
        return x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


class Grouped(Block):
    def build(self, width, n):
        self.out = 4 * n
        self.a, self.b = nn.Conv2d(width, 2 * n, 3, padding=1, groups=2), nn.Conv2d(2 * n, 4 * n, 1, groups=n)

    def forward(self, x):
        return self.b(F.relu(self.a(x)))


class Depthwise(Block):
    def build(self, width, n):
        self.out = width * (1 + n % 2)
        self.conv, self.act = nn.Conv2d(width, self.out, 3, padding=1, groups=width), nn.PReLU(self.out)

    def forward(self, x):
        return self.act(self.conv(x))


class Gate(Block):
    """Squeeze-and-excite by linear layers, view and expand."""

    def build(self, width, n):
        self.down, self.up = nn.Linear(width, n), nn.Linear(n, width)

    def forward(self, x):
        gate = torch.sigmoid(self.up(F.relu(self.down(x.mean((2, 3))))))
        return x * gate.view(*gate.shape, 1, 1).expand_as(x)


class ConvGate(Block):
    def build(self, width, n):
        self.down, self.up = nn.Conv2d(width, n, 1), nn.Conv2d(n, width, 1)

    def forward(self, x):
        return x * F.hardsigmoid(self.up(F.relu(self.down(F.adaptive_avg_pool2d(x, 1)))))


class Shared(Block):
    """One convolution called twice."""

    def build(self, width, n):
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x):
        return self.conv(F.relu(self.conv(x)))


class Up(Block):
    """Transposed convolution, joined with the bilinearly resized input."""

    def build(self, width, n):
        self.out = width + n
        self.up = nn.ConvTranspose2d(width, n, 2, 2)

    def forward(self, x):
        large = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        return F.max_pool2d(torch.cat([self.up(x), large], 1), 2)


class Pixels(Block):
    def build(self, width, n):
        self.out = n
        self.conv, self.shuffle = nn.Conv2d(width, 4 * n, 1), nn.PixelShuffle(2)

    def forward(self, x):
        return F.avg_pool2d(self.shuffle(self.conv(x)), 2)


class GroupNorms(Block):
    def build(self, width, n):
        self.group, self.instance = nn.GroupNorm(2, width), nn.InstanceNorm2d(width, affine=True)

    def forward(self, x):
        return self.group(x) + self.instance(x)


class LayerScale(Block):
    """ConvNeXt: layer norm with the channels last, linear layers, a learnt scale."""

    def build(self, width, n):
        self.norm, self.a, self.b = nn.LayerNorm(width), nn.Linear(width, 2 * n), nn.Linear(2 * n, width)
        self.scale = nn.Parameter(torch.full((width, 1, 1), 0.1))

    def forward(self, x):
        return x + self.scale * self.b(F.gelu(self.a(self.norm(x.permute(0, 2, 3, 1))))).permute(0, 3, 1, 2)


class Beside(Block):
    """A gate for each channel from those beside it (ECA)."""

    def build(self, width, n):
        self.gate = ChannelAttention()

    def forward(self, x):
        return self.gate(x)


class Divided(Block):
    """Split by arithmetic over an attribute that holds another number."""

    def build(self, width, n):
        self.wide, self.out = 4 * n, 2 * n
        self.a, self.b = nn.Conv2d(width, 4 * n, 1), nn.Conv2d(2 * n, 2 * n, 3, padding=1)

    def forward(self, x):
        left, right = self.a(x).split([self.wide // 2, self.wide - self.wide // 2], 1)
        return left + self.b(right)


class Normed(Block):
    """Weight norm as a parametrisation."""

    def build(self, width, n):
        self.out = 2 * n
        self.conv = parametrizations.weight_norm(nn.Conv2d(width, 2 * n, 3, padding=1))

    def forward(self, x):
        return F.relu(self.conv(x))


class Standard(Block):
    """Weights standardised for each filter."""

    def build(self, width, n):
        self.out = 2 * n
        self.conv = Standardised(width, 2 * n, 3, padding=1)

    def forward(self, x):
        return F.relu(self.conv(x))


class Blurred(Block):
    """A fixed filter for each channel, whose number an attribute keeps."""

    def build(self, width, n):
        self.channels = width
        self.register_buffer("filter", torch.full((width, 1, 3, 3), 1 / 9))

    def forward(self, x):
        return F.conv2d(x, self.filter, padding=1, groups=self.channels)


class Moved(Block):
    """Channels in reverse and shifted by one."""

    def build(self, width, n):
        self.out = 2 * n
        self.a, self.b = nn.Conv2d(width, 2 * n, 3, padding=1), nn.Conv2d(width, 2 * n, 1)

    def forward(self, x):
        return self.a(torch.flip(x, (1,))) + self.b(torch.roll(x, 1, 1))


class Attend(Block):
    """Attention over positions, two heads whose width is computed from the input's."""

    def build(self, width, n):
        self.qkv, self.project = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        n, c, h, w = x.shape
        qkv = self.qkv(x.flatten(2).transpose(1, 2)).view(n, h * w, 3, 2, c // 2).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
        y = (0.3 * q @ k.transpose(-2, -1)).softmax(-1) @ v
        return x + self.project(y.transpose(1, 2).reshape(n, h * w, c)).transpose(1, 2).reshape(n, c, h, w)


BLOCKS = (
    Plain, Residual, Projected, Padded, Dense, TwoWays, Chunk, Split, Shuffle, Grouped, Depthwise, Gate, ConvGate,
    Shared, Up, Pixels, GroupNorms, LayerScale, Beside, Divided, Normed, Standard, Blurred, Moved, Attend,
)  # fmt: skip
#: Blocks whose input's width must be even.
EVEN = (Chunk, Shuffle, Grouped, GroupNorms, Attend)
SHAPE, CLASSES = (3, 8, 8), 4


@st.composite
def networks(draw, blocks=6):
    """A classifier of ``SHAPE`` images: a stem, one to ``blocks`` blocks, flattened maps and a hidden linear layer."""
    width = draw(st.sampled_from([6, 8, 12]), label="stem")
    layers = [nn.Conv2d(3, width, 3, padding=1)]
    kinds = draw(
        st.lists(st.tuples(st.sampled_from(BLOCKS), st.sampled_from([2, 3, 4, 6])), min_size=1, max_size=blocks)
    )
    for kind, n in kinds:
        block = (Plain if kind in EVEN and width % 2 else kind)(width, n)
        layers.append(block)
        width = block.out
    head = [nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * width, 9), nn.ReLU(), nn.Linear(9, CLASSES)]
    return nn.Sequential(*layers, *head)
