"""Snakemake's record of each output: which file it lies in, and a mark that makes Snakemake run its job again.

Written against record format 6 with the file backend, as Snakemake 9.27 has it; tests compare this module with
Snakemake's own. Another format, another backend or Snakemake 10 is refused by :func:`unsupported`.
"""

import base64
import functools
import json
import os
from pathlib import Path
from typing import Any

FORMATS = (6,)
#: The newest Snakemake that the tests have seen, and the first that is not trusted to be alike.
TESTED, BELOW = (9, 27), 10
#: What is kept of a record in a ledger; the times differ from output to output of one job.
KEPT = (
    "rule",
    "input",
    "log",
    "shellcmd",
    "params",
    "code",
    "record_format_version",
    "conda_env",
    "container_img_url",
    "software_stack_hash",
    "input_checksums",
)
_MARK = "<untrusted: "


def unsupported(version: str, record_format: int | None, backend: str) -> str | None:
    """Why the records of this Snakemake, of a version such as "9.27.1", cannot be used, or None."""
    if int(version.partition(".")[0]) >= BELOW:
        return f"Snakemake {version} is not known, only versions below {BELOW}"
    if record_format not in FORMATS:
        return f"this Snakemake has job records of format {record_format}, known is {FORMATS[-1]} (Snakemake 9)"
    if backend != "file":
        return f"Snakemake keeps its job records in another backend ({backend}) than files"
    return None


def mark(why: str) -> list[str]:
    """The params of a record that no job can agree with; Snakemake prints them as the reason."""
    return [f"{_MARK}{why}>"]


def is_marked(record: dict[str, Any] | None) -> bool:
    return any(str(param).startswith(_MARK) for param in (record or {}).get("params") or ())


class Records:
    """The records under ``<root>/.snakemake``."""

    def __init__(self, root: str | Path = ".") -> None:
        self._metadata, self._incomplete = (os.path.join(root, ".snakemake", f) for f in ("metadata", "incomplete"))
        self._longest = 255

    def path(self, output: str) -> str:
        return os.path.join(self._metadata, self._name(output))

    def _name(self, output: str) -> str:
        """Base64 of the path, in pieces that file systems take for names."""
        name, longest = base64.urlsafe_b64encode(output.encode()).decode(), self._longest - 1
        pieces = [name[i : i + longest] for i in range(0, len(name), longest)]
        return os.path.join(*[f"@{piece}" for piece in pieces[:-1]], pieces[-1])

    def read(self, output: str) -> dict[str, Any] | None:
        """The record as a dict, or None if there is none that can be read."""
        try:
            with open(self.path(output), encoding="utf-8") as stream:
                return json.load(stream) or None
        except (FileNotFoundError, json.JSONDecodeError, UnicodeDecodeError):
            return None

    def write(self, output: str, record: dict[str, Any]) -> None:
        """Whole or not at all, but without waiting for the disk: thousands are written after a pull."""
        path = self.path(output)
        for folder in (os.path.dirname(path), self._incomplete):  # without both Snakemake takes it for an old layout
            os.makedirs(folder, exist_ok=True)
        temporary = f"{path[:-8]}.{os.getpid()}"
        with open(temporary, "w", encoding="utf-8") as stream:
            json.dump({**record, "incomplete": False}, stream)
        os.replace(temporary, path)

    def signature(self, output: str) -> list[int] | None:
        """What tells one version of the record file from another, or None without a record."""
        try:
            status = os.stat(self.path(output))
        except FileNotFoundError:
            return None
        return [status.st_mtime_ns, status.st_size, status.st_ino]

    @functools.cached_property
    def _marks(self) -> frozenset[str]:
        if not os.path.isdir(self._incomplete):
            return frozenset()
        return frozenset(str(p.relative_to(self._incomplete)) for p in Path(self._incomplete).rglob("*"))

    def is_incomplete(self, output: str) -> bool:
        """Whether a job is writing the file, or was killed while it did: Snakemake then sees to it."""
        return bool(self._marks) and self._name(output) in self._marks
