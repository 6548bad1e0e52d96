"""Whole images through a network that takes one size: overlapping tiles, and what comes out put together."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import chain, pairwise
from math import ceil

import numpy as np

from edgeprune.errors import EdgepruneError


def cover(height: int, width: int, tile: tuple[int, int], overlap: int, multiple: int = 1) -> list[tuple[int, int]]:
    """Where the tiles lie that cover an image: (top, left) in rows, evenly spread.

    Args:
        height: the image's, in pixels.
        width: likewise.
        tile: (h, w); multiples of ``multiple``.
        overlap: that neighbours have at least.
        multiple: of which each position is one. Tiles may reach over the far edges by less, and by more only where the
            image is smaller than a tile: the caller pads.

    Raises:
        EdgepruneError: the tiles leave no room for the overlap.
    """
    return [
        (y, x) for y in _places(height, tile[0], overlap, multiple) for x in _places(width, tile[1], overlap, multiple)
    ]


def _places(size: int, tile: int, overlap: int, multiple: int) -> list[int]:
    last = max(0, -(-(size - tile) // multiple))  # in units of `multiple`, as step
    step = (tile - overlap) // multiple
    if last and step < 1:
        raise EdgepruneError(
            f"tiles of {tile} pixels that overlap by {overlap} cannot move by {multiple}",
            remedy=f"give tiles of at least {overlap + multiple} pixels, a multiple of what the network reduces by",
        )
    count = -(-last // step) if last else 0
    return [multiple * (last * i // count) for i in range(count)] + [multiple * last]


def stitch(
    outputs: Iterable[np.ndarray],
    places: Sequence[tuple[int, int]],
    tile: tuple[int, int],
    size: tuple[int, int],
    scale: Fraction,
) -> np.ndarray:
    """Put the tiles' outputs together: each pixel is from the tile in which it lies deepest, nothing is blended.

    Args:
        outputs: (K, s h, s w) for each of ``places``; read one by one.
        places: as :func:`cover` gives them for multiples of the scale's denominator.
        tile: (h, w) in pixels of the image.
        size: the image's (H, W).
        scale: s, output pixels for each pixel.

    Returns:
        (K, s H, s W), rounded up.
    """
    rows, columns = (
        _spans(sorted(set(starts)), side, whole, scale) for starts, side, whole in zip(zip(*places), tile, size)
    )
    rest = iter(outputs)
    first = next(rest)
    made = np.empty((len(first), *(ceil(side * scale) for side in size)), first.dtype)
    for (top, left), output in zip(places, chain([first], rest)):
        (y0, y1, y), (x0, x1, x) = rows[top], columns[left]
        made[:, y0:y1, x0:x1] = output[:, y0 - y : y1 - y, x0 - x : x1 - x]
    return made


def _spans(starts: list[int], tile: int, size: int, scale: Fraction) -> dict[int, tuple[int, int, int]]:
    """For the tile at each start, in output pixels: from where to where it is taken, and where it lies."""
    places = [int(start * scale) for start in starts]
    cuts = [0, *((a + b + int(tile * scale)) // 2 for a, b in pairwise(places)), ceil(size * scale)]
    return dict(zip(starts, zip(cuts, cuts[1:], places)))


def by_tiles(
    image: np.ndarray,
    tile: tuple[int, int],
    predict: Callable[[np.ndarray], np.ndarray],
    overlap: int,
    batch: int = 8,
) -> np.ndarray:
    """A network's output for an image of any size, from tiles of one size.

    It equals the output for the whole image if the network sees at most ``overlap / 2`` pixels far, does the same at
    each pixel (one that pools inside and enlarges again does so on a grid, which tiles shift), and the image needs no
    padding: one smaller than a tile, or no multiple of what the output is reduced by, is mirrored at its bottom and
    right.

    Args:
        image: (C, H, W).
        tile: (h, w).
        predict: (n, C, h, w) -> (n, K, s h, s w), where s may be a fraction, for n up to ``batch``.
        overlap: of neighbouring tiles, in pixels, at least.
        batch: tiles in one call.

    Returns:
        (K, s H, s W), rounded up.

    Raises:
        EdgepruneError: height and width are scaled differently, or the tiles leave no room for the overlap.
    """
    height, width = tile
    size = image.shape[1], image.shape[2]
    if size == (height, width):
        return predict(image[None])[0]
    corner = predict(mirrored(image[:, :height, :width], height, width)[None])
    scale, other = (Fraction(*sides) for sides in zip(corner.shape[2:], tile))
    if scale != other:
        raise EdgepruneError(
            f"the network makes {corner.shape[2]} x {corner.shape[3]} of a tile of {height} x {width}: not one scale",
            remedy="give tiles whose sides are multiples of what the network reduces by",
        )
    places = cover(*size, tile, overlap, scale.denominator)
    whole = mirrored(image, places[-1][0] + height, places[-1][1] + width)

    def outputs() -> Iterator[np.ndarray]:
        yield corner[0]
        for start in range(1, len(places), batch):
            some = places[start : start + batch]
            yield from predict(np.stack([whole[:, y : y + height, x : x + width] for y, x in some]))

    return stitch(outputs(), places, tile, size, scale)


def mirrored(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """The image with its bottom and right reflected, so that it is at least so large."""
    missing = (max(0, whole - side) for whole, side in zip((height, width), image.shape[1:]))
    return np.pad(image, ((0, 0), *((0, count) for count in missing)), "reflect")
