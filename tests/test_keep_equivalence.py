"""Kept weights: the pruned network computes what the dense one does once the removed units are zero.

In the dense network every row and every input column of a removed unit is set to zero; what is left of it is the pruned
network, channel by channel. So a unit whose channels are mistaken anywhere gives another output.
"""

import pytest
import torch
from hypothesis import assume, given
from torch import nn
from torch.nn import functional as F
from torch.utils._pytree import tree_leaves

import edgeprune
from edgeprune.errors import EdgepruneError
from edgeprune.surgery.verify import differences
from helpers.architectures import ARCHITECTURES
from helpers.keeping import channel_by_channel, randomise, without_removed
from helpers.plans import plan as make_plan
from helpers.randomnets import BLOCKS, SHAPE, examples, networks
from helpers.zoo import IMAGE, ZOO, shapes_of

torch.set_num_threads(1)

#: Where the exact mapping would freeze or coarsen layers too much: exact in count, and keeping weights is refused.
IN_COUNT_ONLY = {
    "shuffle", "ShuffleNet v1", "flipped", "rolled", "channel_attention", "standardised", "normalised",
}  # fmt: skip


#: Statistics over channels, which see the zeros; those of norms apart, see :mod:`helpers.keeping`.
STATISTICS = {
    "softmax": lambda net, x: net.b(x.softmax(1)),
    "mean": lambda net, x: net.b(x * x.mean(1, keepdim=True)),
    "least": lambda net, x: net.b(x * x.amin(1, keepdim=True)),
    "median": lambda net, x: net.b(x * x.median(1, keepdim=True)[0]),
    "product": lambda net, x: net.b(x * x.prod(1, keepdim=True)),
    "logsumexp": lambda net, x: net.b(x - x.logsumexp(1, keepdim=True)),
    "attention": lambda net, x: net.b(F.scaled_dot_product_attention(*[x.flatten(2)[:, None]] * 3).view(x.shape)),
}


def conv(inputs, filters, kernel=3, **more):
    return nn.Conv2d(inputs, filters, kernel, padding=kernel // 2, **more)


def shuffled(x, groups):
    n, c, h, w = x.shape
    return x.view(n, groups, c // groups, h, w).transpose(1, 2).reshape(n, c, h, w)


class Net(nn.Module):
    """A stem of ``width`` channels, ``body`` (called with the network and the stem's maps), a classifier of ``out``."""

    def __init__(self, body, out, width=16, **layers):
        super().__init__()
        self.stem, self.body = conv(3, width), body
        for name, layer in layers.items():
            setattr(self, name, layer)
        self.mix, self.head = conv(out, 8), nn.Linear(8, 5)

    def forward(self, x):
        return self.head(F.relu(self.mix(self.body(self, F.relu(self.stem(x))))).mean((2, 3)))


def product_of_halves(x):
    first, second = x.chunk(2, 1)
    return first * torch.sigmoid(second)


def _shuffle_unit(net, x):
    left, right = shuffled(torch.cat([x, net.b(x)], 1), 2).chunk(2, 1)
    return torch.cat([left, net.c(right)], 1)


def _swapped(net, x):
    other = net.b(x)
    return torch.cat([x, other], 1) * torch.cat([other, x], 1)


def _flat_halves(net, x):
    first, second = x.flatten(1).chunk(2, 1)
    return (first * second).view(x.shape[0], x.shape[1] // 2, *x.shape[2:])


def _channels_last(net, x):
    rows = net.fc(x.permute(0, 2, 3, 1).flatten(1))
    return x * rows.view(*rows.shape, 1, 1)


MOVED = {
    "flipped": (lambda: Net(lambda net, x: net.b(torch.flip(x, [1])), 16, b=conv(16, 16)), IMAGE),
    "rolled": (lambda: Net(lambda net, x: net.b(torch.roll(x, 1, 1)), 16, b=conv(16, 16)), IMAGE),
}
HARD = {
    "shuffle, chunk": lambda: Net(_shuffle_unit, 32, b=conv(16, 16), c=conv(16, 16)),
    "shuffle, grouped": lambda: Net(lambda net, x: net.b(shuffled(x, 2)), 16, b=conv(16, 16, groups=2)),
    "module shuffle, grouped": lambda: Net(
        lambda net, x: net.b(net.s(x)), 16, s=nn.ChannelShuffle(2), b=conv(16, 16, groups=2)
    ),
    "shuffle alone": lambda: Net(lambda net, x: shuffled(x, 4), 16),
    "depthwise, chunk": lambda: Net(lambda net, x: product_of_halves(net.d(x)), 16, d=conv(16, 32, groups=16)),
    "depthwise, grouped": lambda: Net(
        lambda net, x: net.b(net.d(x)), 16, d=conv(16, 32, groups=16), b=conv(32, 16, groups=2)
    ),
    "transposed, chunk": lambda: Net(
        lambda net, x: product_of_halves(net.t(x)), 16, t=nn.ConvTranspose2d(16, 32, 2, 2, groups=16)
    ),
    "grouped transposed, chunk": lambda: Net(
        lambda net, x: product_of_halves(net.t(x)), 12, t=nn.ConvTranspose2d(16, 24, 2, 2, groups=4)
    ),
    "unshuffled pixels, chunk": lambda: Net(lambda net, x: product_of_halves(F.pixel_unshuffle(x, 2)), 32),
    "shuffled pixels, chunk": lambda: Net(lambda net, x: product_of_halves(F.pixel_shuffle(x, 2)), 4, width=32),
    "flattened maps, chunk": lambda: Net(_flat_halves, 8),
    "channels last, flattened": lambda: Net(_channels_last, 16, fc=nn.Linear(16 * 64, 16)),
    "swapped concatenations": lambda: Net(_swapped, 32, b=conv(16, 16)),
    "flipped in space": lambda: Net(lambda net, x: net.b(torch.flip(x, [-1])), 16, b=conv(16, 16)),
}


def require_equivalent(model, input_shape):
    torch.manual_seed(0)
    profile = edgeprune.profile(randomise(model), input_shape)
    assert profile.count_only == {}
    xs = [torch.randn(2, *s, dtype=torch.float64) for s in shapes_of(input_shape)]
    start = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for factor in (0.7, 0.4):
        widths = {g.name: max(1, int(g.width * factor) - i % 2) for i, g in enumerate(profile.groups)}
        model.load_state_dict(start)
        pruned = edgeprune.prune(model, make_plan(profile, widths), weights="keep")
        assert differences(pruned, profile, widths) == {}
        with torch.no_grad(), channel_by_channel():
            for a, b in zip(
                tree_leaves(without_removed(model, profile, widths)(*xs)), tree_leaves(pruned(*xs)), strict=True
            ):
                torch.testing.assert_close(b, a, rtol=1e-8, atol=1e-10)
    return profile


@pytest.mark.parametrize("name", sorted(ZOO.keys() - IN_COUNT_ONLY - {"cross-covariance"}))
def test_structure(name):
    factory, shape = ZOO[name]
    require_equivalent(factory(), shape)


@pytest.mark.parametrize("name", HARD)
def test_reordered_channels(name):
    profile = require_equivalent(HARD[name](), (3, 8, 8))
    assert "mix" in profile.widths


@pytest.mark.parametrize("block", BLOCKS, ids=lambda b: b.__name__)
def test_two_blocks_in_a_row(block):
    first = block(12, 4)
    width = first.out
    model = nn.Sequential(conv(3, 12), first, block(width, 4), nn.AdaptiveAvgPool2d(1))
    if (profile := edgeprune.profile(model, SHAPE)).count_only:
        with pytest.raises(EdgepruneError, match="cannot be kept"):
            edgeprune.prune(model, make_plan(profile, dict.fromkeys(profile.widths, 1)), weights="keep")
    else:
        require_equivalent(model, SHAPE)


@examples(40)
@given(model=networks(blocks=4))
def test_random_mixes(model):
    assume(not edgeprune.profile(model, SHAPE).count_only)
    require_equivalent(model, SHAPE)


@pytest.mark.parametrize("name", sorted(ARCHITECTURES.keys() - IN_COUNT_ONLY))
def test_architecture(name):
    factory, shape = ARCHITECTURES[name]
    require_equivalent(factory(), shape if isinstance(shape, tuple) else (shape, 32, 32))


@pytest.mark.parametrize("name", sorted(IN_COUNT_ONLY))
def test_refused_where_units_are_no_certain_channels(name):
    factory, shape = (ZOO | ARCHITECTURES | MOVED)[name]
    shape = shape if isinstance(shape, tuple) else (shape, 32, 32)
    model = factory()
    profile = edgeprune.profile(model, shape)
    assert any("exact in count" in note for note in profile.notes)
    plan = edgeprune.sample(profile, "FA", 0.5)
    assert differences(edgeprune.prune(model, plan), profile, plan.widths) == {}
    with pytest.raises(EdgepruneError, match="cannot be kept"):
        edgeprune.prune(model, plan, weights="keep")
    x = torch.randn(1, *shape)
    dense = edgeprune.prune(model.eval(), edgeprune.sample(profile, method="dense"), weights="keep")
    with torch.no_grad():
        assert torch.equal(dense(x), model(x))


@pytest.mark.parametrize("name", [*STATISTICS, "cross-covariance"])
def test_refused_where_units_act_on_each_other(name):
    model = Net(STATISTICS[name], 16, b=conv(16, 16)) if name in STATISTICS else ZOO[name][0]()
    profile = edgeprune.profile(model, shapes_of(ZOO[name][1] if name in ZOO else IMAGE)[0])
    assert not any("exact in count" in note for note in profile.notes)
    assert "b" not in profile.count_only
    plan = edgeprune.sample(profile, "FA", 0.5)
    assert differences(edgeprune.prune(model, plan), profile, plan.widths) == {}
    with pytest.raises(EdgepruneError, match="cannot be kept: each of its units acts on the others"):
        edgeprune.prune(model, plan, weights="keep")


def test_groups_that_are_not_concerned_can_be_kept():
    model = ZOO["shuffle"][0]()
    profile = edgeprune.profile(model, IMAGE)
    free = [name for name in profile.widths if name not in profile.count_only]
    widths = {name: n - (name in free) for name, n in profile.widths.items()}
    assert free
    assert differences(edgeprune.prune(model, make_plan(profile, widths), weights="keep"), profile, widths) == {}
