"""CIFAR-10 and CIFAR-100, downloaded, checked and read by torchvision."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError

import numpy as np

from edgeprune.data.download import TIMEOUT, Broken, locked, network, retry
from edgeprune.data.progress import say
from edgeprune.data.request import Batch, Collection, Request
from edgeprune.data.settings import address_of
from edgeprune.data.targets import ClassTarget
from edgeprune.errors import EdgepruneError

if TYPE_CHECKING:
    from torchvision.datasets import CIFAR10

_LOCAL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO)  # the disk's fault, not the network's


def load(request: Request) -> Collection:
    """Return CIFAR-10 or CIFAR-100 (fine labels) as a :class:`Collection`.

    torchvision downloads the archive unless it is there and whole, checks its MD5 and that of every file it unpacks.
    A broken or wrong download is started again from nothing.

    Raises:
        EdgepruneError: the archive cannot be had, or cannot be written.
    """
    source = request.settings["source"]
    kind = _dataset(source, request)
    root = Path(request.downloads) / source
    archive = root / kind.filename
    key = f"datasets.{request.name}"
    say(f"{request.name}: {kind.filename}, from {kind.url} unless it is in {root}")
    try:
        with locked(root):
            train, test = retry(lambda: _attempt(kind, root, archive, key), kind.url, key)
    except OSError as error:
        problem = f"the download cannot be kept: {error.strerror or error}"
        remedy = "free some space or choose a writable folder for downloads"
        raise EdgepruneError(problem, file=error.filename or root, remedy=remedy) from error
    parts = {"train": train, "test": test}
    labels = {split: np.array(part.targets, dtype=np.int64) for split, part in parts.items()}

    def read() -> Iterator[Batch]:
        for split, part in parts.items():
            yield split, np.arange(len(part.data)), part.data.transpose(0, 3, 1, 2), labels[split]

    return Collection(
        input_shape=(3, 32, 32),
        target=ClassTarget(tuple(train.classes)),
        strata=labels,
        read=read,
        origin={"source": source, "archive": kind.filename, "md5": kind.tgz_md5},
    )


def _dataset(source: str, request: Request) -> type[CIFAR10]:
    """Return torchvision's class, its address replaced where the settings name a mirror."""
    from torchvision import datasets

    kind = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[source]
    mirror = address_of(request, kind.filename)
    return kind if mirror is None else type(kind.__name__, (kind,), {"url": f"{mirror}/{kind.filename}"})


def _attempt(kind: type[CIFAR10], root: Path, archive: Path, key: str) -> tuple[CIFAR10, CIFAR10]:
    try:
        with network(kind.url, key), _timeout():
            return kind(root, train=True, download=True), kind(root, train=False)
    except Broken as error:
        # torchvision's files and its connections raise the same OSError: tell a full disk from a lost line.
        cause = error.__cause__
        if isinstance(cause, OSError) and not isinstance(cause, URLError) and (cause.filename or cause.errno in _LOCAL):
            raise cause from None
        raise
    except RuntimeError as error:  # torchvision: the archive's MD5 is wrong, as after a cut connection
        found = _md5(archive) if archive.exists() else None
        if found == kind.tgz_md5:
            raise EdgepruneError(
                f"the files in it are not as expected ({error})", file=archive, remedy="delete it and run again"
            ) from error
        archive.unlink(missing_ok=True)
        raise Broken(f"expected MD5 {kind.tgz_md5}, got {found or 'nothing'}") from error


@contextlib.contextmanager
def _timeout() -> Iterator[None]:
    """torchvision sets no time limit of its own."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _md5(path: Path) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
