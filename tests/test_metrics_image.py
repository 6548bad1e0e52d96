"""PSNR, SSIM and luma against scikit-image and by hand."""

import numpy as np
import pytest
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from edgeprune.errors import EdgepruneError
from edgeprune.metrics.image import luma, psnr, ssim, to_bytes

RNG = np.random.default_rng(0)
NOISE = RNG.uniform(0, 255, (37, 52))
SMOOTH = np.add.outer(np.linspace(0, 120, 48), 60 * np.sin(np.arange(64) / 7) + 60)
PAIRS = {
    "noise": (NOISE, RNG.uniform(0, 255, NOISE.shape)),
    "noisy": (SMOOTH, np.rint(np.clip(SMOOTH + RNG.normal(0, 25, SMOOTH.shape), 0, 255))),
    "shifted": (SMOOTH, np.roll(SMOOTH, 3, 1)),
    "inverted": (SMOOTH, 255 - SMOOTH),
    "black and white": (np.zeros((20, 20)), np.full((20, 20), 255.0)),
    "smallest": (NOISE[:11, :11], NOISE[11:22, 11:22]),
    "border only": (
        SMOOTH,
        np.pad(SMOOTH[5:-5, 5:-5], 5),
    ),  # what zero padding or a mean over all places would get wrong
}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_psnr_and_ssim_are_scikit_images(pair):
    a, b = pair
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    assert psnr(a, b) == pytest.approx(peak_signal_noise_ratio(a, b, data_range=255), rel=1e-12)
    assert ssim(a, b) == pytest.approx(structural_similarity(a, b, **settings), abs=1e-10)
    assert ssim(a, b) == pytest.approx(ssim(b, a), abs=1e-12)
    assert ssim(a.T, b.T) == pytest.approx(ssim(a, b), abs=1e-12)


def test_psnr_by_hand():
    a = np.zeros((1, 4, 4), np.uint8)
    assert psnr(a, a) == float("inf")
    assert psnr(a, a + np.uint8(1)) == pytest.approx(48.1308, abs=1e-4)
    assert psnr(a + np.uint8(1), a) == psnr(a, a + np.uint8(1)), "bytes don't wrap"
    assert psnr(a, a + 255) == 0
    assert psnr(a / 1.0, a + 0.1, peak=1) == pytest.approx(20)
    one = a.copy()
    one[0, 0, 0] = 255  # the error is averaged over pixels, corners included, before the logarithm
    assert psnr(a, one) == pytest.approx(10 * np.log10(16))
    assert np.isnan(psnr(a, np.full(a.shape, np.nan)))


def test_ssim_by_hand():
    assert ssim(NOISE, NOISE) == pytest.approx(1, abs=1e-12)
    c1, (a, b) = (0.01 * 255) ** 2, (100.0, 150.0)  # flat images differ in luminance only
    flat = ssim(np.full((16, 16), a), np.full((16, 16), b))
    assert flat == pytest.approx((2 * a * b + c1) / (a**2 + b**2 + c1), abs=1e-9)
    sign = np.where(np.indices((32, 32)).sum(0) % 2, 1.0, -1.0)
    assert ssim(128 + 50 * sign, 128 - 50 * sign) < -0.9


def test_ssim_sees_a_corner_through_the_windows_that_hold_it():
    a = NOISE.copy()
    a[0, 0] += 100
    weight = np.exp(-(np.arange(-5, 6) ** 2) / 4.5)
    weight = (weight / weight.sum())[0] ** 2
    assert 0 < 1 - ssim(a, NOISE) < 10 * weight  # one window of many, at its lightest place
    b = NOISE.copy()
    b[18, 26] += 100
    assert 1 - ssim(b, NOISE) > 20 * (1 - ssim(a, NOISE))


def test_luma_is_bt_601_in_studio_range():
    image = RNG.integers(0, 256, (3, 9, 7), dtype=np.uint8)
    np.testing.assert_allclose(luma(image), rgb2ycbcr(image.transpose(1, 2, 0))[..., 0], atol=1e-9)
    black, white, red, green, blue = (
        luma(np.array(v).reshape(3, 1, 1)).item() for v in ([0] * 3, [255] * 3, [255, 0, 0], [0, 255, 0], [0, 0, 255])
    )
    assert (black, white) == pytest.approx((16, 235))
    assert (red, green, blue) == pytest.approx((81.481, 144.553, 40.966))
    grey = image[:1]
    np.testing.assert_allclose(luma(grey), luma(grey.repeat(3, 0)), rtol=1e-14)
    assert luma(grey.astype(np.float32)).dtype == np.float64


def test_bytes_are_clipped_rounded_and_exact_for_bytes():
    every = np.arange(256)
    for dtype in (np.float32, np.float64):
        assert (to_bytes((every / 255).astype(dtype)) == every).all()
        assert to_bytes(np.zeros(1, dtype)).dtype == dtype
    assert to_bytes(np.array([-0.3, 1.2, 0.4999 / 255, 0.5001 / 255])).tolist() == [0, 255, 0, 1]
    assert np.isnan(to_bytes(np.array([np.nan]))).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: psnr(np.zeros((1, 4, 4)), np.zeros((3, 4, 4))), "cannot be compared"),
        (lambda: ssim(np.zeros((12, 12)), np.zeros((12, 13))), "cannot be compared"),
        (lambda: ssim(np.zeros((10, 40)), np.zeros((10, 40))), "at least 11 x 11"),
        (lambda: ssim(np.zeros((1, 40, 40)), np.zeros((1, 40, 40))), "needs"),
        (lambda: luma(np.zeros((2, 4, 4))), "no luma"),
        (lambda: luma(np.zeros((3, 4))), "no luma"),
    ],
)
def test_what_cannot_be_scored_is_refused(call, words):
    with pytest.raises(EdgepruneError, match=words):
        call()
