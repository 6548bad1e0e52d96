"""DVC's cache here: where it is, and whether it has a result; one that it has and that is missing was deleted."""

import configparser
import contextlib
import json
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

from snakeledger.pipeline import Pipeline


def lookup(pipeline: Pipeline) -> Callable[[str], Path | None]:
    """A function from a result's path to where the cache has what the pipeline's lock says of it, None if it has not.

    The lock is read when the function is first called; the answer is None too where cache or listing cannot be read.
    """
    folder = cache(lambda: cache_folder(pipeline.root))
    recorded = cache(pipeline.recorded)

    @cache
    def files_below(md5: str) -> dict[str, str]:
        try:
            return listing(folder(), md5)
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def place(path: str) -> Path | None:
        for out, md5 in recorded().items():
            if path.startswith(out + "/"):
                md5 = files_below(md5).get(path[len(out) + 1 :])
            elif path != out:
                continue
            found = stored(folder(), md5) if md5 else None
            return found if found and found.exists() else None
        return None

    return place


def damaged(pipeline: Pipeline) -> list[Path]:
    """The objects of the cache that have another size than the result that they are of, as a power cut leaves them."""
    folder, found = cache_folder(pipeline.root), []
    for out, md5 in pipeline.recorded().items():
        files = {out: md5}
        if md5.endswith(".dir"):
            try:
                files = {f"{out}/{name}": file for name, file in listing(folder, md5).items()}
            except (OSError, ValueError, KeyError, TypeError):
                files = {}
                found.append(stored(folder, md5))
        for path, file in files.items():
            with contextlib.suppress(OSError):
                if stored(folder, file).stat().st_size != (Path(pipeline.root) / path).stat().st_size:
                    found.append(stored(folder, file))
    return found


def cache_folder(root: str | Path = ".") -> Path:
    """The folder of DVC's cache, as the repository's own configuration says; the default is ``.dvc/cache``."""
    config = configparser.ConfigParser(interpolation=None)
    config.read([Path(root) / ".dvc" / name for name in ("config", "config.local")], encoding="utf-8")
    place = config.get("cache", "dir", fallback="cache")
    return Path(root) / ".dvc" / os.path.expanduser(place)


def listing(folder: Path, md5: str) -> dict[str, str]:
    """``{path: md5}`` of the files of a folder on record; ``md5`` is the folder's, ending in ``.dir``."""
    return {entry["relpath"]: entry["md5"] for entry in json.loads(stored(folder, md5).read_bytes())}


def stored(folder: Path, md5: str) -> Path:
    """The place of an object in a cache, or in a remote on disk."""
    return folder / "files" / "md5" / md5[:2] / md5[2:]
