"""Write the samples that a source yields into one file per split, without holding them in memory."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edgeprune.data.request import Collection
from edgeprune.data.store import INDEX, SPLITS, is_ragged, sample_dtype
from edgeprune.tasks.base import Manifest

#: Of each split, the split of the source that it is cut from and the indices there.
Parts = dict[str, tuple[str, np.ndarray]]


def write_splits(collection: Collection, parts: Parts, manifest: Manifest, folder: Path) -> None:
    """Write ``<split>.npy`` of each split into ``folder``.

    Sizes that the collection does not tell and that turn out to be the same for all images are entered in the
    manifest's ``input`` and ``target``.
    """
    sizes = {split: len(keys) for split, keys in collection.strata.items()}
    missing = {split: np.ones(size, dtype=bool) for split, size in sizes.items()}
    if is_ragged(manifest):
        spools = {split: _Spool(folder / f"{split}.spool", size) for split, size in sizes.items()}
        for origin, indices, inputs, targets in collection.read():
            for place, number in enumerate(indices):
                spools[origin].add(number, inputs[place], None if targets is None else targets[place])
            missing[origin][indices] = False
        _check(missing)
        found = np.concatenate([spool.index[:, 1:3] for spool in spools.values()])
        if collection.target.kind != "image" and (found == found[0]).all():
            shape = [manifest["input"]["shape"][0], *found[0].tolist()]
            manifest["input"]["shape"], manifest["target"] = shape, collection.target.describe(shape)
        for split, (origin, rows) in parts.items():
            spools[origin].write(rows, folder / f"{split}.npy", manifest)
        return
    dtype = sample_dtype(manifest)
    files = {split: _allocate(folder / f"{split}.npy", dtype, len(parts[split][1])) for split in SPLITS}
    _fill(collection, parts, files, missing)
    _check(missing)
    for samples in files.values():
        samples.flush()


def _fill(collection: Collection, parts: Parts, files: Mapping[str, np.memmap], missing: Mapping[str, Any]) -> None:
    """Write each sample the source yields into its row."""
    places = {split: (np.full(len(of), -1), np.zeros(len(of), dtype=np.int64)) for split, of in missing.items()}
    for number, split in enumerate(SPLITS):
        origin, indices = parts[split]
        places[origin][0][indices] = number
        places[origin][1][indices] = np.arange(len(indices))
    for origin, indices, inputs, targets in collection.read():
        inputs, targets = np.asarray(inputs), np.asarray(targets)
        number, rows = places[origin][0][indices], places[origin][1][indices]
        for place, split in enumerate(SPLITS):
            here = number == place
            files[split]["input"][rows[here]] = inputs[here]
            files[split]["target"][rows[here]] = targets[here]
        missing[origin][indices] = False


class _Spool:
    """Samples of one split of the source, in the order in which they are read; the files want their own order."""

    def __init__(self, path: Path, count: int) -> None:
        self.path, self.length = path, 0
        self.index = np.zeros((count, 4), dtype=np.int64)  # start, height, width, bytes of the target

    def add(self, number: int, image: np.ndarray, target: np.ndarray | None) -> None:
        content = b"" if target is None else target.astype(target.dtype.newbyteorder("<")).tobytes()
        self.index[number] = self.length, *image.shape[1:], len(content)
        self.length += image.size + len(content)
        with open(self.path, "ab") as stream:
            stream.write(image.tobytes())
            stream.write(content)

    def write(self, rows: np.ndarray, path: Path, manifest: Manifest) -> None:
        """Write the samples of these numbers as the file of a split."""
        spooled, index = np.memmap(self.path, np.uint8, "r"), self.index[rows]
        lengths = (manifest["input"]["shape"][0] or 0) * index[:, 1] * index[:, 2] + index[:, 3]
        if is_ragged(manifest):
            head = index[:, 1:].astype(INDEX).tobytes()
            file = content = _allocate(path, np.dtype(np.uint8), len(head) + int(lengths.sum()))
            file[: len(head)] = np.frombuffer(head, np.uint8)
            at = len(head)
        else:
            file = _allocate(path, sample_dtype(manifest), len(rows))
            content, at = file.view(np.uint8), 0
        for start, length in zip(index[:, 0].tolist(), lengths.tolist()):
            content[at : at + length] = spooled[start : start + length]
            at += length
        file.flush()


def _allocate(path: Path, dtype: np.dtype, count: int) -> np.memmap:
    samples = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=(count,))
    if hasattr(os, "posix_fallocate"):  # a full disk is an error here; later, through the map, it would be a SIGBUS
        with open(path, "rb+") as stream:
            os.posix_fallocate(stream.fileno(), 0, path.stat().st_size)
    return samples


def _check(missing: Mapping[str, np.ndarray]) -> None:
    if left := sum(int(flags.sum()) for flags in missing.values()):
        raise RuntimeError(f"the source left out {left} samples")
