"""Download a file: resumed where it broke off, tried again, and checked before anyone uses it."""

import contextlib
import hashlib
import http.client
import os
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPResponse
from pathlib import Path
from typing import TypeVar

from edgeprune import __version__
from edgeprune.data.progress import Progress, say
from edgeprune.data.request import CONFIG
from edgeprune.errors import EdgepruneError
from edgeprune.files import sha256

ATTEMPTS = 5
BACK_OFF = 1.0  # seconds before the second attempt, doubled before each further one
TIMEOUT = 60.0  # seconds without a byte
_TRY_LATER = (408, 425, 429)  # the only 4xx that another attempt may cure
_CHUNK = 1 << 16

T = TypeVar("T")


class Broken(Exception):
    """An attempt failed in a way that another may cure."""


def download(url: str, folder: str | Path, expected: str, key: str | None = None) -> Path:
    """Return the path of the file at ``url``, downloading it if it is not there yet.

    The name starts with the sum, so files of different content never meet. What a broken attempt leaves
    (``.part``) is continued by a range request; when the server ignores the range, or the sum turns out wrong, the
    download starts again from nothing.

    Args:
        url: http or https address.
        folder: where downloads are kept.
        expected: SHA-256, or MD5 where its publisher tells no other, in hexadecimal digits.
        key: dotted key of the setting that holds ``url``, for messages.

    Raises:
        EdgepruneError: the address is unusable, all attempts failed, the sum is wrong (it names the one expected
            and the one got), or the folder cannot be written.
    """
    parts = urllib.parse.urlsplit(url)
    name = re.sub(r"[^\w.-]", "_", Path(urllib.parse.unquote(parts.path)).name)
    if parts.scheme not in ("http", "https") or not parts.netloc or not name:
        remedy = "give http://... or https://... of an archive; for a local file use path"
        raise EdgepruneError(f"{url!r} is not an address of a file", file=CONFIG, key=key, remedy=remedy)
    path = Path(folder) / f"{expected[:16]}-{name}"
    part = path.with_name(path.name + ".part")
    try:
        with locked(path):
            if not (path.exists() and _sum(path, expected) == expected):
                retry(lambda: _attempt(url, part, expected, key), url, key)
                os.replace(part, path)
    except OSError as error:
        problem = f"the download cannot be kept: {error.strerror or error}"
        remedy = "free some space or choose a writable folder for downloads"
        raise EdgepruneError(problem, file=error.filename or part, remedy=remedy) from error
    return path


def retry(attempt: Callable[[], T], url: str, key: str | None) -> T:
    """Call ``attempt()`` until it no longer raises :class:`Broken`, with growing pauses.

    Raises:
        EdgepruneError: the last of ``ATTEMPTS`` attempts failed, too.
    """
    number = 0
    while True:
        number += 1
        try:
            return attempt()
        except Broken as error:
            if number == ATTEMPTS:
                problem = f"{url} could not be downloaded in {ATTEMPTS} attempts: {error}"
                remedy = "check the address, the sum and the connection, then run again; a partial file is continued"
                raise EdgepruneError(problem, file=CONFIG, key=key, remedy=remedy) from error
            pause = BACK_OFF * 2 ** (number - 1)
            say(f"{url}: {error}; attempt {number + 1} of {ATTEMPTS} in {pause:g} s")
            time.sleep(pause)


@contextlib.contextmanager
def network(url: str, key: str | None = None) -> Iterator[None]:
    """Turn what goes wrong on the network into :class:`Broken`, or into a message where trying again is useless."""
    try:
        yield
    except urllib.error.HTTPError as error:
        if 400 <= error.code < 500 and error.code not in _TRY_LATER:
            problem = f"{url} answers {error.code} {error.reason}"
            raise EdgepruneError(problem, file=CONFIG, key=key, remedy="correct the address") from error
        raise Broken(f"the server answers {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise Broken(f"cannot be reached ({error.reason})") from error
    except (OSError, http.client.HTTPException) as error:
        raise Broken(f"the connection failed ({error or type(error).__name__})") from error


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other processes that ask for the same ``path`` waiting."""
    import fcntl

    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path.with_name(path.name + ".lock"), "w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _attempt(url: str, part: Path, expected: str, key: str | None) -> None:
    _receive(url, part, key)
    if (found := _sum(part, expected)) != expected:
        part.unlink()
        raise Broken(f"expected {'SHA-256' if len(expected) == 64 else 'MD5'} {expected}, got {found}")


def md5(path: Path) -> str:
    """MD5 of a file, in hexadecimal digits."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _sum(path: Path, like: str) -> str:
    """The sum of the kind that ``like`` is."""
    return sha256(path) if len(like) == 64 else md5(path)


def _receive(url: str, part: Path, key: str | None) -> None:
    """Bring ``part`` to its full length."""
    start = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": f"edgeprune/{__version__}", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    with contextlib.ExitStack() as stack:
        try:
            with network(url, key):
                response = stack.enter_context(
                    urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)
                )
        except EdgepruneError as error:
            if not (start and isinstance(error.__cause__, urllib.error.HTTPError) and error.__cause__.code == 416):
                raise
            return  # nothing lies beyond: the part is whole, or wrong; its sum tells
        if not _continues(response, start):
            start = 0
        length = response.headers.get("Content-Length")
        total = start + int(length) if length and length.isdigit() else None
        progress = Progress(url, total, "bytes")
        if start:
            say(f"{url}: continued after {start:,} bytes")
        with open(part, "ab" if start else "wb") as stream:
            done = start
            while True:
                with network(url, key):
                    chunk = response.read(_CHUNK)
                if not chunk:
                    break
                stream.write(chunk)
                done += len(chunk)
                progress.at(done)
    if total is not None and done < total:
        raise Broken(f"the connection was cut after {done:,} of {total:,} bytes")


def _continues(response: HTTPResponse, start: int) -> bool:
    """True if the answer is the rest of the file from byte ``start``."""
    found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return bool(start) and response.status == 206 and found is not None and int(found[1]) == start
