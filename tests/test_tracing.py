"""Profiles of small networks, one for each structure: groups, exact counts, reasons, and an untouched model."""

import copy
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils._pytree import tree_leaves

from edgeprune.complexity.profile import Profile
from edgeprune.errors import EdgepruneError
from edgeprune.surgery.prune import prune
from edgeprune.surgery.verify import differences
from edgeprune.tracing.profile import profile
from edgeprune.tracing.sources import is_user_code
from helpers.plans import shrink
from helpers.zoo import IMAGE, ZOO, Asserting, DataDependent, Residual, shapes_of

torch.set_num_threads(1)

#: Units of each group, by the layer that writes it first.
GROUPS = {
    "plain": {"0": 16, "4": 24, "8": 32},
    "residual": {"stem.0": 16, "a.0": 12, "b.0": 24},
    "option_a": {"stem": 8},
    "depthwise": {"0": 12, "4": 16},
    "grouped": {"0": 4, "1": 4, "3": 3},  # a unit is a channel of each of the 4, 8 and 8 groups
    "concatenation": {"first": 10, "layers.0": 6, "layers.1": 6, "layers.2": 6},
    "added_concatenations": {"a": 8, "a#2": 8, "b": 8},
    "chunk": {"cv1": 8, "m.0": 8, "cv2": 12},
    "split_by_attribute": {"cv1": 8, "m.0": 8, "m.1": 8, "cv2": 12},
    "split_by_arithmetic": {"cv1": 8, "m.0": 8, "m.1": 8, "cv2": 12},
    "split_by_number": {"m.0": 8, "m.1": 8, "cv2": 12},
    "half_slice": {"stem": 8, "part": 8},
    "shuffle": {"stem": 4, "g1": 8},
    "pixel_shuffle": {"0": 16, "2": 8, "4": 12, "6": 8},
    "hand_shuffle": {"a": 8},
    "hard_flatten": {"a": 8, "fc1": 20},
    "attribute_flatten": {"a": 8, "b": 16, "fc1": 20},
    "unflatten": {"0": 32, "2": 16},
    "squeeze_excite": {"conv": 16, "down": 4, "fc.0": 6},
    "norms": {"a": 4, "b": 20, "fc": 24},
    "unet": {"d1": 8, "d2": 16, "d3": 24, "up1": 16, "u1": 12, "u2": 8},
    "transposed": {"0": 4, "1": 6},
    "shared": {"stem": 12},
    "two_inputs": {"a": 8, "x": 12},
    "auxiliary": {"a": 16, "b": 12},
    "ghost": {"primary": 7},
    "unknown": {"a": 8, "c": 6},
    "standardised": {"0": 8, "2": 3, "4": 3},
    "normalised": {"0": 8, "2": 12, "4": 8},
    "blurred": {"0": 8, "2": 12},
    "channel_attention": {"0": 8, "2": 12, "4": 8},
    "paths": {"stem": 8, "paths.0": 16},
    "lstm": {"stem": 8, "rnn": 12, "mix": 6},
    "gru, two layers, both ways": {"stem": 8, "rnn": 12, "mix": 6},
    "lstm with a projection": {"stem": 8, "rnn": 5, "rnn#2": 7, "mix": 6},
    "cells": {"stem": 8, "lstm": 12, "gru": 10},
    "convolutional lstm": {"stem": 8, "gates": 12},
    "bilinear": {"a": 8, "b": 10, "other": 6},
    "deformable": {"stem": 16, "conv": 24},
    "deformable, grouped": {"stem": 4, "conv": 12},
    "pyramid": {"stem": 16, "branches.0.1": 4, "branches.1.1": 4, "branches.2.1": 4, "branches.3.1": 4},
    "attention, divided": {"embed": 6, "mlps.0.1": 48, "mlps.1.1": 48},  # a unit is a channel of each of the 4 heads
    "attention, unflattened": {"embed": 6, "mlps.0.1": 48},
    "attention, held": {"embed": 24, "mixers.0.1.qkv": 12, "mlps.0.1": 48, "mixers.1.1.qkv": 12, "mlps.1.1": 48},
    "cross-covariance": {"embed": 8, "mlps.0.1": 48, "mlps.1.1": 48},
    "multi-head attention": {"embed": 6, "mlps.0.1": 48, "mlps.1.1": 48},
    "attention to others": {"embed": 6, "mixers.0.1.memory": 10, "mlps.0.1": 48},
    "transformer layer": {"embed": 6, "mixers.0.1.linear1": 20, "mlps.0.1": 48},
    "cascade": {"stem": 8, "stem#2": 8, "heads.0": 4},
    "outlook": {"stem": 12},
    "halo": {"stem": 16, "q": 8, "kv": 16},
}


def run(model, input_shape, training=False):
    model.train(training)
    with torch.no_grad():
        return [t.shape for t in tree_leaves(model(*(torch.randn(2, *s) for s in shapes_of(input_shape))))]


def test_every_structure_has_its_groups_written_down():
    assert GROUPS.keys() == ZOO.keys()


@pytest.mark.parametrize("name", ZOO)
def test_groups_and_exact_counts(name):
    factory, shape = ZOO[name]
    model = factory()
    found = profile(model, shape)
    assert {g.name: g.width for g in found.groups} == GROUPS[name]
    assert differences(model, found) == {}
    outputs = [run(model, shape, training) for training in (False, True)]
    for factor in (0.75, 0.5, 0.0):
        plan = shrink(found, factor, minus=factor)
        pruned = prune(model, plan)
        assert differences(pruned, found, plan.widths) == {}
        assert found.total("params", plan.widths) < found.totals["params"]
        assert [run(pruned, shape, training) for training in (False, True)] == outputs


@pytest.mark.parametrize("name", ["norms", "shuffle", "ghost", "two_inputs"])
def test_saved_and_loaded_profile_is_equal(name, tmp_path):
    factory, shape = ZOO[name]
    found = profile(factory(), shape)
    found.save(tmp_path / "profile.json")
    loaded = Profile.load(tmp_path / "profile.json")
    assert loaded == found
    assert loaded.digest == found.digest


@pytest.mark.parametrize(
    ("name", "layer", "words"),
    [
        ("plain", "11", ["output of the network"]),
        ("hard_flatten", "b", ["written down", "view", "zoo_layouts.py:"]),
        ("split_by_number", "cv1", ["written down", "split", "zoo_layouts.py:"]),
        ("outlook", "scores", ["divides", "zoo_attention.py:"]),
        ("unknown", "b", ["no rule", "linalg_inv_ex", "zoo.py:"]),
    ],
)
def test_frozen_layers_say_why(name, layer, words):
    factory, shape = ZOO[name]
    reason = profile(factory(), shape).frozen[layer]
    assert all(word in reason for word in words), reason


def test_training_only_head_is_noted_and_follows():
    factory, shape = ZOO["auxiliary"]
    found = profile(factory(), shape)
    assert any("aux_conv" in note for note in found.notes)
    assert "aux_conv" not in [layer.name for layer in found.layers]
    pruned = prune(factory(), shrink(found))
    assert pruned.aux_conv.in_channels == 8
    assert pruned.aux_conv.out_channels == 6


def test_an_environment_behind_a_link_is_not_the_users_code(tmp_path):
    link = tmp_path / "environment"
    link.symlink_to(Path(torch.__file__).parents[1])
    assert not is_user_code(str(link / "torch" / "_ops.py"))
    assert is_user_code(str(link / "torchvision" / "models" / "vgg.py"))


def test_layers_know_their_source_line():
    found = profile(Residual(), IMAGE)
    assert all("zoo.py:" in layer.source for layer in found.layers)


def test_model_is_left_alone():
    model = Residual()
    model.stem.eval()  # an odd mix of modes must survive
    model(torch.randn(2, *IMAGE)).sum().backward()
    state = copy.deepcopy(model.state_dict())
    gradients = [p.grad.clone() for p in model.parameters()]
    modes = [m.training for m in model.modules()]
    attributes = [set(vars(m)) for m in model.modules()]
    rng = torch.random.get_rng_state()
    prune(model, shrink(profile(model, IMAGE)), weights="keep")
    assert all(torch.equal(a, b) for a, b in zip(state.values(), model.state_dict().values(), strict=True))
    assert all(torch.equal(g, p.grad) for g, p in zip(gradients, model.parameters(), strict=True))
    assert [m.training for m in model.modules()] == modes
    assert [set(vars(m)) for m in model.modules()] == attributes
    assert torch.equal(rng, torch.random.get_rng_state())


def test_control_flow_on_values_is_refused_with_its_line():
    with pytest.raises(EdgepruneError, match=r"values of a tensor.*zoo\.py:\d+"):
        profile(DataDependent(), IMAGE)


def test_assertions_on_values_are_taken_to_hold():
    found = profile(Asserting(), IMAGE)
    assert list(found.widths) == ["a"]
    pruned = prune(Asserting(), shrink(found))
    with pytest.raises(AssertionError, match="not a number"):
        pruned(torch.full((1, *IMAGE), torch.nan))


def test_other_branches_on_values_are_refused_still():
    with pytest.raises(EdgepruneError, match="values of a tensor"):
        profile(Asserting(lambda x: x if x.sum() > 0 else -x), IMAGE)


@pytest.mark.parametrize("wrap", [torch.compile, lambda m: m.compile() or m, lambda m: nn.Sequential(torch.compile(m))])
def test_a_compiled_module_is_what_was_compiled(wrap):
    inner = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 1))
    compiled = wrap(inner)
    found = profile(compiled, IMAGE)
    assert not any("_orig_mod" in slot.name for slot in found.slots)
    pruned = prune(compiled, shrink(found), weights="keep")
    assert pruned(torch.zeros(1, *IMAGE)).shape == (1, 4, 14, 14)
    assert not any(type(m).__name__ == "OptimizedModule" for m in pruned.modules())
    assert prune(compiled, shrink(found)).state_dict().keys() == pruned.state_dict().keys()


@pytest.mark.parametrize("shape", [(4, 16, 16), (3, 16)])
def test_wrong_input_shape_is_named(shape):
    with pytest.raises(EdgepruneError, match=r"input_shape: the forward pass failed in aten\."):
        profile(ZOO["plain"][0](), shape)


@pytest.mark.parametrize("shape", [None, 32, (), (3, 0, 4), (3, "a", 4), [(3, 4), 5]])
def test_nonsense_shapes_are_refused(shape):
    with pytest.raises(EdgepruneError, match="not the shape of an input"):
        profile(Residual(), shape)


def test_a_module_is_asked_for():
    with pytest.raises(EdgepruneError, match=r"torch\.nn\.Module"):
        profile(torch.relu, IMAGE)


def test_lazy_modules_are_refused():
    with pytest.raises(EdgepruneError, match="lazy"):
        profile(nn.Sequential(nn.LazyConv2d(4, 3)), IMAGE)


def test_profile_is_the_same_twice():
    assert profile(Residual(), IMAGE).to_json() == profile(Residual(), IMAGE).to_json()


def test_definitions_of_a_layer():
    """The sums of METHOD, by hand, of one strided convolution with bias."""
    found = profile(nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 2, 1, bias=False)), (3, 9, 7))
    first, second = found.layer_table()
    assert first["params"] == 8 * 3 * 9 + 8
    assert first["macs"] == 5 * 4 * 8 * 3 * 9
    assert first["flops"] == 2 * first["macs"] + 5 * 4 * 8
    assert first["memory"] == 5 * 4 * 8 * 4
    assert second["params"] == 16
    assert second["flops"] == 2 * 5 * 4 * 16


def test_our_rules_are_there_before_anyone_registers_one():
    """Else a user's rule of the same name would be lost, or who looks at the rules early would find none."""
    code = """
from edgeprune.tracing.registry import RULES, rule
assert "convolution" in RULES
rule("convolution")(print)
import edgeprune.tracing.profile
assert RULES["convolution"] is print
"""
    subprocess.run([sys.executable, "-c", code], check=True)
