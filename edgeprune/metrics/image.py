"""How near one image is to another, on the scale 0 to 255: PSNR and SSIM, and the luma that they are taken on."""

import numpy as np
from scipy.ndimage import correlate1d

from edgeprune.errors import EdgepruneError

_RGB = np.array([65.481, 128.553, 24.966]) / 255
_RADIUS = 5
_WINDOW = np.exp(-(np.arange(-_RADIUS, _RADIUS + 1) ** 2) / (2 * 1.5**2))
_WINDOW /= _WINDOW.sum()
LEAST_SIDE = len(_WINDOW)  # of an image that SSIM can be taken of, pixels
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def to_bytes(image: np.ndarray) -> np.ndarray:
    """An image on 0..1, clipped and rounded to the 256 values that a file holds.

    Returns:
        of the input's shape and floating type, so that differences don't wrap and a NaN stays one.
    """
    return np.rint(np.clip(image, 0, 1) * 255)


def luma(image: np.ndarray) -> np.ndarray:
    """Y of BT.601 in studio range (16 for black, 235 for white), not rounded: what super-resolution is scored on.

    Args:
        image: (3, H, W) RGB or (1, H, W) grey, which counts as R = G = B; on 0..255.

    Returns:
        (H, W) float64.

    Raises:
        EdgepruneError: the image has neither 1 nor 3 channels.
    """
    if image.ndim != 3 or len(image) not in (1, 3):
        raise EdgepruneError(f"an image of shape {image.shape} has no luma", remedy="give (1, H, W) or (3, H, W)")
    weights = _RGB if len(image) == 3 else _RGB.sum(keepdims=True)
    return 16 + np.tensordot(weights, np.asarray(image, np.float64), 1)


def psnr(a: np.ndarray, b: np.ndarray, peak: float = 255) -> float:
    """Peak signal-to-noise ratio of two arrays in dB; infinite where they are equal.

    Raises:
        EdgepruneError: the shapes differ.
    """
    a, b = _pair(a, b)
    error = np.mean((a - b) ** 2)
    return float(10 * np.log10(peak**2 / error)) if error else float("inf")


def ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Structural similarity (Wang et al. 2004) of two (H, W) arrays on 0..255.

    Gaussian window of 11 x 11 with sigma 1.5, K1 = 0.01, K2 = 0.03, the mean over the places where the window fits.

    Raises:
        EdgepruneError: the shapes differ, or the window fits nowhere.
    """
    a, b = _pair(a, b)
    if a.ndim != 2 or min(a.shape) < LEAST_SIDE:
        raise EdgepruneError(
            f"SSIM needs (H, W) of at least {LEAST_SIDE} x {LEAST_SIDE} pixels, the image's shape is {a.shape}",
            remedy="use larger images, or PSNR",
        )
    means = np.stack([a, b, a * a + b * b, a * b])
    for axis in (1, 2):
        means = correlate1d(means, _WINDOW, axis)
    mean_a, mean_b, squares, product = means[:, _RADIUS:-_RADIUS, _RADIUS:-_RADIUS]
    both, energy = mean_a * mean_b, mean_a**2 + mean_b**2
    similarity = (2 * both + _C1) * (2 * (product - both) + _C2) / ((energy + _C1) * (squares - energy + _C2))
    return float(similarity.mean())


def _pair(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if np.shape(a) != np.shape(b):
        raise EdgepruneError(
            f"images of shapes {np.shape(a)} and {np.shape(b)} cannot be compared",
            remedy="give both the same channels and size",
        )
    return np.asarray(a, np.float64), np.asarray(b, np.float64)
