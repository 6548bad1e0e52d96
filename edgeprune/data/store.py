"""Read a fetched dataset: its manifest, and its splits as memory-mapped arrays. NumPy only."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np

from edgeprune.errors import EdgepruneError
from edgeprune.files import read_json, sha256
from edgeprune.tasks.base import Manifest, Target, Values

FORMAT = "edgeprune.dataset"
VERSION = 1
MANIFEST = "manifest.json"
SPLITS = ("train", "val", "test")
INDEX = np.dtype("<i8")  # of the table at the head of a ragged split
_REQUIRED = ("name", "task", "source", "input", "target", "splits", "mean", "std", "validation")
_AGAIN = "delete the folder and fetch the dataset again"


def load_manifest(folder: str | Path) -> Manifest:
    """Read and check the manifest of a fetched dataset.

    Args:
        folder: the folder that holds ``manifest.json`` and one ``.npy`` per split.

    Returns:
        dict: the manifest. ``mean`` and ``std`` are per channel, on the scale 0 to 1, over the training split.

    Raises:
        EdgepruneError: it is missing, is not a manifest, lacks a key, or was written by a later version.
    """
    path = Path(folder) / MANIFEST
    manifest = read_json(path)
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise EdgepruneError("is not a dataset's manifest", file=path, key="format", remedy=_AGAIN)
    version = manifest.get("version")
    if version != VERSION:
        problem = f"has version {version!r}, this program reads version {VERSION}"
        raise EdgepruneError(problem, file=path, key="version", remedy="update edgeprune, or fetch the dataset again")
    for key in _REQUIRED:
        if key not in manifest:
            raise EdgepruneError("is missing", file=path, key=key, remedy=_AGAIN)
    for part, entry in (("input", manifest["input"]), ("target", manifest["target"])):
        if not isinstance(entry, dict) or not {"shape", "dtype"} <= entry.keys():
            raise EdgepruneError("must hold shape and dtype", file=path, key=part, remedy=_AGAIN)
    for split in SPLITS:
        entry = manifest["splits"].get(split)
        if not isinstance(entry, dict) or not {"file", "sha256", "count"} <= entry.keys():
            raise EdgepruneError("must hold file, sha256 and count", file=path, key=f"splits.{split}", remedy=_AGAIN)
    return cast(Manifest, manifest)


def is_ragged(manifest: Manifest) -> bool:
    """True if something differs in size from sample to sample, so that they are not rows of one array."""
    return None in (*manifest["input"]["shape"], *manifest["target"]["shape"])


def sample_dtype(manifest: Manifest) -> np.dtype:
    """Return the structured dtype of one sample, fields ``input`` (C, H, W) and ``target``, little-endian."""
    return np.dtype([(part, _field(manifest[part]), tuple(manifest[part]["shape"])) for part in ("input", "target")])


def open_split(folder: str | Path, split: str, *, verify: bool = False, manifest: Manifest | None = None) -> np.ndarray:
    """Memory-map one split whose samples all have the same size.

    A field is a strided view into the records: copy what you hand to a library that wants contiguous memory, for
    example ``numpy.ascontiguousarray(samples["input"][rows])``.

    Args:
        folder: folder of a fetched dataset.
        split: ``train``, ``val`` or ``test``.
        verify: also compare the file's SHA-256 with the manifest's (reads the whole file).
        manifest: the loaded manifest, to spare reading it again.

    Returns:
        numpy.ndarray: read-only, (N,), fields ``input`` uint8 (C, H, W) and ``target`` (dtype and shape as in the
        manifest's ``target``: int64 () for classes).

    Raises:
        EdgepruneError: the split is unknown, or its file is missing or is not what the manifest says, or sizes differ.
    """
    manifest = load_manifest(folder) if manifest is None else manifest
    if is_ragged(manifest):
        remedy = "read it by edgeprune.data.store.open_samples"
        raise EdgepruneError("its samples differ in size", file=Path(folder) / MANIFEST, key="input", remedy=remedy)
    return _map(Path(folder), split, verify, manifest)[1]


def open_samples(folder: str | Path, split: str, manifest: Manifest | None = None, *, verify: bool = False) -> Samples:
    """Memory-map one split, of whatever sizes; arguments and errors as of :func:`open_split`."""
    manifest = load_manifest(folder) if manifest is None else manifest
    path, array = _map(Path(folder), split, verify, manifest)
    return Samples(array, manifest, split, path)


class Samples:
    """One split of a fetched dataset, memory-mapped and read-only.

    Samples of one size are the records of :func:`sample_dtype`. Others lie in a flat array of bytes: first a table of
    three little-endian int64 per sample (height, width, bytes of its target), then for each sample its image (C, H, W)
    and its target, one after the other without gaps.

    Attributes:
        size: (height, width) of the images, None if they differ.
        ragged: the samples are not rows of one array; then there is no :meth:`whole`.
    """

    def __init__(self, array: np.ndarray, manifest: Manifest, split: str, path: Path) -> None:
        self._array, self._target = array, manifest["target"]
        channels, *size = manifest["input"]["shape"]
        assert channels is not None
        self._channels, self._count = channels, manifest["splits"][split]["count"]
        self.ragged = is_ragged(manifest)
        if self.ragged:
            self._index, self._starts = _index(array, self._count, channels, manifest["target"], path)
            size = self._index[0, :2].tolist() if (self._index[:, :2] == self._index[0, :2]).all() else [None]
        self.size: tuple[int, int] | None = None if None in size else (int(size[0]), int(size[1]))  # pyrefly: ignore

    def __len__(self) -> int:
        return self._count

    def image(self, index: int) -> np.ndarray:
        """An image, uint8 (C, H, W)."""
        if not self.ragged:
            return self._array["input"][index]
        height, width, _ = self._index[index].tolist()
        start = self._starts[index]
        return self._array[start : start + self._channels * height * width].reshape(self._channels, height, width)

    def target(self, index: int) -> np.ndarray | None:
        """Its target: int64 (), uint8 (H, W) or float32 (n, 5); None where it is the image itself."""
        if self._target["kind"] == "image":
            return None
        if not self.ragged:
            return np.asarray(self._array["target"][index])
        height, width, length = self._index[index].tolist()
        start = self._starts[index] + self._channels * height * width
        values = np.frombuffer(self._array[start : start + length].tobytes(), dtype=_field(self._target))
        return values.reshape((height, width) if self._target["kind"] == "mask" else (-1, 5))

    def whole(self) -> tuple[np.ndarray, np.ndarray]:
        """All inputs (N, C, H, W) and all targets (N, ...) of a split of one size, as strided views."""
        assert not self.ragged
        return self._array["input"], self._array["target"]


def _index(array: np.ndarray, count: int, channels: int, target: Target, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The table at the head of a ragged split, int64 (N, 3), and where each sample starts; all of it is checked."""
    table = INDEX.itemsize * 3 * count
    if len(array) >= table:
        index = np.frombuffer(array[:table].tobytes(), dtype=INDEX).reshape(count, 3)
        pixels, extra = index[:, 0] * index[:, 1], index[:, 2]
        ends = table + np.cumsum(channels * pixels + extra)
        fits = {"image": extra == 0, "mask": extra == pixels, "boxes": extra % 20 == 0}[target["kind"]]
        if (index[:, :2] > 0).all() and (extra >= 0).all() and fits.all() and ends[-1] == len(array):
            return index, np.concatenate([[table], ends[:-1]])
    raise EdgepruneError("its table of sizes does not fit its length", file=path, remedy=_AGAIN)


def _map(folder: Path, split: str, verify: bool, manifest: Manifest) -> tuple[Path, np.ndarray]:
    if split not in manifest["splits"]:
        known = ", ".join(manifest["splits"])
        raise EdgepruneError(f"no split {split!r}", file=folder / MANIFEST, key="splits", remedy=f"choose from {known}")
    entry = manifest["splits"][split]
    path = folder / Path(entry["file"]).name  # a manifest never points out of its own folder
    try:
        samples = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise EdgepruneError("there is no such file", file=path, remedy=_AGAIN) from error
    except (OSError, ValueError, EOFError) as error:
        raise EdgepruneError(f"is not a whole .npy file ({error})", file=path, remedy=_AGAIN) from error
    ragged = is_ragged(manifest)
    expected = np.dtype(np.uint8) if ragged else sample_dtype(manifest)
    if samples.dtype != expected:
        raise EdgepruneError(f"holds {samples.dtype}, the manifest says {expected}", file=path, remedy=_AGAIN)
    if samples.ndim != 1 or (not ragged and samples.shape != (entry["count"],)):
        problem = f"has shape {samples.shape}, the manifest says {entry['count']} samples"
        raise EdgepruneError(problem, file=path, remedy=_AGAIN)
    if verify and (found := sha256(path)) != entry["sha256"]:
        problem = f"has SHA-256 {found}, the manifest says {entry['sha256']}"
        raise EdgepruneError(problem, file=path, key=f"splits.{split}.sha256", remedy=_AGAIN)
    return path, samples


def _field(entry: Values) -> np.dtype:
    return np.dtype(entry["dtype"]).newbyteorder("<")
