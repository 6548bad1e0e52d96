"""Sizes that the code computes or writes down, operators without a rule, weights with two uses."""

import copy
import functools

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import edgeprune
from edgeprune.complexity.profile import Profile
from edgeprune.errors import EdgepruneError
from edgeprune.sampling.plan import Plan
from edgeprune.surgery.verify import differences
from edgeprune.tracing.algebra import Widths
from edgeprune.tracing.computed_sizes import Size
from helpers.plans import shrink
from helpers.zoo_attention import Divided, Tokens

torch.set_num_threads(1)
SHAPE = (3, 8, 8)


class Net(nn.Module):
    """A stem, ``body`` (called with the network and the stem's maps) and layers that are given by name."""

    def __init__(self, body, width=16, **layers):
        super().__init__()
        self.stem, self.body = nn.Conv2d(3, width, 3, padding=1), body
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, x):
        return self.body(self, F.relu(self.stem(x)))


def pooled(net, x):
    return net.head(net.b(x).mean((2, 3)))


def conv(inputs, filters):
    return nn.Conv2d(inputs, filters, 3, padding=1)


def third(net, x):
    return pooled(net, x[:, : x.shape[1] // 3])


def branching(net, x):
    return pooled(net, x + 1 if x.shape[1] >= 16 else net.extra(x))


def written_down(net, x):
    return pooled(net, x * x[:, :8].mean(1, keepdim=True))


def half(net, x):
    return pooled(net, x * x[:, : x.shape[1] // 2].mean(1, keepdim=True))


COMPUTED = {
    "third of 16": lambda: Net(third, 16, b=conv(5, 8), head=nn.Linear(8, 5)),
    "third of 32": lambda: Net(third, 32, b=conv(10, 8), head=nn.Linear(8, 5)),
    "threshold": lambda: Net(branching, 32, b=conv(32, 8), extra=conv(32, 32), head=nn.Linear(8, 5)),
    "half": lambda: Net(half, b=conv(16, 8), head=nn.Linear(8, 5)),
}


@pytest.mark.parametrize("name", COMPUTED)
def test_any_plan_can_be_applied(name):
    model = COMPUTED[name]()
    profile = edgeprune.profile(model, SHAPE)
    assert "b" in profile.widths
    for seed in range(6):
        generator = torch.Generator().manual_seed(seed)
        drawn = {g.name: int(torch.randint(1, g.width + 1, (), generator=generator)) for g in profile.groups}
        pruned = edgeprune.prune(model, Plan.make(profile, drawn, method="drawn"))
        assert differences(pruned, profile, drawn) == {}


def test_a_slice_of_a_written_down_size_freezes_and_is_named():
    profile = edgeprune.profile(Net(written_down, b=conv(16, 8), head=nn.Linear(8, 5)), SHAPE)
    assert all(word in profile.frozen["stem"] for word in ("written down", "slice", "test_tracing_sizes.py:"))
    assert profile.widths == {"b": 8}


def test_half_of_the_channels_stays_prunable():
    assert "stem" in edgeprune.profile(COMPUTED["half"](), SHAPE).widths


@pytest.mark.parametrize(
    "move", [lambda x: torch.flip(x, [1]), lambda x: x.roll(1, 1), lambda x: x.roll(3), lambda x: x.sort(1).values]
)
def test_channels_that_change_places_are_right_in_count(move):
    model = Net(lambda net, x: pooled(net, move(x)), b=conv(16, 8), head=nn.Linear(8, 5))
    profile = edgeprune.profile(model, SHAPE)
    assert profile.widths == {"stem": 16, "b": 8}
    assert "reorders" in profile.count_only["stem"]
    assert differences(edgeprune.prune(model, shrink(profile)), profile, shrink(profile).widths) == {}
    with pytest.raises(EdgepruneError, match="not certain channels"):
        edgeprune.prune(model, shrink(profile), weights="keep")


@pytest.mark.parametrize("move", [lambda x: torch.flip(x, [2, 3]), lambda x: x.roll((1, 2), (2, -1))])
def test_moves_in_space_keep_channels_free(move):
    profile = edgeprune.profile(Net(lambda net, x: pooled(net, move(x)), b=conv(16, 8), head=nn.Linear(8, 5)), SHAPE)
    assert profile.widths == {"stem": 16, "b": 8}


class Remembering(Divided):
    """Keeps a shape from one pass to the next, and computes one with a cache that outlives the network."""

    def forward(self, x):
        self.seen = x.shape
        return super().forward(x.reshape(shape_of(*x.shape)))


@functools.cache
def shape_of(*sizes):
    return sizes


def test_sizes_that_code_keeps_do_no_harm():
    for width in (24, 24, 16):
        model = Tokens(Remembering, width)
        profile = edgeprune.profile(model, (3, 16, 16))
        assert profile.widths == {"embed": width // 4, "mlps.0.1": 2 * width, "mlps.1.1": 2 * width}
        pruned = edgeprune.prune(model, shrink(profile))
        assert differences(pruned, profile, shrink(profile).widths) == {}
        pruned(torch.zeros(1, 3, 16, 16))
        assert type(pruned.mixers[0][1].seen[2]) is int
    size = Size(6, Widths(), ((1, 0),))
    assert [type(n) for n in (copy.copy(size), *copy.deepcopy(torch.Size([size])), size // 2)] == [int, int, Size]


@pytest.mark.parametrize("axis", [1, 2])
@pytest.mark.parametrize("pick", ["kthvalue", "median", "mode", "max"])
def test_picks_in_space_keep_channels_free(pick, axis):
    """The axis goes, be it before the channels or after them."""

    def body(net, x):
        rows = x.flatten(2).transpose(1, 3 - axis)
        return net.b(getattr(rows, pick)(*([3] if pick == "kthvalue" else []), dim=axis).values)

    model = Net(body, b=nn.Linear(16, 8))
    profile = edgeprune.profile(model, SHAPE)
    assert profile.widths == {"stem": 16}
    assert differences(edgeprune.prune(model, shrink(profile)), profile, shrink(profile).widths) == {}


@pytest.mark.parametrize(
    ("body", "layers", "operator"),
    [
        (lambda net, x: x.mean((2, 3)) @ net.f, {"f": nn.Parameter(torch.ones(16))}, "mv"),
    ],
)
def test_products_that_nobody_counts_are_noted(body, layers, operator):
    notes = edgeprune.profile(Net(body, **layers), SHAPE).notes
    assert [n for n in notes if n.startswith("f: its MACs are not counted") and operator in n and ".py:" in n]


def test_ordinary_layers_and_weights_alone_are_not_noted():
    assert edgeprune.profile(COMPUTED["half"](), SHAPE).notes == ()
    spectral = nn.utils.parametrizations.spectral_norm(conv(16, 8))
    notes = edgeprune.profile(Net(pooled, b=spectral, head=nn.Linear(8, 5)), SHAPE).notes
    assert not any("not counted" in note for note in notes)


def test_a_weight_with_two_uses_is_two_layers(tmp_path):
    """A tied autoencoder: the parameters count once, MACs and maps of both uses count."""
    model = Net(lambda net, x: F.conv_transpose2d(F.relu(net.mix(x)), net.stem.weight, padding=1), mix=conv(16, 16))
    profile = edgeprune.profile(model, SHAPE)
    assert differences(model, profile) == {}
    encode, _, decode = profile.layers
    assert (encode.kind, decode.kind, decode.shared, encode.shared) == ("conv2d", "conv_transpose2d", True, False)
    assert profile.totals["memory"] == 4 * 64 * (16 + 16 + 3)
    rows = profile.layer_table()
    assert sum(row["params"] for row in rows) == profile.totals["params"]
    assert rows[2]["params"] == rows[2]["share_PA"] == 0
    assert rows[2]["macs"] == rows[0]["macs"]
    profile.save(tmp_path / "profile.json")
    assert Profile.load(tmp_path / "profile.json") == profile
    plan = edgeprune.sample(profile, "MA", 0.3)
    assert differences(edgeprune.prune(model, plan), profile, plan.widths) == {}


def test_a_linear_weight_used_both_ways():
    model = Net(lambda net, x: F.linear(net.e(x.mean((2, 3))), net.e.weight.t()), e=nn.Linear(16, 4))
    profile = edgeprune.profile(model, SHAPE)
    assert differences(model, profile) == {}
    assert [(layer.kind, layer.bias, layer.shared) for layer in profile.layers[1:]] == [
        ("linear", True, False),
        ("linear", False, True),
    ]
    assert profile.totals["memory"] == 4 * (16 * 64 + 4 + 16)


def test_a_convolution_called_twice_is_one_layer():
    model = Net(lambda net, x: net.b(F.relu(net.b(x))), b=conv(16, 16))
    assert [layer.calls for layer in edgeprune.profile(model, SHAPE).layers] == [1, 2]


class WrittenDown(nn.Module):
    """A block whose first convolution's width its code knows."""

    def __init__(self, flat):
        super().__init__()
        self.a, self.b, self.flat = nn.Conv2d(16, 16, 1), nn.Conv2d(16, 16, 1), flat

    def forward(self, x):
        y = self.a(x)
        return self.b(y.view(-1, 16, 64).view(-1, 16, 8, 8) if self.flat else y)


@pytest.mark.parametrize("flat", [[True] * 40, [True] * 5 + [False] * 35, [i % 3 > 0 for i in range(40)] + [False]])
def test_of_repeated_blocks_few_are_tried_and_the_right_ones_frozen(flat, monkeypatch):
    from edgeprune.tracing import probe

    tried = []
    problem = probe._problem
    monkeypatch.setattr(probe, "_problem", lambda *args: tried.append(1) or problem(*args))
    model = nn.Sequential(nn.Conv2d(3, 16, 1), *map(WrittenDown, flat), nn.Conv2d(16, 4, 1))
    found = edgeprune.profile(model, SHAPE)
    expected = {f"{i}.a" for i, written in enumerate(flat, 1) if written}
    assert {n for n, why in found.frozen.items() if "written down" in why} == expected
    if all(flat):
        assert len(tried) < 20  # each alone: 80
