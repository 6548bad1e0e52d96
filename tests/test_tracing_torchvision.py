"""Families of torchvision's classifiers, traced, pruned and counted on the meta device (no data is allocated)."""

import pytest
import torch

from edgeprune.surgery.prune import prune
from edgeprune.surgery.verify import differences
from edgeprune.tracing.profile import profile
from helpers.plans import shrink

torch.set_num_threads(1)

#: Name, side of the input, and whether its training mode has heads of its own.
FAMILIES = [
    ("alexnet", 64, False),
    ("vgg11_bn", 32, False),
    ("resnet50", 32, False),
    ("resnext50_32x4d", 32, False),
    ("mobilenet_v2", 32, False),
    ("mobilenet_v3_small", 32, False),
    ("mnasnet0_5", 32, False),
    ("efficientnet_b0", 32, False),
    ("shufflenet_v2_x0_5", 32, False),
    ("squeezenet1_1", 32, False),
    ("densenet121", 32, False),
    ("convnext_tiny", 32, False),
    ("googlenet", 64, True),
    ("inception_v3", 299, True),
    ("lraspp_mobilenet_v3_large", 32, False),
    ("deeplabv3_mobilenet_v3_large", 32, False),
]


@pytest.fixture(scope="module")
def build():
    models = pytest.importorskip("torchvision").models

    def factory(name):
        with torch.device("meta"):
            if "mobilenet_v3_large" in name:
                return models.get_model(name, weights=None, weights_backbone=None)
            return models.get_model(name, weights=None)

    return factory


@pytest.mark.filterwarnings("ignore:The default weight initialization")
@pytest.mark.parametrize(("name", "side", "heads"), FAMILIES)
def test_family_is_exact(build, name, side, heads):
    model = build(name)
    found = profile(model, (3, side, side))
    assert differences(model, found) == {}
    assert all("output" in reason for reason in found.frozen.values()), found.frozen
    assert any("training only" in note for note in found.notes) == heads
    plan = shrink(found, 0.6, minus=1)
    pruned = prune(model, plan)
    assert differences(pruned, found, plan.widths) == {}
    assert found.total("macs", plan.widths) < 0.6 * found.totals["macs"]
    pruned.to("meta").train()
    pruned(torch.empty(2, 3, side, side, device="meta"))


def test_regnet_is_exact():
    models = pytest.importorskip("torchvision").models
    model = models.regnet_y_400mf(weights=None)
    found = profile(model, (3, 32, 32))
    plan = shrink(found)
    assert differences(prune(model, plan), found, plan.widths) == {}


def test_transformer_is_exact(build):
    model = build("vit_b_16")
    model.encoder.layers = model.encoder.layers[:2]
    found = profile(model, (3, 224, 224))
    plan = shrink(found)
    assert "conv_proj" in {member for group in found.groups for member in group.members}
    assert differences(prune(model, plan), found, plan.widths) == {}
