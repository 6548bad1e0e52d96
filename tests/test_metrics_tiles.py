"""Tiles cover an image, and what comes out of them is the whole image's output."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from edgeprune.errors import EdgepruneError
from edgeprune.metrics.tiles import by_tiles, cover, stitch

RNG = np.random.default_rng(0)


def blur(radius):
    """A network of one depthwise convolution, zero padding included, and a second channel of its square."""

    def predict(batch):
        assert batch.flags.c_contiguous
        seen = uniform_filter(batch, (1, 1, 2 * radius + 1, 2 * radius + 1), mode="constant")
        return np.concatenate([seen, seen**2], 1)

    return predict


@pytest.mark.parametrize("multiple", [1, 4, 8])
@pytest.mark.parametrize("overlap", [0, 7, 24])
def test_tiles_cover_overlap_and_are_few(multiple, overlap):
    tile = (32, 48)
    for height, width in RNG.integers(1, 200, (30, 2)).tolist() + [[32, 48], [33, 49], [31, 200]]:
        places = cover(height, width, tile, overlap, multiple)
        for starts, side, size in zip(zip(*places), tile, (height, width)):
            starts = sorted(set(starts))
            assert starts[0] == 0
            assert all(start % multiple == 0 for start in starts)
            assert size <= starts[-1] + side < max(size, side + 1) + multiple
            assert all(0 < b - a <= side - overlap for a, b in pairwise(starts))
            step = (side - overlap) // multiple * multiple
            assert len(starts) == 1 + max(0, -(-(size - side) // step))
        assert len(places) == len(set(places))
        assert places == sorted(places)


def test_places_by_hand():
    assert cover(10, 20, (32, 32), 4) == [(0, 0)]
    assert cover(32, 33, (32, 32), 4) == [(0, 0), (0, 1)]
    assert cover(8, 20, (8, 8), 2) == [(0, 0), (0, 6), (0, 12)]
    assert cover(8, 19, (8, 8), 0, multiple=4) == [(0, 0), (0, 4), (0, 12)]


@pytest.mark.parametrize("scale", [Fraction(1), Fraction(3), Fraction(1, 4), Fraction(3, 2)], ids=str)
@pytest.mark.parametrize("overlap", [0, 8, 20])
def test_each_pixel_is_from_the_tile_in_which_it_lies_deepest(scale, overlap):
    tile, size = (32, 24), (101, 90)
    places = cover(*size, tile, overlap, scale.denominator)
    height, width = (int(side * scale) for side in tile)
    found = stitch((np.full((1, height, width), i) for i in range(len(places))), places, tile, size, scale)[0]
    assert found.shape == tuple(-(-side * scale.numerator // scale.denominator) for side in size)
    y, x = np.indices(found.shape)
    depth = np.full((len(places), *found.shape), -1.0)
    for i, (top, left) in enumerate(places):
        top, left = int(top * scale), int(left * scale)
        # the image's own border is none of the tile's
        up = np.inf if top == 0 else y - top
        down = np.inf if top + height >= found.shape[0] else top + height - 1 - y
        before = np.inf if left == 0 else x - left
        after = np.inf if left + width >= found.shape[1] else left + width - 1 - x
        inside = (y >= top) & (y < top + height) & (x >= left) & (x < left + width)
        depth[i] = np.where(inside, np.minimum(np.minimum(up, down), np.minimum(before, after)), -1)
    assert (np.take_along_axis(depth, found[None], 0)[0] == depth.max(0)).all()


@pytest.mark.parametrize("shape", [(1, 64, 64), (3, 65, 64), (2, 100, 131), (1, 40, 200), (1, 64, 63)], ids=str)
@pytest.mark.parametrize("batch", [1, 3])
def test_tiles_that_overlap_by_twice_what_the_network_sees_give_the_whole_images_output(shape, batch):
    image = RNG.random(shape).astype(np.float32)
    whole = blur(3)(image[None])[0]
    tiled = by_tiles(image, (32, 40), blur(3), 6, batch)
    if min(shape[1] - 32, shape[2] - 40) >= 0:
        np.testing.assert_allclose(tiled, whole, atol=1e-6)
    assert tiled.shape == whole.shape
    assert tiled.dtype == np.float32


def test_tiles_that_overlap_by_less_show_seams():
    image = RNG.random((1, 32 + 2 * 26, 40 + 34)).astype(np.float32)  # no more overlap than the 6 asked for
    for radius, equal in ((3, True), (4, False)):
        whole = blur(radius)(image[None])[0]
        assert np.allclose(by_tiles(image, (32, 40), blur(radius), 6), whole, atol=1e-6) == equal


def test_an_image_of_the_tiles_size_is_one_call_without_a_copy():
    image, calls = RNG.random((3, 16, 24)).astype(np.float32), []

    def predict(batch):
        calls.append(batch)
        return batch

    made = by_tiles(image, (16, 24), predict, 8)
    assert len(calls) == 1
    assert np.shares_memory(calls[0], image)
    assert np.shares_memory(made, image)


@pytest.mark.parametrize("size", [(5, 5), (31, 200), (1, 33), (32, 20)], ids=str)
def test_a_smaller_image_is_mirrored_at_its_far_edges(size):
    image, seen = RNG.random((1, *size)).astype(np.float32), []

    def predict(batch):
        seen.append(batch)
        return batch

    np.testing.assert_array_equal(by_tiles(image, (32, 32), predict, 4), image)
    padded = np.pad(image, ((0, 0), (0, max(0, 32 - size[0])), (0, max(0, 32 - size[1]))), "reflect")
    np.testing.assert_array_equal(seen[0][0], padded[:, :32, :32])


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_networks_that_enlarge(factor):
    image = RNG.random((3, 50, 71)).astype(np.float32)

    def predict(batch):
        return batch.repeat(factor, 2).repeat(factor, 3)

    np.testing.assert_array_equal(by_tiles(image, (24, 24), predict, 5), predict(image[None])[0])


@pytest.mark.parametrize("size", [(64, 80), (61, 75), (64, 33), (20, 90), (57, 57)], ids=str)
def test_networks_that_reduce_get_places_on_their_grid_and_the_output_is_rounded_up(size):
    image = RNG.random((2, *size)).astype(np.float32)
    batches = []

    def predict(batch):
        batches.append(len(batch))
        return batch[:, :, ::8, ::8]

    found = by_tiles(image, (32, 32), predict, 10, batch=4)
    np.testing.assert_array_equal(found, image[:, ::8, ::8])
    assert batches[0] == 1
    assert max(batches) <= 4
    assert found.shape == (2, -(-size[0] // 8), -(-size[1] // 8))


def test_nothing_is_kept_of_a_buffer_that_the_runtime_writes_again():
    image, buffer = RNG.random((1, 40, 90)).astype(np.float32), np.empty((8, 1, 16, 16), np.float32)

    def predict(batch):
        buffer[: len(batch)] = batch
        return buffer[: len(batch)]

    np.testing.assert_array_equal(by_tiles(image, (16, 16), predict, 4), image)


def test_what_cannot_be_tiled_is_refused():
    image = np.zeros((1, 50, 50), np.float32)
    with pytest.raises(EdgepruneError, match="at least 33 pixels"):
        by_tiles(image, (32, 32), lambda batch: batch, 32)
    with pytest.raises(EdgepruneError, match="not one scale"):
        by_tiles(image, (32, 32), lambda batch: batch[:, :, ::2], 4)
    with pytest.raises(EdgepruneError, match="cannot move by 31"):  # 31 pixels to 4: no grid but the tile's own
        by_tiles(image, (31, 31), lambda batch: batch[:, :, ::8, ::8], 4)
