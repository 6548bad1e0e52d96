"""Pruned networks: new weights or kept ones, and what is refused."""

import copy

import pytest
import torch
from torch import nn

from edgeprune.errors import EdgepruneError
from edgeprune.modules.clone import clone
from edgeprune.surgery.prune import prune
from edgeprune.tracing.profile import profile
from helpers.plans import plan, shrink
from helpers.zoo import IMAGE, ZOO, Residual, plain

torch.set_num_threads(1)
ONE_INPUT = [name for name, (_, shape) in ZOO.items() if isinstance(shape, tuple)]


@pytest.mark.parametrize("name", ONE_INPUT)
def test_empty_plan_that_keeps_weights_is_the_identity(name):
    factory, shape = ZOO[name]
    model = factory().eval()
    found = profile(model, shape)
    pruned = prune(model, plan(found, found.widths), weights="keep")
    x = torch.randn(2, *shape)
    with torch.no_grad():
        expected, actual = model(x), pruned(x)
    assert str(pruned) == str(model)
    assert all(torch.equal(a, b) for a, b in zip(_list(expected), _list(actual), strict=True))
    assert all(a is not b for a, b in zip(model.parameters(), pruned.parameters(), strict=True))


@pytest.mark.parametrize(
    "name", ["plain", "residual", "concatenation", "chunk", "squeeze_excite", "unet", "grouped", "depthwise"]
)
def test_kept_units_compute_what_they_did(name):
    """Units whose every weight is zero may be removed: the outputs do not change."""
    factory, shape = ZOO[name]
    model = factory().eval()
    found = profile(model, shape)
    cut = shrink(found, 0.5)
    keep = {g.name: sorted(torch.randperm(g.width)[: cut.widths[g.name]].tolist()) for g in found.groups}
    with torch.no_grad():
        for slot in found.slots:
            _zero_removed(model, found, slot, keep)
        pruned = prune(model, cut, weights="keep", keep=keep)
        x = torch.randn(2, *shape)
        for expected, actual in zip(_list(model(x)), _list(pruned(x)), strict=True):
            torch.testing.assert_close(actual, expected)


def _zero_removed(model, found, slot, keep):
    """Zero the rows of ``slot`` (first dimension: filters, features) of units that are not kept."""
    tensor = dict(model.named_parameters()).get(slot.name)
    if tensor is None or not slot.dims:
        return
    axis, start = (1 if slot.name.startswith("up") and tensor.dim() == 4 else 0), 0
    for coefficient, group in slot.dims[axis]:
        n = coefficient if group is None else coefficient * found.widths[group]
        for i in range(n):
            if group is not None and i // coefficient not in keep[group]:
                tensor.select(axis, start + i).zero_()
        start += n


def test_reset_uses_each_modules_rule_and_the_seed():
    model = Residual()
    found = profile(model, IMAGE)
    with torch.no_grad():
        for p in model.parameters():
            p.fill_(7.0)
        model.stem[1].running_mean.fill_(7.0)
    torch.manual_seed(3)
    first = prune(model, shrink(found))
    torch.manual_seed(3)
    second = prune(model, shrink(found))
    third = prune(model, shrink(found))
    weights = first.stem[0].weight, second.stem[0].weight, third.stem[0].weight
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert all((p != 7.0).all() for p in first.parameters())
    assert torch.equal(first.stem[1].running_mean, torch.zeros(8))
    assert torch.equal(first.stem[1].weight, torch.ones(8))


def test_parameters_without_a_rule_are_cut():
    factory, shape = ZOO["norms"]
    model = factory()
    found = profile(model, shape)
    pruned = prune(model, shrink(found))
    assert torch.equal(pruned.scale, model.scale[:10])


class Scaled(nn.Conv2d):
    """A parameter that no ``reset_parameters`` knows of."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.gain = nn.Parameter(torch.full((self.out_channels, 1, 1, 1), 2.0))

    def forward(self, x):
        return nn.functional.conv2d(x, self.weight * self.gain, self.bias, self.stride, self.padding)


class OnlyWeight(nn.Conv2d):
    """Its ``reset_parameters`` leaves the bias as it is."""

    def reset_parameters(self):
        nn.init.kaiming_normal_(self.weight)


class Unbound(nn.BatchNorm2d):
    """Its buffers are there, but its ``reset_parameters`` does not set them."""

    def reset_parameters(self):
        nn.init.ones_(self.weight)


@pytest.fixture
def dirty(monkeypatch):
    """Memory without data is NaN: whoever forgets to set it is found out."""
    empty = torch.empty

    def poisoned(*args, **options):
        made = empty(*args, **options)
        return made.fill_(float("nan")) if made.dtype.is_floating_point and not made.is_meta else made

    monkeypatch.setattr(torch, "empty", poisoned)


@pytest.mark.usefixtures("dirty")
def test_what_no_rule_sets_is_cut_from_the_old():
    model = nn.Sequential(Scaled(3, 16, 3), OnlyWeight(16, 16, 3), Unbound(16), nn.Conv2d(16, 2, 3))
    with torch.no_grad():
        model[1].bias.copy_(torch.arange(16.0))
        model[2].bias.copy_(torch.arange(16.0))
        model[2].running_mean.copy_(torch.arange(16.0))
    found = profile(model, (3, 8, 8))
    pruned = prune(model, plan(found, {"0": 6, "1": 9}))
    assert all(torch.isfinite(t).all() for t in pruned.state_dict().values())
    assert torch.equal(pruned[0].gain, torch.full((6, 1, 1, 1), 2.0))
    for tensor in (pruned[1].bias, pruned[2].bias, pruned[2].running_mean):
        assert torch.equal(tensor, torch.arange(9.0))
    assert not torch.equal(pruned[0].weight, model[0].weight[:6])


@pytest.mark.usefixtures("dirty")
@pytest.mark.parametrize("name", ONE_INPUT)
def test_reset_leaves_no_memory_unset(name):
    factory, shape = ZOO[name]
    model = factory()
    pruned = prune(model, shrink(profile(model, shape)))
    assert all(torch.isfinite(t).all() for t in pruned.state_dict().values() if t.dtype.is_floating_point)


class Parent(nn.Module):
    """Initialises its parts itself, as published networks do."""

    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 2, 3)

    def reset_parameters(self):
        nn.init.constant_(self.body.weight, 0.25)

    def forward(self, x):
        return self.head(self.body(x))


class Demanding(Parent):
    def reset_parameters(self, std):
        nn.init.normal_(self.body.weight, std=std)


def test_a_module_is_reset_after_the_modules_in_it():
    model = nn.Sequential(Parent())
    pruned = prune(model, shrink(profile(model, IMAGE)))
    assert torch.equal(pruned[0].body.weight, torch.full((4, 3, 3, 3), 0.25))
    assert not torch.equal(pruned[0].head.weight, model[0].head.weight[:, :4])


def test_a_reset_that_needs_arguments_is_named():
    model = nn.Sequential(Demanding())
    cut = shrink(profile(model, IMAGE))
    with pytest.raises(EdgepruneError, match=r"reset_parameters of 0 \(Demanding\) failed.*std") as error:
        prune(model, cut)
    assert 'weights="keep"' in error.value.remedy
    assert prune(model, cut, weights="keep")[0].body.out_channels == 4


class Picky(nn.Module):
    """Misbehaves in other ways when its width is not the dense one; its profile is honest."""

    def __init__(self, how):
        super().__init__()
        self.a, self.b, self.how = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 2, 3), "fine"
        self.when_pruned = how

    def forward(self, x):
        how = self.how if self.a.weight.shape[0] == 8 else self.when_pruned
        y = self.b(self.a(x))
        if how == "crash":
            return y.view(y.shape[0], 7, 7, 7)
        return y[:, :1] if how == "shape" else y


def picky(how):
    honest = Picky("fine")
    cut = shrink(profile(honest, (3, 8, 8)))
    return Picky(how), cut


def test_a_pruned_network_that_fails_names_operator_line_and_remedy():
    model, cut = picky("crash")
    with pytest.raises(EdgepruneError, match=r"failed in .*view at .*test_surgery\.py:\d+") as error:
        prune(model, cut)
    assert error.value.remedy


def test_outputs_of_another_shape_are_refused():
    model, cut = picky("shape")
    with pytest.raises(EdgepruneError, match=r"returns \[\(1, 1, 4, 4\)\], the dense one \[\(1, 2, 4, 4\)\]") as error:
        prune(model, cut)
    assert error.value.remedy
    assert prune(*picky("fine")).a.out_channels == 4


def test_empty_plan_resets_only_weights():
    model = plain()
    found = profile(model, IMAGE)
    pruned = prune(model, plan(found, found.widths))
    assert str(pruned) == str(model)
    assert not torch.equal(pruned[0].weight, model[0].weight)


def test_attributes_follow():
    factory, shape = ZOO["depthwise"]
    model = factory()
    found = profile(model, shape)
    pruned = prune(model, plan(found, {"0": 5, "4": 7}))
    assert (pruned[1].in_channels, pruned[1].out_channels, pruned[1].groups) == (5, 5, 5)
    assert (pruned[3].in_channels, pruned[3].out_channels, pruned[3].groups) == (5, 10, 5)
    assert pruned[7].in_features == 7
    norms = prune(ZOO["norms"][0](), shrink(profile(ZOO["norms"][0](), IMAGE)))
    assert norms.ln.normalized_shape == (10,)
    assert norms.prelu.num_parameters == norms.gn.num_channels == 8
    assert norms.inorm.num_features == norms.plain.num_features == 10


def test_tied_parameters_stay_tied():
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3), nn.Conv2d(8, 8, 3), nn.Conv2d(8, 2, 3))
    model[2].weight = model[1].weight
    found = profile(model, IMAGE)
    pruned = prune(model, shrink(found))
    assert pruned[2].weight is pruned[1].weight
    assert pruned[1].weight.shape == (4, 4, 3, 3)


def test_requires_grad_dtype_and_mode_are_kept():
    model = plain().double().eval()
    model[0].weight.requires_grad_(False)
    pruned = prune(model, shrink(profile(model, IMAGE)))
    assert pruned[0].weight.dtype == torch.float64
    assert not pruned[0].weight.requires_grad
    assert pruned[4].weight.requires_grad
    assert not pruned.training


def test_pruned_network_trains():
    model = Residual()
    pruned = prune(model, shrink(profile(model, IMAGE)))
    loss = pruned(torch.randn(4, *IMAGE)).square().mean()
    loss.backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in pruned.parameters())


def test_plan_without_profile_needs_one():
    model = plain()
    found = profile(model, IMAGE)
    cut = shrink(found)
    cut.profile = None
    with pytest.raises(EdgepruneError, match="does not hold the network's profile"):
        prune(model, cut)
    assert prune(model, cut, profile=found)[0].out_channels == 8
    cut.input_shapes = [IMAGE]
    assert prune(model, cut)[0].out_channels == 8


def test_plan_of_another_profile_is_refused():
    cut = shrink(profile(plain(), IMAGE))
    with pytest.raises(EdgepruneError, match="another profile"):
        prune(Residual(), cut, profile=profile(Residual(), IMAGE))
    with pytest.raises(EdgepruneError, match="not the one that was profiled"):
        prune(Residual(), cut)


@pytest.mark.parametrize("width", [0, 17, 2.5, None])
def test_impossible_widths_are_refused(width):
    model = plain()
    found = profile(model, IMAGE)
    with pytest.raises(EdgepruneError, match="between 1 and 16"):
        prune(model, plan(found, {**found.widths, "0": width}))


def test_bad_requests_are_refused():
    model = plain()
    cut = shrink(profile(model, IMAGE))
    with pytest.raises(EdgepruneError, match="way to set weights"):
        prune(model, cut, weights="scale")
    with pytest.raises(EdgepruneError, match="no sense"):
        prune(model, cut, keep={"0": [1]})
    with pytest.raises(EdgepruneError, match="8 different units"):
        prune(model, cut, weights="keep", keep={"0": [0, 0, 1, 2, 3, 4, 5, 6]})


def test_clone_equals_deepcopy():
    model = Residual()
    model.scratch, model.again = {"conv": model.stem[0], "list": [1, [2]]}, (model.head,)
    copied = clone(model, lambda name, tensor: copy.deepcopy(tensor))
    assert copied.scratch["conv"] is copied.stem[0]
    assert copied.again[0] is copied.head
    assert copied.scratch["list"] == [1, [2]]
    assert copied.scratch["list"] is not model.scratch["list"]
    assert copied.state_dict().keys() == model.state_dict().keys()
    assert all(type(a) is type(b) and a is not b for a, b in zip(model.modules(), copied.modules(), strict=True))


def _list(value):
    return list(value.values()) if isinstance(value, dict) else list(value) if isinstance(value, tuple) else [value]
