"""Interpolation of whole maps, separable: one sparse matrix of weights for each axis.

Sparse, not dense, because a row has a few taps out of hundreds; and the sums' order, hence the bits, is the same with
any number of threads.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from scipy.sparse import csr_array


def bicubic(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Antialiased bicubic interpolation with the kernel of Keys, a = -0.5; when reducing, it is stretched.

    This is Pillow's BICUBIC in mode "F" and torch's with ``antialias=True``: taps outside the image are left out.
    Matlab's imresize has the same kernel, but mirrors at the border. Values may leave the input's range; nothing is
    rounded.

    Args:
        image: (..., h, w).
        size: (H, W).

    Returns:
        (..., H, W), floating; of the input's type, if that is.
    """
    return _resize(image, size, _keys, 2, True)


def bilinear(maps: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bilinear interpolation with half-pixel centres (torch's with ``align_corners=False``), not antialiased.

    Args:
        maps: (..., h, w).
        size: (H, W).

    Returns:
        (..., H, W), floating; of the input's type, if that is.
    """
    return _resize(maps, size, _triangle, 1, False)


def _keys(x: np.ndarray) -> np.ndarray:
    x = np.abs(x)
    near, far = (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def _triangle(x: np.ndarray) -> np.ndarray:
    return np.maximum(0, 1 - np.abs(x))


def _resize(maps: np.ndarray, size: tuple[int, int], kernel: Callable, support: int, antialias: bool) -> np.ndarray:
    maps = np.asarray(maps, np.result_type(maps, np.float32))
    for axis, count in zip((-1, -2), size[::-1]):
        moved = np.moveaxis(maps, axis, 0)
        weights = _weights(len(moved), count, kernel, support, antialias).astype(maps.dtype)
        lines = weights @ moved.reshape(len(moved), -1)
        maps = np.moveaxis(lines.reshape(count, *moved.shape[1:]), 0, axis)
    return np.ascontiguousarray(maps)


@lru_cache(maxsize=16)
def _weights(n: int, count: int, kernel: Callable, support: int, antialias: bool) -> csr_array:
    """(count, n): the weight of each of n pixels in each of ``count``."""
    stretch = max(n / count, 1) if antialias else 1
    centres = (np.arange(count) + 0.5) * n / count - 0.5  # in input pixels
    taps = np.floor(centres - support * stretch)[:, None] + np.arange(int(2 * support * stretch) + 3)
    weights = kernel((taps - centres[:, None]) / stretch) * ((taps >= 0) & (taps < n))
    weights /= weights.sum(1, keepdims=True)
    rows, columns = np.nonzero(weights)
    return csr_array((weights[rows, columns], (rows, taps[rows, columns].astype(int))), shape=(count, n))
