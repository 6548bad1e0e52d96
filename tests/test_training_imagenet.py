"""The networks for images of about 224x224."""

import pytest
import torch

from edgeprune.networks import imagenet
from edgeprune.sampling.sample import sample
from edgeprune.surgery.prune import prune
from edgeprune.tracing.profile import profile

torch.set_num_threads(1)


# Parameters: torchvision's published counts; VGG-16 lacks 4,224 biases before batch norm. MACs: half of torch's FLOPs.
@pytest.mark.parametrize(
    ("factory", "parameters", "macs"),
    [
        (imagenet.alexnet, 61_100_840, 714_188_480),
        (imagenet.vgg16, 138_365_992 - 4224, 15_470_264_320),
        (imagenet.mobilenetv2, 3_504_872, 300_774_272),
        (imagenet.resnet50, 25_557_032, 4_089_184_256),
    ],
)
def test_counts_are_the_originals(factory, parameters, macs):
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        model, image = factory(), torch.zeros(1, 3, 224, 224)
    assert sum(p.numel() for p in model.parameters()) == parameters
    with FlopCounterMode(display=False) as counter:
        assert model(image).shape == (1, 1000)
    assert counter.get_total_flops() == 2 * macs


@pytest.mark.parametrize("name", ["alexnet", "vgg16", "mobilenetv2", "resnet50"])
def test_they_can_be_pruned(name):
    model = getattr(imagenet, name)(num_classes=5, width=0.125)
    dense = profile(model, (3, 64, 64), network=name)
    plan = sample(dense, "FA", 0.5, 0)
    assert plan.reduction["flops"] >= 0.5
    assert prune(model, plan).eval()(torch.zeros(2, 3, 64, 64)).shape == (2, 5)


def test_small_images_are_refused():
    for factory in (imagenet.alexnet, imagenet.vgg16):
        with pytest.raises(ValueError, match="too small"):
            factory(input_size=31)
