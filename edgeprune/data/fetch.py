"""Fetch a dataset: read a source once, write one memory-mappable file per split and a manifest."""

import contextlib
import math
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from edgeprune import tasks
from edgeprune.data.request import CONFIG, Collection, Request
from edgeprune.data.settings import find_source, fraction_of, options_of, size_of
from edgeprune.data.splits import cut
from edgeprune.data.store import FORMAT, MANIFEST, SPLITS, VERSION, Manifest, Samples, open_samples
from edgeprune.data.write import Parts, write_splits
from edgeprune.errors import EdgepruneError
from edgeprune.files import sha256, write_json

TEST_SEED = 0  # not a setting: the test set must not move when the seed of the validation split does
_TEST_STREAM, _VAL_STREAM = 1, 2
_CHUNK = 4096  # samples looked at together for the statistics


def fetch(
    name: str,
    settings: dict[str, Any],
    out_dir: str | Path,
    downloads: str | Path = "downloads",
    workers: int | None = None,
) -> Manifest:
    """Fetch one dataset into ``out_dir``.

    Writes ``train.npy``, ``val.npy``, ``test.npy`` and ``manifest.json``. Everything is made in a temporary folder
    beside ``out_dir`` and moved when it is complete, so a failure leaves an earlier result as it was.

    Args:
        name: the dataset's name, used in the manifest and in messages.
        settings: the dict at ``datasets.<name>`` of config.yaml.
        out_dir: folder to write into.
        downloads: folder that keeps downloaded files.
        workers: threads that decode images; by default one per core.

    Returns:
        dict: the manifest.

    Raises:
        EdgepruneError: a setting is wrong, or the source cannot be fetched or read, the folder cannot be written, or
            memory runs out.
    """
    request = Request(name, settings, Path(downloads), **({"workers": workers} if workers else {}))
    load = find_source(request)
    fraction, seed = _validation(request)
    options_of(request)  # before anything is downloaded, as far as it can be told
    if size_of(request, "deploy_size") is None and request.kind == "image":
        raise _without_deploy_size(request)
    out_dir = Path(out_dir)
    try:
        with _staging(out_dir) as folder:
            collection = load(request)
            manifest = _write(collection, request, fraction, seed, folder)
            _publish(folder, out_dir)
    except OSError as error:
        problem = f"cannot be written: {error.strerror or error}"
        remedy = "free some space or choose a writable folder"
        raise EdgepruneError(problem, file=out_dir, remedy=remedy) from error
    except MemoryError as error:
        raise request.error("memory ran out while it was read", remedy="run where more memory is free") from error
    return manifest


def _validation(request: Request) -> tuple[float, int]:
    given = request.settings.get("validation", {})
    if not isinstance(given, dict) or not given.keys() <= {"fraction", "seed"}:
        raise request.error("must be a mapping", "validation", "give fraction and seed, nothing else")
    fraction = fraction_of(request, given.get("fraction", 0.1), "validation.fraction")
    seed = given.get("seed", 0)
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise request.error(f"{seed!r} is not a whole number from 0 up", "validation.seed", "give a seed such as 0")
    return fraction, seed


def _assign(collection: Collection, fraction: float, seed: int) -> tuple[Parts, dict[str, Any]]:
    """Return {split: (split of the source, its indices)} and how test and val came about."""
    strata = collection.strata
    parts = {split: (split, np.arange(len(keys))) for split, keys in strata.items()}
    told: dict[str, dict[str, Any]] = {
        split: {"from": "source", "fraction": None, "seed": None} for split in ("test", "val")
    }
    for split, share, number, stream in (
        ("test", collection.test_fraction, TEST_SEED, _TEST_STREAM),
        ("val", fraction, seed, _VAL_STREAM),
    ):
        if split not in strata:
            rows = parts["train"][1]
            assert share is not None  # or the source would have refused its own layout
            kept, taken = cut(strata["train"][rows], share, number, stream)
            parts["train"], parts[split] = ("train", rows[kept]), ("train", rows[taken])
            told[split] = {"from": "train", "fraction": share, "seed": number}
    return parts, told


def _write(collection: Collection, request: Request, fraction: float, seed: int, folder: Path) -> Manifest:
    parts, told = _assign(collection, fraction, seed)
    for split, (_, rows) in parts.items():
        if not len(rows):
            remedy = "give more images, or another fraction"
            raise request.error(f"too few images: no sample is left for {split}", remedy=remedy)
    target = collection.target
    manifest: Manifest = {
        "format": FORMAT,
        "version": VERSION,
        "name": request.name,
        "task": request.settings.get("task", "classification"),
        "source": collection.origin,
        "input": {"shape": list(collection.input_shape), "dtype": "uint8"},
        "target": target.describe(collection.input_shape),
        "splits": {},
        "mean": [],
        "std": [],
        "validation": told["val"],
        "test": told["test"],
    }
    write_splits(collection, parts, manifest, folder)
    for split in SPLITS:
        path, count = folder / f"{split}.npy", len(parts[split][1])
        manifest["splits"][split] = {"file": path.name, "sha256": sha256(path), "count": count}
        samples = open_samples(folder, split, manifest)
        summary = target.summarise(samples.target(i) for i in range(count))
        if split != "train" and target.kind in ("mask", "boxes") and not any(map(any, summary.values())):
            problem = f"{split} holds no {'box' if target.kind == 'boxes' else 'pixel of a class'} to score by"
            remedy = "give more images; for a split cut from train another validation.seed or fraction may do"
            raise request.error(problem, remedy=remedy)
        manifest["splits"][split] |= summary
    if target.kind == "image":  # restoration works on the scale 0 to 1
        channels = manifest["input"]["shape"][0] or 0
        manifest["mean"], manifest["std"] = [0.0] * channels, [1.0] * channels
    else:
        manifest["mean"], manifest["std"] = _statistics(open_samples(folder, "train", manifest), request)
    if options := options_of(request):
        manifest["options"] = options
    if deploy_size := size_of(request, "deploy_size"):
        manifest["deploy_size"] = deploy_size
    elif None in manifest["input"]["shape"]:
        raise _without_deploy_size(request)
    least = tasks.bind(manifest, CONFIG).least_side
    for split in ("val", "test"):
        samples = open_samples(folder, split, manifest)
        for number in range(len(samples)):
            _, height, width = samples.image(number).shape
            if min(height, width) < least:
                problem = f"image {number} of {split} is {height} x {width}; a score needs {least} pixels a side"
                raise request.error(problem, remedy="leave out the images that are smaller")
    write_json(folder / MANIFEST, manifest)
    return manifest


def _without_deploy_size(request: Request) -> EdgepruneError:
    if request.kind == "boxes":
        remedy = "add `size: [height, width]`, to which images are resized and their boxes with them"
        return request.error("is missing, and the images differ in size", "size", remedy)
    remedy = "add `deploy_size: [height, width]`, of the images that the device will see"
    return request.error("is missing, and the images have no size of their own", "deploy_size", remedy)


def _statistics(samples: Samples, request: Request) -> tuple[list[float], list[float]]:
    """Per channel mean and (population) standard deviation on the scale 0 to 1, from exact integer sums."""
    counts = np.zeros((samples.image(0).shape[0], 256), dtype=np.int64)
    for images in _chunks(samples):
        for channel, histogram in enumerate(counts):
            histogram += np.bincount(images[:, channel].ravel(), minlength=256)
    mean, std = [], []
    for channel, histogram in enumerate(counts.tolist()):
        number = sum(histogram)
        total = sum(value * count for value, count in enumerate(histogram))
        squares = sum(value * value * count for value, count in enumerate(histogram))
        mean.append(total / (255 * number))
        std.append(math.sqrt(number * squares - total * total) / (255 * number))
        if not std[-1]:
            raise request.error(
                f"channel {channel} has the same value in every pixel of every image",
                remedy="check the images; grey ones may want `channels: 1`",
            )
    return mean, std


def _chunks(samples: Samples) -> Iterator[np.ndarray]:
    """All images, some of one size (n, C, H, W) at a time."""
    if samples.ragged:
        yield from (samples.image(i)[None] for i in range(len(samples)))
    else:
        yield from (samples.whole()[0][start : start + _CHUNK] for start in range(0, len(samples), _CHUNK))


@contextlib.contextmanager
def _staging(out_dir: Path) -> Iterator[Path]:
    """Yield a new folder beside ``out_dir``, removed at the end; remove those of killed runs."""
    out_dir.mkdir(parents=True, exist_ok=True)
    prefix = f".{out_dir.name}.{socket.gethostname()}."
    for old in out_dir.parent.glob(f"{prefix}*.tmp"):
        if not _alive(old.name[len(prefix) : -len(".tmp")]):
            shutil.rmtree(old, ignore_errors=True)
    folder = out_dir.parent / f"{prefix}{os.getpid()}.tmp"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _alive(pid: str) -> bool:
    """True if another process of this number runs; one that is dead and not yet buried by its parent does not."""
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        pass
    with contextlib.suppress(OSError):  # Linux only; elsewhere it counts as running
        if Path(f"/proc/{int(pid)}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return False
    return int(pid) != os.getpid()  # a container may hand out the same number again


def _publish(folder: Path, out_dir: Path) -> None:
    # Without the old manifest, whoever is killed between two renames leaves a folder that is clearly incomplete
    # rather than new samples under an old description.
    (out_dir / MANIFEST).unlink(missing_ok=True)
    for name in [f"{split}.npy" for split in SPLITS] + [MANIFEST]:
        os.replace(folder / name, out_dir / name)
