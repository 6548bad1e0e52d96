"""Files written whole or not at all, and hashed."""

import contextlib
import hashlib
import os
from pathlib import Path

from snakeledger.errors import LedgerError


def write_text(path: str | Path, text: str) -> None:
    """Write a text file: a new file under the old name, never through a link into DVC's cache.

    Raises:
        LedgerError: the folder cannot be written to, or the disk is full.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())  # or a power cut could leave the new name with no content
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        remedy = "free some space or choose a writable folder"
        raise LedgerError(f"cannot be written: {error.strerror or error}", file=path, remedy=remedy) from error


def sha256(path: str | Path) -> str:
    """Hexadecimal SHA-256 of a file's content."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
