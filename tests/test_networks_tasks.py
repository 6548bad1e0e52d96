"""Networks for restoration, segmentation and detection: published counts, shapes, surgery, ONNX files."""

import functools
import io

import onnxruntime
import pytest
import torch
from torch.nn import functional as F

import edgeprune
from edgeprune.errors import EdgepruneError
from edgeprune.export.onnx import check, to_bytes
from edgeprune.networks import detection, restoration, segmentation
from edgeprune.networks.resolve import build
from edgeprune.surgery.verify import counted, differences
from helpers.tasknetworks import PUBLISHED, SMALL
from test_keep_equivalence import require_equivalent

torch.set_num_threads(1)
MODES = {"PA": "params", "FA": "macs", "MA": "memory"}


def built(factory):
    with torch.device("meta"):
        return factory()


# --- counts


@pytest.mark.parametrize(
    ("factory", "shape", "params", "macs"),
    [
        # 556 k in the literature: weights, biases of the two ends, batch norm between
        (restoration.dncnn, (1, 512, 512), 9 * (64 + 15 * 64**2 + 64) + 65 + 15 * 128, 554_112 * 512**2),
        # Zhang et al. 2021 (ASSL): 1,369.9 K and 316.3 G for an output of 1280 x 720
        (restoration.edsr_baseline, (3, 360, 640), 1_369_859, 316_248_883_200),
        # 1,518 K and 114 G for an output of 1280 x 720 in comparisons of networks for x4
        (lambda: restoration.edsr_baseline(scale=4), (3, 180, 320), 1_517_571, 114_230_476_800),
        # 12,464 in Dong et al. 2016, who leave out 173 biases and 172 slopes. Tables that say 6.0 G for x2 at
        # 1280 x 720 multiply the transposed convolution's weights by its output's pixels, four times its input's.
        (restoration.fsrcnn, (1, 360, 640), 12_464 + 173 + 172, 12_464 * 360 * 640),
        # 21 k in comparisons: 25 * 64 + 9 * 64 * 32 + 9 * 32 * 4 weights, 100 biases
        (restoration.espcn, (1, 360, 640), 21_184 + 100, 21_184 * 360 * 640),
        # the usual implementation in torch: RGB, two classes, convolutions without bias before batch norm. The
        # original, with 5,888 biases where this has 11,776 parameters of batch norm: 31,030,658 for grey images.
        (lambda: segmentation.unet(2, width=64), (3, 64, 64), 31_037_698, None),
        (lambda: segmentation.unet(2, in_channels=1, width=64), (1, 64, 64), 31_030_658 + 5_888, None),
        # no number was published: MobileNetV2's layers at 0.35 (16, 8, 8, 8, 16, 16, 16 channels, up to the 96 of an
        # expansion; 872 of batch norm), then 96 -> 32 -> 2
        (
            lambda: detection.fomo(1),
            (3, 96, 96),
            432 + (144 + 128) + 2 * 1200 + 1584 + 2 * 3936 + 1536 + 2 * 872 + 97 * 32 + 33 * 2,
            None,
        ),
    ],
)
def test_counts_are_those_of_the_literature(factory, shape, params, macs):
    found = counted(built(factory), [shape])
    assert found["params"] == params
    assert macs in (None, found["macs"])


def test_lraspp_counts_as_torchvision_publishes_it():
    weights = pytest.importorskip("torchvision").models.segmentation.LRASPP_MobileNet_V3_Large_Weights.DEFAULT
    found = counted(built(lambda: segmentation.lraspp_mobilenet_v3_large(21)), [(3, 520, 520)])
    assert found["params"] == weights.meta["num_params"] == 3_221_538
    assert found["macs"] / 1e9 == pytest.approx(weights.meta["_ops"], abs=0.0005)


def test_fast_scnn_is_about_as_large_as_published():
    """1.11 M in Poudel et al. 2019, who don't say how wide the pyramid pooling is."""
    assert counted(built(lambda: segmentation.fast_scnn(19)), [(3, 64, 64)])["params"] == pytest.approx(
        1.11e6, rel=0.03
    )


# --- shapes


@pytest.mark.parametrize(
    ("name", "factory", "args", "ratio", "outputs"),
    [
        ("restoration", "dncnn", {"depth": 3, "width": 4}, 1, 2),
        ("restoration", "fsrcnn", {"scale": 3}, 3, 2),
        ("restoration", "espcn", {"scale": 4, "skip": True}, 4, 2),
        ("restoration", "edsr_baseline", {"scale": 3, "blocks": 1}, 3, 2),
        ("segmentation", "fast_scnn", {"width": 0.25}, 1 / 8, 5),
        ("segmentation", "lraspp_mobilenet_v3_large", {}, 1 / 8, 5),
        ("detection", "fomo", {}, 1 / 8, 6),
    ],
)
@pytest.mark.parametrize("size", [(64, 96), (57, 91)])
def test_shape_of_the_output(name, factory, args, ratio, outputs, size):
    spec = {"factory": f"edgeprune.networks.{name}:{factory}", "args": args}
    model = built(lambda: build(spec, num_classes=5, in_channels=2))
    expected = tuple(-int(-n * ratio // 1) for n in size)
    assert model(torch.empty(2, 2, *size, device="meta")).shape == (2, outputs, *expected)


@pytest.mark.parametrize(("size", "cells"), [((64, 96), (16, 24)), ((57, 91), (15, 23))])
def test_centernet_returns_maps_by_name(size, cells):
    found = built(lambda: detection.centernet(7))(torch.empty(2, 3, *size, device="meta"))
    assert {name: tuple(t.shape) for name, t in found.items()} == {
        "heatmap": (2, 7, *cells), "size": (2, 2, *cells), "offset": (2, 2, *cells)
    }  # fmt: skip


def test_unet_keeps_the_size_and_refuses_those_that_its_poolings_do_not_divide():
    shape = (3, 360, 480)  # CamVid's
    shallow, deep = (built(lambda depth=depth: segmentation.unet(2, width=4, depth=depth)) for depth in (3, 4))
    assert shallow(torch.empty(1, *shape, device="meta")).shape == (1, 2, 360, 480)
    with pytest.raises(EdgepruneError, match=r"multiples of 16, not 360x480: give another size, or .* smaller depth"):
        edgeprune.profile(deep, shape)


def test_edsr_refuses_other_scales():
    with pytest.raises(EdgepruneError, match="by 2, 3 or 4, not by 5"):
        build({"factory": "edgeprune.networks.restoration:edsr_baseline", "args": {"scale": 5}})


# --- what training starts from


def test_restoration_starts_at_its_baseline():
    torch.manual_seed(0)
    x = torch.rand(1, 3, 12, 16)
    with torch.no_grad():
        denoised = restoration.dncnn(in_channels=3, depth=5, width=16)(x)
        enlarged = restoration.espcn(in_channels=3, scale=2, skip=True)(x)
    assert (denoised - x).abs().max() < 0.1
    bicubic = F.interpolate(x, scale_factor=2, mode="bicubic", antialias=True)
    assert (enlarged - bicubic)[..., 4:-4, 4:-4].abs().max() < 0.02


def test_edsr_does_not_explode_without_batch_norm():
    torch.manual_seed(0)
    with torch.no_grad():
        assert restoration.edsr_baseline(blocks=16, width=16)(torch.rand(1, 3, 8, 8)).abs().max() < 1


def test_heatmap_starts_at_a_probability_of_a_tenth_after_surgery_too():
    model = detection.centernet(3, width=8)
    pruned = edgeprune.prune(model, edgeprune.sample(edgeprune.profile(model, (3, 32, 32)), "FA", 0.5))
    for network in (model, pruned):
        assert torch.sigmoid(network.heads["heatmap"][-1].bias).tolist() == pytest.approx([0.1] * 3)
        assert not network.heads["size"][-1].bias.any()


# --- surgery


@functools.cache
def profiled(name):
    factory, channels = PUBLISHED[name]
    model = built(factory)
    profile = edgeprune.profile(model, (channels, 64, 64))
    assert differences(model, profile) == {}
    return model, profile


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", PUBLISHED)
def test_pruned_to_half_exactly(name, mode):
    model, profile = profiled(name)
    plan = edgeprune.sample(profile, mode, 0.5)
    assert 0.5 <= plan.reduction[MODES[mode]] < 0.54
    assert differences(edgeprune.prune(model, plan), profile, plan.widths) == {}


@pytest.mark.parametrize("name", SMALL)
def test_kept_weights_compute_the_same(name):
    factory, channels = SMALL[name]
    require_equivalent(factory(), (channels, 32, 32))


# --- ONNX


@pytest.mark.parametrize("name", sorted(SMALL.keys() - {"CenterNet"}))
def test_onnx_file_computes_the_same(name, recwarn):
    factory, channels = SMALL[name]
    side = 192 if name == "Fast-SCNN" else 32  # else its pyramid needs the slower exporter
    model = factory()
    plan = edgeprune.sample(edgeprune.profile(model, (channels, side, side)), "FA", 0.5)
    pruned = edgeprune.prune(model, plan)
    assert check(to_bytes(pruned, (channels, side, side)), pruned, (channels, side, side)) < 1e-5
    assert not [str(w.message) for w in recwarn if issubclass(w.category, UserWarning)]


def test_centernet_exports_with_its_names():
    model, x, stream = detection.centernet(3, width=8).eval(), torch.rand(1, 3, 36, 40), io.BytesIO()
    names = ["heatmap", "size", "offset"]
    torch.onnx.export(model, (x,), stream, dynamo=False, opset_version=17, input_names=["input"], output_names=names)
    found = onnxruntime.InferenceSession(stream.getvalue()).run(names, {"input": x.numpy()})
    with torch.no_grad():
        for name, value in zip(names, found):
            torch.testing.assert_close(torch.from_numpy(value), model(x)[name], atol=1e-5, rtol=1e-4)
