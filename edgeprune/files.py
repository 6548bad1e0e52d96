"""Whole files or none: everything this project writes goes to a temporary name first."""

import contextlib
import errno
import glob
import hashlib
import json
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgeprune.errors import EdgepruneError

#: In the environment of a job: a file that is there as long as no other attempt at the job has begun.
ATTEMPT = "EDGEPRUNE_ATTEMPT"


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it onto ``path`` if the block succeeds.

    The temporary name keeps ``path``'s suffix, so that writers which look at it behave the same. A character device or
    a pipe is not replaced: what the block wrote elsewhere is written to it.

    Raises:
        EdgepruneError: the folder cannot be written to, the disk is full, something else than a file is at ``path``, or
            another attempt at this job has begun since.
    """
    path = Path(path)
    stream = _is_stream(path)
    try:
        folder = tempfile.gettempdir() if stream else path.parent
        Path(folder).mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=f".tmp{path.suffix}", dir=folder)
        os.close(handle)
    except OSError as error:
        raise _unwritable(path, error) from error
    temporary = Path(name)
    try:
        yield temporary
        if stream:
            with open(temporary, "rb") as content, open(path, "wb") as out:
                shutil.copyfileobj(content, out)
            return
        with open(temporary, "rb") as content:
            os.fsync(content.fileno())  # or a power cut could leave the new name with no content
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp's 0600 would hide results from a group
        _refuse_late(path)
        os.replace(temporary, path)
    except OSError as error:
        if error.filename not in (None, name, str(path)):  # the block's own trouble with another file
            raise
        raise _unwritable(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def _refuse_late(path: Path) -> None:
    """Refuse to write for a job that another attempt has taken over (:mod:`edgeprune.cluster.attempts`)."""
    try:
        open(os.environ.get(ATTEMPT) or os.devnull).close()  # of a shared file system, open asks the server
    except FileNotFoundError as error:
        raise EdgepruneError(
            "is not written: another attempt at this job has begun since",
            file=path,
            remedy="none is needed: that one counts",
        ) from error


def _is_stream(path: Path) -> bool:
    """Whether a character device or a pipe is at ``path``, be it by a link.

    Raises:
        EdgepruneError: something else is there that is no regular file, or a name of an open one (``/dev/stdout``).
    """
    try:
        mode = path.stat().st_mode
    except OSError:  # nothing there yet, or the write will say what is wrong
        return False
    if stat.S_ISCHR(mode) or stat.S_ISFIFO(mode):
        return True
    if not stat.S_ISREG(mode) or (path.is_symlink() and path.parent.resolve().parts[1:2] in (("dev",), ("proc",))):
        what = "a folder" if stat.S_ISDIR(mode) else "no regular file"
        raise EdgepruneError(f"is {what}, which is not replaced", file=path, remedy="name a file")
    return False


def check_folder(folder: str | Path) -> Path:
    """Refuse a path where something else than a folder lies, or on the way to it.

    Returns:
        Path: the part of it that is there.

    Raises:
        EdgepruneError: with the path of what lies there.
    """
    folder = Path(folder)
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        raise EdgepruneError("is no folder, but one is wanted there", file=folder, remedy="move or remove it")
    return folder


def check_writable(folder: str | Path) -> None:
    """Refuse a folder in which nothing can be made, or that cannot be made itself; nothing is written.

    Raises:
        EdgepruneError: with the folder that has to be writable, or what lies in its place.
    """
    folder = check_folder(folder)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _unwritable(folder, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))


def is_temporary(name: str) -> bool:
    """Whether a file of that name is one of :func:`replacing`'s."""
    return re.fullmatch(r"\..+\.tmp(\.\w+)?", name) is not None


def sweep(folder: str | Path) -> None:
    """Remove the temporary files that kills left below a folder (nobody may be writing there now)."""
    for top, _, names in os.walk(folder):
        for name in filter(is_temporary, names):
            Path(top, name).unlink(missing_ok=True)


def remove_remains(path: str | Path) -> None:
    """Remove the temporary files that kills left while ``path`` was being written (nobody may be writing it now)."""
    path = Path(path)
    pattern = glob.escape(f".{path.stem}.") + "*" + glob.escape(f".tmp{path.suffix}")
    for remains in path.parent.glob(pattern):
        remains.unlink(missing_ok=True)


def _unwritable(path: str | Path, error: OSError) -> EdgepruneError:
    remedy = "free some space or choose a writable folder"
    return EdgepruneError(f"cannot be written: {error.strerror or error}", file=path, remedy=remedy)


def write_text(path: str | Path, text: str) -> None:
    """Write ``text`` to ``path`` atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: Any) -> None:
    """Write ``value`` as indented JSON, keys in the order given, one trailing newline; NaN is refused."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises:
        EdgepruneError: the file is missing or is not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise EdgepruneError("there is no such file", file=path, remedy="run the step that makes it") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        remedy = "name another file, or make this one again"
        raise EdgepruneError(f"is not valid JSON ({error})", file=path, remedy=remedy) from error


def sha256(path: str | Path) -> str:
    """Hexadecimal SHA-256 of a file's content."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
