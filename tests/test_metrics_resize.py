"""Interpolation against Pillow and torch, and by hand."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import interpolate

from edgeprune.metrics.resize import bicubic, bilinear

IMAGE = np.random.default_rng(0).uniform(0, 255, (3, 45, 61)).astype(np.float32)
SIZES = [(45, 61), (22, 30), (15, 20), (11, 61), (90, 122), (135, 40), (46, 62), (44, 60), (1, 1), (7, 400)]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_bicubic_is_pillows_and_torchs(size):
    ours = bicubic(IMAGE, size)
    pillow = [np.asarray(Image.fromarray(plane).resize(size[::-1], Image.Resampling.BICUBIC)) for plane in IMAGE]
    np.testing.assert_allclose(ours, pillow, atol=2e-3)
    theirs = interpolate(torch.from_numpy(IMAGE)[None].double(), size, mode="bicubic", antialias=True)[0].numpy()
    np.testing.assert_allclose(ours, theirs, atol=2e-3)
    np.testing.assert_allclose(bicubic(IMAGE.astype(np.float64), size), theirs, atol=1e-9)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_bilinear_is_torchs(size):
    maps = IMAGE.astype(np.float64)
    theirs = interpolate(torch.from_numpy(maps)[None], size, mode="bilinear", align_corners=False)[0].numpy()
    np.testing.assert_allclose(bilinear(maps, size), theirs, atol=1e-9)


def test_enlarging_twice_has_the_weights_of_keys():
    impulse = np.zeros((1, 1, 9))
    impulse[..., 4] = 1
    found = bicubic(impulse, (1, 18))[0, 0] * 128
    assert found[4:14] == pytest.approx([0, -3, -9, 29, 111, 111, 29, -9, -3, 0])
    assert bilinear(impulse, (1, 18))[0, 0, 6:12].tolist() == [0, 0.25, 0.75, 0.75, 0.25, 0]


def test_borders_are_renormalised_and_reducing_is_antialiased():
    flat = np.ones((1, 13, 17), np.float32)
    for size in SIZES:
        np.testing.assert_allclose(bicubic(flat, size), 1, atol=1e-6)
        np.testing.assert_allclose(bilinear(flat, size), 1, atol=1e-6)
    stripes = np.tile([0.0, 1.0], (1, 32, 16))
    assert np.ptp(bicubic(stripes, (8, 8))[0, 2:-2, 2:-2]) < 0.02
    steps = np.array([[[0.0, 1.0]]])
    assert bicubic(steps, (1, 2)).tolist() == steps.tolist()
    assert bilinear(steps, (1, 4)).tolist() == [[[0, 0.25, 0.75, 1]]], "half-pixel centres"


def test_types_and_leading_axes():
    bytes_ = IMAGE.astype(np.uint8)
    assert bicubic(bytes_, (90, 122)).dtype == np.float32
    assert bicubic(bytes_, (90, 122)).min() < 0, "neither wrapped nor clipped"
    assert bicubic(IMAGE.astype(np.float64), (5, 5)).dtype == np.float64
    batch = np.stack([IMAGE, IMAGE[::-1]])
    np.testing.assert_array_equal(bilinear(batch, (90, 50))[1], bilinear(IMAGE, (90, 50))[::-1])
    np.testing.assert_array_equal(bilinear(IMAGE[0], (90, 50)), bilinear(IMAGE, (90, 50))[0])
    assert bilinear(batch, (90, 50)).flags.c_contiguous
    before = IMAGE.copy()
    bicubic(IMAGE, (45, 61))[:] = 0
    assert (before == IMAGE).all(), "the input is left alone"
