"""What networks do that has nothing to do with widths must neither stop a profile nor leave a trace in the model."""

import copy
import threading
from functools import lru_cache

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

import edgeprune
from edgeprune.errors import EdgepruneError
from edgeprune.surgery.verify import counted
from edgeprune.tracing.assertions import assertions_hold

IMAGE = (3, 8, 8)


class Closure(nn.Module):
    """A function that holds its layers by its closure."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.last = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 4, 1)
        self.block = lambda x: F.relu(self.norm(self.conv(x)))

    def forward(self, x):
        return self.last(self.block(x))


def test_a_closure_over_layers_is_of_the_copy():
    model = Closure().train()
    before = copy.deepcopy(model.state_dict())
    profile = edgeprune.profile(model, IMAGE)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    small = edgeprune.prune(model, edgeprune.sample(profile, "PA", 0.4, seed=0))
    small(torch.rand(2, *IMAGE)).sum().backward()
    assert small.conv.weight.shape[0] < 8
    assert small.conv.weight.grad is not None
    assert model.conv.weight.grad is None


class Quotient(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.conv = nn.Conv2d(3, 8, 3), nn.Conv2d(1, 4, 1)

    def forward(self, x):
        whole = torch.arange(64, device=x.device).view(1, 1, 8, 8)
        return self.stem(x).mean() + self.conv(torch.sigmoid(whole) + whole / torch.full_like(whole, 2))


def test_quotients_and_functions_of_integers_are_real():
    assert edgeprune.profile(Quotient(), IMAGE).totals["params"] == 224 + 8


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.hidden = nn.Linear(12, 16), 8
        self.lstm = nn.LSTM(16, 8, num_layers=2, batch_first=True)
        self.last = nn.Linear(8, 4)

    def forward(self, x):
        start = torch.zeros(2, x.shape[0], self.hidden, device=x.device)
        return self.last(self.lstm(self.stem(x), (start, start))[0])


def test_lists_of_tensors_are_no_sizes():
    plan = edgeprune.sample(edgeprune.profile(Recurrent(), (5, 12)), "PA", 0.3, seed=0)
    assert edgeprune.prune(Recurrent(), plan)(torch.rand(2, 5, 12)).shape == (2, 5, 4)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.mha, self.last = (
            nn.Linear(12, 16),
            nn.MultiheadAttention(16, 2, batch_first=True),
            nn.Linear(16, 4),
        )
        parametrizations.weight_norm(self.mha, "in_proj_weight")

    def forward(self, x):
        x = self.stem(x)
        return self.last(self.mha(x, x, x, need_weights=False)[0])


def test_attention_whose_weight_is_computed_is_profiled_or_refused_by_name():
    try:
        profile = edgeprune.profile(Attention(), (5, 12))
    except EdgepruneError:
        return
    assert profile.totals["params"] == sum(p.numel() for p in Attention().parameters())


@lru_cache
def half(channels):
    return channels // 2


class Cached(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.qkv, self.last = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 48, 1), nn.Conv2d(48, 4, 1)
        self.per_head = 8

    def forward(self, x):
        x = self.stem(x)
        x = x + x[:, : half(x.shape[1])].mean(1, keepdim=True)
        x = self.qkv(x)
        n, c, h, w = x.shape
        x = x.reshape(n, c // self.per_head, self.per_head, h, w).transpose(1, 2).reshape(n, c, h, w)
        return self.last(x)


def test_a_profile_does_not_depend_on_an_earlier_one():
    first, second = (edgeprune.profile(Cached(), IMAGE) for _ in range(2))
    assert first.widths == second.widths


def test_a_wrong_shape_leaves_the_fast_path_as_it_was():
    fast = torch.backends.mha.get_fastpath_enabled()
    with pytest.raises(TypeError):
        counted(Closure(), IMAGE)
    assert torch.backends.mha.get_fastpath_enabled() == fast


class ClassToken(nn.Module):
    """A view of a parameter is handed from layer to layer, as PiT's class token is."""

    def __init__(self):
        super().__init__()
        self.token, self.last = nn.Parameter(torch.zeros(1, 4)), nn.Linear(4, 2)

    def forward(self, x):
        return self.last(self.token.expand(len(x), -1)) + x.mean()


def test_a_view_of_a_parameter_as_input_of_a_layer_is_counted():
    model = ClassToken()
    model.last.bias.requires_grad_(False)
    assert counted(model, [IMAGE]) == {"params": 14, "macs": 8}
    assert [p.requires_grad for p in model.parameters()] == [True, True, False]


def test_assertions_hold_for_several_threads():
    truth, entered, leave = torch.Tensor.__bool__, threading.Event(), threading.Event()

    def other():
        with assertions_hold():
            entered.set()
            leave.wait(5)

    thread = threading.Thread(target=other)
    thread.start()
    entered.wait(5)
    late = threading.Timer(0.2, leave.set)
    late.start()
    with assertions_hold():
        pass
    thread.join()
    assert torch.Tensor.__bool__ is truth


class Plain(nn.Module):
    """A norm without parameters, as transformers for diffusion have them."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm, self.last = (
            nn.Linear(12, 16),
            nn.LayerNorm(16, elementwise_affine=False),
            nn.Linear(16, 4),
        )

    def forward(self, x):
        return self.last(self.norm(self.stem(x)))


def test_a_norm_without_parameters_follows():
    profile = edgeprune.profile(Plain(), (5, 12))
    assert list(profile.widths.values()) == [16]
    small = edgeprune.prune(Plain(), edgeprune.sample(profile, "PA", 0.5, seed=0))
    assert small(torch.rand(2, 5, 12)).shape == (2, 5, 4)


class Raises(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.last = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 4, 1)

    def forward(self, x):
        x = self.stem(x)
        if x.isnan().any():
            raise AssertionError("not a number")
        return self.last(x)


def test_an_assertion_that_is_raised_by_hand():
    assert list(edgeprune.profile(Raises(), IMAGE).widths.values()) == [8]
