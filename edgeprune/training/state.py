"""States of a training in progress, kept so that it can go on after a kill.

A state file is one line of JSON (format, what it belongs to, SHA-256 and size of the rest), then a checkpoint. The two
newest are kept, so that a damaged one costs no more than the time since the one before.
"""

import contextlib
import hashlib
import io
import json
import re
import sys
from pathlib import Path
from typing import Any, TextIO

import torch

from edgeprune import files
from edgeprune.provenance.sources import digests
from edgeprune.tasks import TASKS
from edgeprune.training import checkpoint
from edgeprune.training.job import Job

FORMAT, VERSION = "edgeprune.state", 1
KEPT = 2
_NAME = re.compile(r"state-(\d{5,})-(\d{6,})\.pt")
_LONGEST_HEADER = 1 << 16


def key(job: Job, precision: str) -> dict[str, str]:
    """``{part: digest}`` of everything that decides a training's result; a state of another key is never used."""
    factory = job.spec if isinstance(job.spec, str) else job.spec["factory"]
    manifest = job.dataset.manifest
    parts = {
        "network": [job.network, job.spec],
        "plan": job.plan.to_json(),
        "recipe": job.recipe.to_dict(),
        "seed": job.seed,
        "data": {k: v for k, v in manifest.items() if k not in ("source", "name")},
        "initial weights": files.sha256(job.initial) if job.initial else None,
        "device": [job.dataset.device.type, precision, job.threads, torch.__version__],
        "code": digests("edgeprune.training.run:run", factory, TASKS[job.dataset.task.name]),
    }
    return {name: _digest(json.dumps(part, sort_keys=True).encode()) for name, part in parts.items()}


class States:
    """The state files of one training in one folder.

    Args:
        folder: made when the first state is saved.
        key: see :func:`key`.
    """

    def __init__(self, folder: str | Path, key: dict[str, str]) -> None:
        self.folder, self.key = Path(folder), key

    def save(self, epoch: int, step: int, value: dict[str, Any]) -> Path:
        """Keep ``value`` (plain values and tensors) as the state after ``step`` steps beyond ``epoch`` epochs.

        Raises:
            EdgepruneError: it cannot be written; the states before are still there.
        """
        data = checkpoint.to_bytes(value)
        header = {
            "format": FORMAT,
            "version": VERSION,
            "key": self.key,
            "sha256": hashlib.sha256(data).hexdigest(),
            "bytes": len(data),
        }
        path = self.folder / f"state-{epoch:05d}-{step:06d}.pt"
        with files.replacing(path) as temporary, temporary.open("wb") as stream:
            stream.write(json.dumps(header).encode() + b"\n")
            stream.write(data)
        ours = [p for p in self._paths() if _header(p).get("key") == self.key]
        for old in set(self._paths()) - set(ours[:KEPT]):
            old.unlink(missing_ok=True)
        return path

    def newest(self, stream: TextIO | None = None) -> tuple[Path, dict[str, Any]] | None:
        """``(path, value)`` of the newest whole state of this training, or None; says on stderr what is passed over.

        To be called when a training starts: what kills left of states that were being written is removed.
        """
        stream = stream or sys.stderr
        self._remove_remains()
        for path in self._paths():
            value, why = self._read(path)
            if value is not None:
                return path, value
            print(f"{path}: not used, {why}", file=stream)
            if _header(path).get("key") == self.key:
                path.unlink()  # damaged, and must not count as one of those kept
        return None

    def last(self) -> Path | None:
        """Path of the newest state of this training; None if there is none. Only its first line is read."""
        return next((p for p in self._paths() if _header(p).get("key") == self.key), None)

    def remove(self) -> None:
        """Remove the states, and the folder if that leaves it empty."""
        for path in self._paths():
            path.unlink(missing_ok=True)
        self._remove_remains()
        with contextlib.suppress(OSError):
            self.folder.rmdir()  # not its parents: another job may be making its own folder there

    def _paths(self) -> list[Path]:
        """Newest first."""
        found = [(m, p) for p in self.folder.glob("state-*.pt") if (m := _NAME.fullmatch(p.name))]
        return [p for m, p in sorted(found, key=lambda f: (int(f[0][1]), int(f[0][2])), reverse=True)]

    def _remove_remains(self) -> None:
        for path in self.folder.glob(".state-*.tmp.pt"):
            path.unlink(missing_ok=True)

    def _read(self, path: Path) -> tuple[dict[str, Any] | None, str | None]:
        header = _header(path)
        if header.get("format") != FORMAT or not isinstance(header.get("key"), dict):
            return None, "it is no state of a training"
        if header.get("version") != VERSION or header["key"] != self.key:
            parts = [name for name in self.key if header["key"].get(name) != self.key[name]] or ["format"]
            return None, f"it belongs to another training ({', '.join(parts)} changed)"
        with path.open("rb") as stream:
            stream.readline()
            data = stream.read()
        if len(data) != header["bytes"] or hashlib.sha256(data).hexdigest() != header["sha256"]:
            return None, f"it is damaged ({len(data):,} bytes of {header['bytes']:,} are there, or some differ)"
        return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True), None


def _header(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            value = json.loads(stream.readline(_LONGEST_HEADER))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]
