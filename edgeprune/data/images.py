"""Images of the user: a folder or an archive of ``<split>/<class>/*``, local or at a URL."""

import collections
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from edgeprune.data.decode import decode
from edgeprune.data.download import download
from edgeprune.data.layout import find_layout
from edgeprune.data.progress import Progress
from edgeprune.data.request import Batch, Collection, Request, fraction_of
from edgeprune.data.targets import ClassTarget
from edgeprune.data.tree import Names, Tree, open_tree
from edgeprune.files import sha256

_BATCH_BYTES = 1 << 24  # decoded images handed over together: at most so many bytes,
_FILE_BYTES = 1 << 20  # from files of about so many bytes, so that large images, too, keep all threads busy
_MOST_PIXELS = 1 << 24  # of an image as `size` asks for it; no network here trains on larger ones

#: An image: split, its number there, label, names, content.
Entry = tuple[str, int, int, Names, bytes]
#: Split, number and label of each file.
Index = dict[Names, tuple[str, int, int]]


def load(request: Request) -> Collection:
    """Return the images as a :class:`Collection`; they are decoded when it is read.

    Raises:
        EdgepruneError: a setting is wrong, the archive cannot be had or read, or the images do not fit the layout.
    """
    size, channels = _size(request), _channels(request)
    fraction = request.settings.get("test_fraction")
    if "test_fraction" in request.settings:
        fraction_of(request, fraction, "test_fraction")
    path, origin = _locate(request)
    tree = open_tree(path, key=f"datasets.{request.name}.{'url' if 'url' in origin else 'path'}")
    classes, images = find_layout(tree, request)
    index = {
        names: (split, number, label)
        for split, entries in images.items()
        for number, (names, label) in enumerate(entries)
    }
    if size is None or channels is None:  # the first image of train decides, all others must agree
        names, content = next(tree.read({images["train"][0][0]}))
        shape = _decode_one(request, tree.name(names), content, channels, size).shape
    else:
        shape = (channels, *size)
    return Collection(
        input_shape=shape,
        target=ClassTarget(tuple(classes)),
        strata={split: np.array([label for _, label in entries]) for split, entries in images.items()},
        read=lambda: _read(request, tree, index, shape, size, channels),
        origin={"source": "images", **origin, "size": size, "channels": channels},
        test_fraction=fraction,
    )


def _size(request: Request) -> list[int] | None:
    size = request.settings.get("size")
    if size is None:
        return None
    if not isinstance(size, list | tuple) or len(size) != 2 or not all(_natural(side) for side in size):
        raise request.error(f"{size!r} is not a size", "size", "give [height, width] in pixels, e.g. [32, 32]")
    if size[0] * size[1] > _MOST_PIXELS:
        problem = f"{size!r} is too large: {size[0] * size[1]:,} pixels an image"
        raise request.error(problem, "size", f"give at most {_MOST_PIXELS:,} pixels, e.g. [224, 224]")
    return list(size)


def _natural(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _channels(request: Request) -> int | None:
    channels = request.settings.get("channels")
    if channels not in (None, 1, 3) or isinstance(channels, bool):
        raise request.error(f"{channels!r} is not a number of channels", "channels", "give 1 (grey) or 3 (colour)")
    return channels


def _locate(request: Request) -> tuple[Path, dict[str, Any]]:
    """Return the path of the folder or archive, and what the manifest says of it."""
    path, url, expected = (request.settings.get(key) for key in ("path", "url", "sha256"))
    if (path is None) == (url is None):
        raise request.error("needs either path or url", "path", "give one of them")
    if expected is not None and not re.fullmatch("[0-9a-fA-F]{64}", str(expected)):
        raise request.error(f"{expected!r} is not a SHA-256", "sha256", "give 64 hexadecimal digits, as sha256sum does")
    expected = expected and str(expected).lower()
    if url is not None:
        if expected is None:
            remedy = "add `sha256:` with what `sha256sum` says of the archive"
            raise request.error("a url needs the sum of what it should bring", "sha256", remedy)
        path = download(url, request.downloads, expected, key=f"datasets.{request.name}.url")
        return path, {"url": url, "sha256": expected}
    place = Path(str(path)).expanduser()
    try:
        found = sha256(place) if place.is_file() else None
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
        raise request.error(problem, "path", "correct the path or its permissions", file=place) from error
    if expected is not None and found != expected:
        problem = f"expected SHA-256 {expected}, got {found or 'no file'}"
        raise request.error(problem, "sha256", "correct the sum or the path", file=place)
    return place, {"path": str(path), "sha256": found}


def _read(
    request: Request, tree: Tree, index: Index, shape: Sequence[int], size: Sequence[int] | None, channels: int | None
) -> Iterator[Batch]:
    """Decode in threads (Pillow lets go of the interpreter's lock) and yield batches in order."""
    count = max(1, min(256, _BATCH_BYTES // int(np.prod(shape))))
    progress, done = Progress(request.name, len(index), "images"), 0
    with ThreadPoolExecutor(request.workers) as pool:
        waiting = collections.deque()
        try:
            for batch in _batches(tree.read(index.keys()), index, count):
                waiting.append(pool.submit(_decode, request, tree, batch, shape, size, channels))
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


def _batches(contents: Iterable[tuple[Names, bytes]], index: Index, count: int) -> Iterator[list[Entry]]:
    """Group files of one split: lists of (split, number, label, names, content)."""
    groups, held = {}, {}
    for names, content in contents:
        split, number, label = index[names]
        group = groups.setdefault(split, [])
        group.append((split, number, label, names, content))
        held[split] = held.get(split, 0) + len(content)
        if len(group) == count or held[split] >= _FILE_BYTES:
            held[split] = 0
            yield groups.pop(split)
    yield from groups.values()


def _decode(
    request: Request,
    tree: Tree,
    batch: list[Entry],
    shape: Sequence[int],
    size: Sequence[int] | None,
    channels: int | None,
) -> Batch:
    inputs = np.empty((len(batch), *shape), dtype=np.uint8)
    for row, (_, _, _, names, content) in enumerate(batch):
        pixels = _decode_one(request, tree.name(names), content, channels, size)
        if pixels.shape != shape:
            key = "channels" if pixels.shape[0] != shape[0] else "size"
            problem = f"is {_words(pixels.shape)}, the first image of train is {_words(shape)}"
            remedy = "set `channels: 1` or `channels: 3`" if key == "channels" else "set `size: [height, width]`"
            raise request.error(problem, key, f"{remedy} to convert all images", file=tree.name(names))
        inputs[row] = pixels
    numbers, labels = (np.array([entry[part] for entry in batch], dtype=np.int64) for part in (1, 2))
    return batch[0][0], numbers, inputs, labels


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
