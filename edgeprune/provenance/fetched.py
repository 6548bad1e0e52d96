"""Whether DVC's cache here has a file on record: if it is missing, it was deleted and not left out of a pull."""

import configparser
import json
import os
from functools import cache
from pathlib import Path

import yaml

from edgeprune.provenance.dvc import pipeline_file


def lookup(preset, root="."):
    """A function from a result's path to whether the cache has what the preset's lock says of it.

    The lock is read when the function is first called; it answers no where lock, cache or listing cannot be read.
    """

    @cache
    def listings():
        return _outs(Path(root) / pipeline_file(preset, root).replace(".yaml", ".lock"))

    @cache
    def cached():
        return cache_folder(root)

    @cache
    def listing(md5):
        try:
            entries = json.loads(stored(cached(), md5).read_text(encoding="utf-8"))
            return {entry["relpath"]: entry["md5"] for entry in entries}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def fetched(path):
        for out, md5 in listings().items():
            if path == out:
                return stored(cached(), md5).exists()
            if path.startswith(out + "/"):
                known = listing(md5).get(path[len(out) + 1 :])
                return known is not None and stored(cached(), known).exists()
        return False

    return fetched


def cache_folder(root="."):
    """The folder of DVC's cache, as the repository's own configuration says; the default is ``.dvc/cache``."""
    config = configparser.ConfigParser(interpolation=None)
    config.read([Path(root) / ".dvc" / name for name in ("config", "config.local")], encoding="utf-8")
    place = config.get("cache", "dir", fallback="cache")
    return Path(root) / ".dvc" / os.path.expanduser(place)


def _outs(lock):
    """``{path: md5}``; a lock has paths as its stages do, which all run at the top of the repository."""
    try:
        stages = yaml.safe_load(lock.read_text(encoding="utf-8"))["stages"]
        outs = [out for stage in stages.values() for out in stage.get("outs", ())]
        return {out["path"]: out["md5"] for out in outs if "md5" in out}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError):
        return {}


def stored(folder, md5):
    """The place of an object in a cache, or in a remote on disk."""
    return folder / "files" / "md5" / md5[:2] / md5[2:]
