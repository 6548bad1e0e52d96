"""Read a fetched dataset: its manifest, and its splits as memory-mapped arrays. NumPy only."""

from pathlib import Path
from typing import cast

import numpy as np

from edgeprune.errors import EdgepruneError
from edgeprune.files import read_json, sha256
from edgeprune.tasks.base import Manifest, Values

FORMAT = "edgeprune.dataset"
VERSION = 1
MANIFEST = "manifest.json"
SPLITS = ("train", "val", "test")
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


def sample_dtype(manifest: Manifest) -> np.dtype:
    """Return the structured dtype of one sample, fields ``input`` (C, H, W) and ``target``, little-endian."""
    return np.dtype([(part, _field(manifest[part]), tuple(manifest[part]["shape"])) for part in ("input", "target")])


def open_split(folder: str | Path, split: str, *, verify: bool = False, manifest: Manifest | None = None) -> np.ndarray:
    """Memory-map one split.

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
        EdgepruneError: the split is unknown, or its file is missing or is not what the manifest says.
    """
    folder = Path(folder)
    manifest = load_manifest(folder) if manifest is None else manifest
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
    expected = sample_dtype(manifest)
    if samples.dtype != expected:
        raise EdgepruneError(f"holds {samples.dtype}, the manifest says {expected}", file=path, remedy=_AGAIN)
    if samples.shape != (entry["count"],):
        problem = f"has shape {samples.shape}, the manifest says {entry['count']} samples"
        raise EdgepruneError(problem, file=path, remedy=_AGAIN)
    if verify and (found := sha256(path)) != entry["sha256"]:
        problem = f"has SHA-256 {found}, the manifest says {entry['sha256']}"
        raise EdgepruneError(problem, file=path, key=f"splits.{split}.sha256", remedy=_AGAIN)
    return samples


def _field(entry: Values) -> np.dtype:
    return np.dtype(entry["dtype"]).newbyteorder("<")


class Samples:
    """TEMPORARY, until the data room's own comes."""

    def __init__(self, records: np.ndarray) -> None:
        self.records = records

    def __len__(self) -> int:
        return len(self.records)

    def image(self, i: int) -> np.ndarray:
        return self.records["input"][i]

    def target(self, i: int) -> np.ndarray:
        return self.records["target"][i]


def open_samples(folder: str | Path, split: str, manifest: Manifest | None = None) -> Samples:
    return Samples(open_split(folder, split, manifest=manifest))
