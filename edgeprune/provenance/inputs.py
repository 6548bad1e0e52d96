"""What a run depends on beside the project's own files: the user's networks and images."""

import hashlib
import os
from pathlib import Path
from typing import Any

from edgeprune.errors import EdgepruneError
from edgeprune.provenance.sources import digests


def images(name: str, settings: dict[str, Any], root: str | Path = ".") -> str | None:
    """The folder or archive on this machine that a data set is made from, or None.

    Args:
        name: of the data set.
        settings: its entry in the configuration.

    Raises:
        EdgepruneError: there is no such folder or file, or both a path and a URL are given.
    """
    path = settings.get("path")
    if path is None:
        return None
    key = f"datasets.{name}.path"
    if "url" in settings:
        raise EdgepruneError("stands beside `url`", key=key, remedy="give one of them")
    found = Path(root, os.path.expanduser(path))
    if not found.exists():
        raise EdgepruneError(f"there is no {path!r}", key=key, remedy="give a folder or an archive of images")
    return str(found) if os.path.isabs(os.path.expanduser(path)) else os.path.normpath(path)


def listing(folder: str | Path) -> str:
    """A digest of names, sizes and times of change of all files below a folder, so that an edit of one is noticed.

    A folder's own time changes only when an entry right under it comes or goes.
    """
    seen = hashlib.sha256()
    for top, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            status = os.stat(os.path.join(top, name))
            place = os.path.relpath(os.path.join(top, name), folder)
            seen.update(f"{place}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return seen.hexdigest()[:16]


def of_user(config: dict[str, Any], root: str | Path = ".") -> list[str]:
    """Files and folders of the user's that the configuration's grid depends on, sorted."""
    pairs = config["pairs"]
    factories = sorted({config["networks"][pair["network"]]["factory"] for pair in pairs})
    files = [entry.rpartition("@")[0] for entry in digests(*factories)] if factories else []
    own = {file for file in files if not file.startswith("edgeprune/")}
    data = {images(d, config["datasets"][d], root) for d in {pair["dataset"] for pair in pairs}}
    return sorted(own | {path for path in data if path})
