"""The shipped networks and the way from a name in the configuration to a module."""

import pytest
import torch
from torch import nn

from edgeprune.errors import EdgepruneError
from edgeprune.networks import alexnet, mobilenet, resnet, spec, vgg
from edgeprune.networks.layers import scaled
from edgeprune.networks.resolve import build

torch.set_num_threads(1)


def parameters(model):
    return sum(p.numel() for p in model.parameters())


# Parameters worked out by hand from the published tables: convolutions, batch norm (2 per channel), linear layers.
VGG16_CONVOLUTIONS = 14_710_464  # 13 convolutions without bias: 9 * sum(Cin * Cout)


@pytest.mark.parametrize(
    ("factory", "classes", "expected"),
    [
        # batch norm 2 * (4224 + 1024); 512 -> 512 -> 512 -> 10
        (vgg.vgg16, 10, VGG16_CONVOLUTIONS + 2 * (4224 + 1024) + 2 * (512 * 512 + 512) + 512 * 10 + 10),
        # the usual CIFAR ResNet-50 and MobileNetV2 (stride-1 stems): torchvision's, but for the stem and the classifier
        (resnet.resnet50, 100, 25_557_032 - 64 * 3 * 49 + 64 * 3 * 9 - (2048 + 1) * 900),
        # the well-known 853,018 with shortcuts that pad; ours project: two 1x1 convolutions with batch norm
        (resnet.resnet56, 10, 853_018 + 16 * 32 + 32 * 64 + 2 * (32 + 64)),
        (mobilenet.mobilenetv2, 10, 3_504_872 - (1280 + 1) * 990),
        # torchvision's AlexNet with 3x3 kernels and a 2x2 last map
        (
            alexnet.alexnet,
            10,
            (27 * 64 + 64)
            + (64 * 9 * 192 + 192)
            + (192 * 9 * 384 + 384)
            + (384 * 9 * 256 + 256)
            + (256 * 9 * 256 + 256)
            + (1024 * 4096 + 4096)
            + (4096 * 4096 + 4096)
            + (4096 * 10 + 10),
        ),
    ],
)
def test_parameters_are_those_of_the_published_networks(factory, classes, expected):
    with torch.device("meta"):
        assert parameters(factory(num_classes=classes)) == expected


def test_vgg16_has_the_layers_of_the_papers_figure_1():
    with torch.device("meta"):
        modules = list(vgg.vgg16(hidden=(4096, 4096)).modules())
    assert sum(isinstance(m, nn.Conv2d) for m in modules) == 13
    assert [m.out_features for m in modules if isinstance(m, nn.Linear)] == [4096, 4096, 10]


@pytest.mark.parametrize(
    ("factory", "shape"),
    [
        (vgg.vgg16, (3, 32, 32)),
        (vgg.vgg16, (3, 64, 48)),
        (alexnet.alexnet, (3, 32, 32)),
        (alexnet.alexnet, (3, 33, 47)),
        (mobilenet.mobilenetv2, (3, 32, 32)),
        (resnet.resnet50, (3, 32, 32)),
        (resnet.resnet56, (3, 32, 32)),
        (vgg.vgg8, (1, 8, 8)),
        (vgg.vgg8, (1, 4, 6)),
        (mobilenet.mobilenetv2_small, (1, 8, 8)),
        (resnet.resnet8, (1, 8, 8)),
    ],
)
def test_forward_gives_one_logit_per_class(factory, shape):
    with torch.device("meta"):
        model = build(
            {"factory": f"{factory.__module__}:{factory.__name__}", "args": {"width": 0.25}},
            num_classes=7,
            in_channels=shape[0],
            input_size=shape[1:],
        )
        assert model(torch.empty(2, *shape)).shape == (2, 7)


def test_stems_keep_the_resolution_of_small_images():
    with torch.device("meta"):
        image = torch.empty(1, 3, 32, 32)
        assert resnet.resnet50().features(image).shape[-2:] == (4, 4)
        assert mobilenet.mobilenetv2().features(image).shape[-2:] == (4, 4)


def test_initialisation_is_repeated_by_reset_parameters():
    torch.manual_seed(3)
    model = resnet.resnet8()
    before = [p.clone() for p in model.parameters()]
    torch.manual_seed(3)
    for module in model.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
    spread = model.features[0][0].weight.std().item()
    assert spread == pytest.approx((2 / (16 * 9)) ** 0.5, rel=0.2)  # He, fan-out of the stem
    for old, new in zip(before, model.parameters()):
        assert torch.equal(old, new)


def test_depth_and_width_are_arguments():
    with torch.device("meta"):
        shallow = resnet.resnet50(depths=(1, 1, 1, 1), width=0.5)
        assert parameters(shallow) < parameters(resnet.resnet50()) / 5
        custom = vgg.VGG(((8,), (16, 16)), hidden=(), num_classes=5, input_size=8)
        assert [m.out_features for m in custom.modules() if isinstance(m, nn.Linear)] == [5]
    assert [scaled(24, 0.5, 8), scaled(1, 0.1), scaled(32, 1.4, 8)] == [16, 1, 48]


# --- resolve


def test_build_passes_only_what_the_signature_accepts(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from torch import nn\n"
        "def takes_one(in_channels, filters=4): return nn.Conv2d(in_channels, filters, 1)\n"
        "def takes_any(**kwargs): return nn.Linear(1, 1 + len(kwargs))\n"
        "class Space: build = staticmethod(lambda: nn.Identity())\n"
    )
    offered = {"num_classes": 3, "in_channels": 2, "input_size": 8}
    place = f"{tmp_path}/mine.py"
    assert build({"factory": f"{place}:takes_one", "args": {"filters": 6}}, **offered).weight.shape == (6, 2, 1, 1)
    assert build({"factory": f"{place}:takes_one", "args": {"in_channels": 5}}, **offered).weight.shape[1] == 5
    assert build(f"{place}:takes_any", **offered).out_features == 1
    assert isinstance(build(f"{place}:Space.build", **offered), nn.Identity)


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("edgeprune.networks.nowhere:vgg", "there is no module 'edgeprune.networks.nowhere'"),
        ("edgeprune.networks.vgg:vgg17", "has no 'vgg17'.*\n.*vgg16"),
        ("edgeprune.networks.vgg:VGG16", "cannot be called"),
        ("edgeprune.networks.layers:pair", "failed: TypeError"),
        ("edgeprune.networks.spec:factory_key", "returned str, no torch.nn.Module"),
        ("nowhere/mine.py:f", "there is no file 'nowhere/mine.py'"),
        ("vgg16", "names no function"),
        (":f", "names no function"),
    ],
)
def test_bad_factory_names_key_and_remedy(factory, message):
    # factory_key's own argument is called name
    args = {"name": "x"} if factory.endswith("factory_key") else {}
    with pytest.raises(EdgepruneError, match=message) as caught:
        build({"factory": factory, "args": args}, name="mine")
    assert caught.value.key == "networks.mine.factory"
    assert caught.value.remedy


def test_factory_that_raises_is_quoted():
    with pytest.raises(EdgepruneError, match="input of 8 is too small for 5 poolings"):
        build("edgeprune.networks.vgg:vgg16", name="vgg16", input_size=8)


def test_broken_user_file_is_named(tmp_path):
    (tmp_path / "broken.py").write_text("import no_such_package_of_mine\n")
    with pytest.raises(EdgepruneError, match=r"importing .*broken.py failed: ModuleNotFoundError"):
        build(f"{tmp_path}/broken.py:f", name="mine")


@pytest.mark.parametrize("bad", [3, {}, {"factory": 3}, {"factory": "a:b", "arg": {}}, {"factory": "a:b", "args": [1]}])
def test_malformed_specification(bad):
    with pytest.raises(EdgepruneError):
        spec.parse(bad, "mine")
