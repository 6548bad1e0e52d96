"""Image files and what belongs to each of them, decoded in threads batch by batch."""

import collections
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from edgeprune.data.decode import decode, decode_mask, resize
from edgeprune.data.progress import Progress
from edgeprune.data.request import Batch, Collection, Request
from edgeprune.data.settings import channels_of, size_of
from edgeprune.data.targets import VOID, AnyTarget, MaskTarget
from edgeprune.data.tree import Names, Tree

_BATCH_BYTES = 1 << 24  # decoded images handed over together: at most so many bytes,
_FILE_BYTES = 1 << 20  # from files of about so many bytes, so that large images, too, keep all threads busy
_UNKNOWN = 16  # images at a time where their size is not known
_OUTSIDE = 1.0  # pixels by which a box may reach out of its image, as rounding makes it; it is cut

#: A file, and what belongs to it: a label, None, the file of a mask, or boxes float32 (n, 5).
Item = tuple[Names, Any]
#: Split, number there, what belongs to it, names, content.
Entry = tuple[str, int, Any, Names, bytes]


@dataclass(frozen=True)
class _Reader:
    """How the files of one dataset are read."""

    request: Request
    tree: Tree
    target: AnyTarget
    shape: tuple[int | None, ...]
    size: Sequence[int] | None
    channels: int | None
    table: np.ndarray  # int16 (256,): the class of each value of a mask, -1 for none
    masks: dict[Names, bytes]


def collect(
    request: Request,
    tree: Tree,
    items: Mapping[str, Sequence[Item]],
    target: AnyTarget,
    origin: dict[str, Any],
    test_fraction: float | None = None,
    values: Mapping[int, int] | None = None,
) -> Collection:
    """Return image files as a :class:`Collection`; they are decoded when it is read.

    Args:
        request: its settings ``size`` and ``channels`` hold.
        tree: holds all the files.
        items: {split: files with what belongs to them}; nothing of train may be missing.
        target: of these files.
        origin, test_fraction: see :class:`Collection`.
        values: {value in a mask: class}, where they are not the same.

    Raises:
        EdgepruneError: a setting is wrong, or the first image is.
    """
    size, channels = size_of(request), channels_of(request)
    fixed = target.kind == "class"
    if (fixed and size is None) or channels is None:  # the first image of train decides, all others must agree
        names, content = next(tree.read({items["train"][0][0]}))
        shape = _decode_one(request, tree.name(names), content, channels, size).shape
    else:
        shape = (channels, *(size or ()))
    table = np.full(VOID + 1, -1, dtype=np.int16)
    if isinstance(target, MaskTarget):
        values = values or {value: value for value in range(len(target.classes))} | {VOID: VOID}
        table[list(values)] = list(values.values())
    reader = _Reader(request, tree, target, shape if fixed else (shape[0], None, None), size, channels, table, masks={})
    return Collection(
        input_shape=shape if fixed else (shape[0], *(size if size and target.kind != "image" else (None, None))),
        target=target,
        strata={split: np.array([of if fixed else 0 for _, of in found]) for split, found in items.items()},
        read=lambda: _read(reader, items),
        origin={**origin, "size": size, "channels": channels},
        test_fraction=test_fraction,
    )


def _read(reader: _Reader, items: Mapping[str, Sequence[Item]]) -> Iterator[Batch]:
    """Decode in threads (Pillow lets go of the interpreter's lock) and yield batches in order."""
    request, tree = reader.request, reader.tree
    index = {names: (split, number, of) for split, found in items.items() for number, (names, of) in enumerate(found)}
    if reader.target.kind == "mask":  # encoded they are small; a tar may bring them in any order
        reader.masks.update(tree.read({of for _, _, of in index.values()}))
    sides = [side for side in reader.shape if side]
    count = max(1, min(256, _BATCH_BYTES // int(np.prod(sides)))) if len(sides) == 3 else _UNKNOWN
    progress, done = Progress(request.name, len(index), "images"), 0
    with ThreadPoolExecutor(request.workers) as pool:
        waiting = collections.deque()
        try:
            for batch in _batches(tree.read(index.keys()), index, count):
                waiting.append(pool.submit(_decode, reader, batch))
                if len(waiting) > 2 * request.workers:
                    split, indices, inputs, targets = waiting.popleft().result()
                    yield split, indices, inputs, targets
                    done += len(indices)
                    progress.at(done)
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _batches(
    contents: Iterable[tuple[Names, bytes]], index: Mapping[Names, tuple[str, int, Any]], count: int
) -> Iterator[list[Entry]]:
    """Group files of one split."""
    groups, held = {}, {}
    for names, content in contents:
        split, number, of = index[names]
        group = groups.setdefault(split, [])
        group.append((split, number, of, names, content))
        held[split] = held.get(split, 0) + len(content)
        if len(group) == count or held[split] >= _FILE_BYTES:
            held[split] = 0
            yield groups.pop(split)
    yield from groups.values()


def _decode(reader: _Reader, batch: list[Entry]) -> Batch:
    inputs, targets = [], []
    for _, _, of, names, content in batch:
        name = reader.tree.name(names)
        own = reader.target.kind in ("mask", "boxes")  # the target is in the image's own pixels
        pixels = _decode_one(reader.request, name, content, reader.channels, None if own else reader.size)
        if any(wanted not in (None, found) for found, wanted in zip(pixels.shape, reader.shape)):
            key = "channels" if pixels.shape[0] != reader.shape[0] else "size"
            wanted = [found if side is None else side for found, side in zip(pixels.shape, reader.shape)]
            problem = f"is {_words(pixels.shape)}, the first image of train is {_words(wanted)}"
            remedy = "set `channels: 1` or `channels: 3`" if key == "channels" else "set `size: [height, width]`"
            raise reader.request.error(problem, key, f"{remedy} to convert all images", file=name)
        if own:
            pixels, of = (_with_mask if reader.target.kind == "mask" else _with_boxes)(reader, name, pixels, of)
        inputs.append(pixels)
        targets.append(of)
    numbers = np.array([entry[1] for entry in batch], dtype=np.int64)
    return batch[0][0], numbers, inputs, None if reader.target.kind == "image" else targets


def _with_mask(reader: _Reader, name: str, pixels: np.ndarray, of: Names) -> tuple[np.ndarray, np.ndarray]:
    request, file = reader.request, reader.tree.name(of)
    mask = decode_mask(reader.masks[of], file)
    if mask.shape != pixels.shape[1:]:
        problem = f"is {mask.shape[0]} x {mask.shape[1]}, its image {name} {pixels.shape[1]} x {pixels.shape[2]}"
        raise request.error(problem, remedy="make both of the same size", file=file)
    classes = reader.table[mask]
    if (classes < 0).any():
        row, column = np.argwhere(classes < 0)[0].tolist()
        problem = f"has the value {mask[row, column]} in row {row}, column {column}, which is no class"
        known = ", ".join(map(str, np.flatnonzero(reader.table >= 0)[:12]))
        remedy = f"correct the mask (values known: {known}{', ...' * ((reader.table >= 0).sum() > 12)})"
        key = "classes" if "classes" in request.settings else None
        raise request.error(problem, key, f"{remedy}, or name more `classes`" if key else remedy, file=file)
    mask = classes.astype(np.uint8)
    if reader.size and mask.shape != tuple(reader.size):
        pixels = resize(pixels, reader.size, Image.Resampling.BILINEAR)
        mask = resize(mask, reader.size, Image.Resampling.NEAREST)
    return pixels, mask


def _with_boxes(reader: _Reader, name: str, pixels: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    height, width = pixels.shape[1:]
    end = np.array([width, height], dtype=np.float32)
    low, high = np.clip(boxes[:, 1:3], 0, end), np.clip(boxes[:, 3:5], 0, end)
    outside = np.abs(boxes[:, 1:] - np.hstack([low, high])) > _OUTSIDE
    for wrong, words in (
        (outside, f"reaches out of the image, which is {width} wide, {height} high"),
        (high <= low, "has no extent"),
    ):
        if wrong.any():
            first = boxes[wrong.any(1).argmax(), 1:].tolist()
            problem = f"the box from ({first[0]:g}, {first[1]:g}) to ({first[2]:g}, {first[3]:g}) {words}"
            raise reader.request.error(problem, remedy="correct or remove the box", file=name)
    scale = np.array([1, 1] if reader.size is None else [reader.size[1] / width, reader.size[0] / height], np.float32)
    boxes = np.hstack([boxes[:, :1], low * scale, high * scale])
    if reader.size and (height, width) != tuple(reader.size):
        pixels = resize(pixels, reader.size, Image.Resampling.BILINEAR)
    return pixels, boxes.astype(np.float32)


def _decode_one(
    request: Request, name: str, content: bytes, channels: int | None, size: Sequence[int] | None
) -> np.ndarray:
    try:
        return decode(content, name, channels, size)
    except MemoryError as error:
        remedy = "run where more memory is free, or make the images or `size` smaller"
        raise request.error(f"memory ran out while {name} was decoded", "size", remedy) from error


def _words(shape: Sequence[int]) -> str:
    return f"{shape[1]} x {shape[2]} with {shape[0]} channel{'s' * (shape[0] > 1)}"
