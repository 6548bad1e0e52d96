"""A target or budget that cannot be reached: the refusal says which layers are kept, and why."""

import pytest
from torch import nn

import edgeprune
from edgeprune.complexity.profile import Profile
from edgeprune.complexity.width import constant, is_constant
from edgeprune.errors import EdgepruneError
from edgeprune.sampling.sample import sample
from helpers.profiles import Builder, alexnet, mobilenet_v2, resnet50, vgg16

WHY = "there is no rule for the operator (aten._weight_norm_interface)"


def weight_normed():
    """Three convolutions that weight norm keeps, and the output."""
    b = Builder("normed", 3, 8)
    last = constant(3)
    for n, width in enumerate((16, 32, 64)):
        last = b.conv(f"conv{n}", constant(width), last, norm=False)
    b.linear("fc", constant(10), last)
    profile = b.build()
    fields = {name: getattr(profile, name) for name in profile.__dataclass_fields__}
    assert all(is_constant(layer.out) for layer in profile.layers)
    output = {"fc": "its channels are an output of the network"}
    fields["frozen"] = dict.fromkeys(("conv0", "conv1", "conv2"), WHY) | output
    return Profile(**fields)


def refusal(profile, mode="PA", target=0.99, **options):
    with pytest.raises(EdgepruneError, match="can fall by at most") as caught:
        sample(profile, mode, target, **options)
    return caught.value


def test_layers_that_tracing_froze_are_named_with_the_profiles_reason():
    error = refusal(weight_normed(), target=0.5)
    assert f"layers conv2, conv1 and 1 more: {WHY}" in error.problem
    assert "its channels are an output" not in error.problem  # 3 % of the parameters: not what matters
    assert "min_channels" not in error.remedy  # no option can help here
    assert "edgeprune explain" in error.remedy


@pytest.mark.parametrize(
    ("profile", "mode", "options", "words"),
    [
        (alexnet(), "PA", {"prunable": "conv"}, "fc2, fc1: prunable='conv'"),
        (vgg16(), "PA", {"protect": ["conv1?", "conv9"]}, "and 2 more: protect='conv1?'"),
        (vgg16(), "MA", {"protect": ["conv2"]}, "layer conv2: protect='conv2'"),
        (vgg16(), "MA", {}, "conv1, conv2 and 13 more: min_channels=0.1"),
        (resnet50(), "FA", {"min_channels": 64}, "more: min_channels=64"),
        (mobilenet_v2(), "FA", {"round_to": 128}, "more: no smaller width suits round_to=128"),
    ],
)
def test_options_that_keep_layers_are_named_with_what_they_keep(profile, mode, options, words):
    error = refusal(profile, mode, **options)
    assert words in error.problem
    assert len(error.problem) < 600


def test_what_the_forward_pass_does_not_use_is_named():
    class HalfUsed(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.head = nn.Conv2d(3, 16, 3), nn.Conv2d(16, 4, 1)
            self.deep = nn.Sequential(nn.Conv2d(16, 64, 3), nn.BatchNorm2d(64), nn.Conv2d(64, 64, 3))

        def forward(self, x):
            return self.head(self.stem(x)).mean((2, 3))

    error = refusal(edgeprune.profile(HalfUsed(), (3, 16, 16)), target=0.5)
    assert "What is left lies in layers deep.2, deep.0: of no convolution or linear layer that runs" in error.problem
    assert "if its forward pass does not use them" in error.remedy


@pytest.mark.parametrize("resource", ["params", "macs", "flops", "memory", "peak_memory"])
def test_every_resource_of_a_budget_has_its_reasons(resource):
    with pytest.raises(EdgepruneError, match="What is left lies in layers conv") as caught:
        sample(weight_normed(), budget={resource: 0.5})
    assert WHY in caught.value.problem


def test_reasons_of_several_resources_are_told_once():
    with pytest.raises(EdgepruneError) as caught:
        sample(weight_normed(), budget={"params": 0.5, "macs": 0.5})
    assert caught.value.problem.count(WHY) == 1
    assert caught.value.problem.count("can fall by at most") == 2
