"""A composite: real handwritten digits set at random places, sizes and contrasts on crops of real photographs.

Unless the settings say otherwise, a scene is 3 x 64 x 64 and holds 1 to 4 digits of 16 to 28 pixels, which do not
overlap, in the ink, black or white, that differs more from what lies under it. Digits and photographs of one split
occur in no other. All arithmetic is on integers and all chance comes from raw PCG64 output, so the scenes are the same
everywhere.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from edgeprune.data import photographs
from edgeprune.data.digits import TEST_FRACTION
from edgeprune.data.request import Batch, Collection, Request
from edgeprune.data.settings import natural
from edgeprune.data.splits import cut
from edgeprune.data.targets import BoxTarget, MaskTarget

_MOST_SIDE = 128  # the photographs are larger
_STRENGTH = (128, 255)  # of the ink, in 255ths
_FULL = 16  # the value of full ink in scikit-learn's digits
_TRIES = 20  # to find a digit a place where no other is
_BATCH = 64
_SEED = 0
_STREAM = 3  # apart from those of the cuts


class Form(NamedTuple):
    """What a scene is like; pairs are the least and the most."""

    side: int = 64
    digits: tuple[int, int] = (1, 4)
    sizes: tuple[int, int] = (16, 28)  # of a digit, pixels


def load(request: Request) -> Collection:
    """Return the scenes as a :class:`Collection`, with masks (background, then the digits) or boxes.

    Raises:
        EdgepruneError: ``scenes``, ``side``, ``digits`` or ``sizes`` is not what it may be.
    """
    scenes = request.settings.get("scenes", 2000)
    if not natural(scenes) or scenes < 5:
        raise request.error(f"{scenes!r} is not a number of scenes", "scenes", "give a whole number from 5 up")
    asked = {key: value for key, value in request.settings.items() if key in Form._fields}
    form = _form(request, asked)
    counts = {"train": scenes, "val": scenes // 5, "test": scenes // 5}
    names = tuple(str(digit) for digit in range(10))
    boxes = request.kind == "boxes"

    def read() -> Iterator[Batch]:
        for number, (split, count) in enumerate(counts.items()):
            digits, labels = _digits(split)
            pictures = [photographs.picture(name, 3) for name in photographs.names_of(split)]
            for start in range(0, count, _BATCH):
                indices = np.arange(start, min(count, start + _BATCH))
                made = [_scene(digits, labels, pictures, [_SEED, _STREAM, number, int(i)], form) for i in indices]
                yield split, indices, [scene for scene, _, _ in made], [found[2 if boxes else 1] for found in made]

    return Collection(
        input_shape=(3, form.side, form.side),
        target=BoxTarget(names) if boxes else MaskTarget(("background", *names)),
        strata={split: np.zeros(count, dtype=np.int64) for split, count in counts.items()},
        read=read,
        origin={"source": "digits-on-photographs", "scenes": scenes, **asked, "pictures": photographs.sums()},
    )


def _form(request: Request, asked: dict[str, Any]) -> Form:
    form = Form(**asked)
    if not natural(form.side) or not 16 <= form.side <= _MOST_SIDE:
        raise request.error(f"{form.side!r} is not a side", "side", f"give 16 to {_MOST_SIDE} pixels")
    for key, least, most in (("digits", 1, 16), ("sizes", 8, form.side)):
        pair = getattr(form, key)
        fits = isinstance(pair, list | tuple) and len(pair) == 2 and all(map(natural, pair))
        if not fits or not least <= pair[0] <= pair[1] <= most:
            remedy = f"give the least and the most, from {least} to {most}, e.g. [{least}, {most}]"
            raise request.error(f"{pair!r} is not a range of {key}", key, remedy)
    return form


def _digits(split: str) -> tuple[np.ndarray, np.ndarray]:
    """The digits of a split, int64 (n, 8, 8) from 0 to 16, and their labels; the test split is that of the digits."""
    from sklearn.datasets import load_digits

    pixels, labels = (np.asarray(part).astype(np.int64) for part in load_digits(return_X_y=True))
    rest, test = cut(labels, TEST_FRACTION, seed=0, stream=1)
    train, val = cut(labels[rest], 0.1, seed=0, stream=2)
    rows = {"train": rest[train], "val": rest[val], "test": test}[split]
    return pixels[rows].reshape(-1, 8, 8), labels[rows]


def _scene(
    digits: np.ndarray, labels: np.ndarray, pictures: list[np.ndarray], seed: list[int], form: Form
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An image uint8 (3, side, side), its mask uint8 (side, side) and its boxes float32 (n, 5)."""
    side, most = form.side, 4 + form.digits[1] * (2 + 3 * _TRIES)  # words of chance that a scene can need
    words = iter(np.random.PCG64(np.random.SeedSequence(seed)).random_raw(most).tolist())

    def between(low: int, high: int) -> int:
        return low + (next(words) >> 32) * (high - low + 1) // (1 << 32)

    picture = pictures[between(0, len(pictures) - 1)]
    top, left = (between(0, length - side) for length in picture.shape[1:])
    image = picture[:, top : top + side, left : left + side].astype(np.int64)
    mask, boxes, taken = np.zeros((side, side), np.uint8), [], np.zeros((side, side), bool)
    for _ in range(between(*form.digits)):
        which, strength = between(0, len(digits) - 1), between(*_STRENGTH)
        for _ in range(_TRIES):
            size = between(*form.sizes)
            y, x = between(0, side - size), between(0, side - size)
            place = (slice(y, y + size), slice(x, x + size))
            if not taken[place].any():
                break
        else:
            continue
        taken[place] = True
        ink, full = _enlarged(digits[which], size)
        here = image[:, *place]
        colour = 255 if here.sum() < 128 * here.size else 0
        here += ((colour - here) * ink * strength + full * 255 // 2) // (full * 255)
        inked = 2 * ink >= full
        mask[place][inked] = labels[which] + 1
        rows, columns = np.flatnonzero(inked.any(1)), np.flatnonzero(inked.any(0))
        boxes.append((labels[which], x + columns[0], y + rows[0], x + columns[-1] + 1, y + rows[-1] + 1))
    return image.astype(np.uint8), mask, np.array(boxes, dtype=np.float32)


def _enlarged(digit: np.ndarray, size: int) -> tuple[np.ndarray, int]:
    """A digit of 8 x 8 at ``size`` x ``size``, bilinear and exact, and the value of full ink."""
    # the middle of pixel i lies at ((2 i + 1) * 8 - size) / (2 size) pixels of the digit
    at = np.clip((2 * np.arange(size) + 1) * 8 - size, 0, 7 * 2 * size)
    low, part = at // (2 * size), at % (2 * size)
    high = np.minimum(low + 1, 7)
    rows = digit[low] * (2 * size - part)[:, None] + digit[high] * part[:, None]
    return rows[:, low] * (2 * size - part) + rows[:, high] * part, _FULL * (2 * size) ** 2
