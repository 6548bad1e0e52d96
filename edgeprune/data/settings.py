"""The settings of a dataset: which source, and what sources have in common."""

import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from edgeprune import tasks
from edgeprune.data.download import download
from edgeprune.data.request import Collection, Request
from edgeprune.errors import EdgepruneError
from edgeprune.files import sha256
from edgeprune.sources import SOURCES

COMMON_KEYS = ("source", "task", "validation", "deploy_size")
_MOST_PIXELS = 1 << 24  # of an image as `size` asks for it; no network here trains on larger ones


def find_source(request: Request) -> Callable[[Request], Collection]:
    """Return what loads the source that a dataset's settings name.

    Raises:
        EdgepruneError: the source, the task or a key is unknown, or the source has not what the task needs.
    """
    settings = request.settings
    if not isinstance(settings, dict):
        raise request.error("must be a mapping of settings", remedy="give at least `source`")
    name = settings.get("source")
    if name not in SOURCES:
        known = "; ".join(f"{key} ({source.description})" for key, source in SOURCES.items())
        problem = f"unknown source {name!r}" if "source" in settings else "has no source"
        raise request.error(problem, "source", f"choose one of: {known}")
    source = SOURCES[name]
    if request.kind not in source.kinds:
        fit = [task for task in tasks.TASKS if tasks.get(task).targets in source.kinds]
        having = [other for other in SOURCES if request.kind in SOURCES[other].kinds]
        problem = f"source {name!r} has no targets of the kind {request.kind}, which {request.task.name} needs"
        remedy = f"tasks of this source: {', '.join(fit) or 'none'}; sources of that kind: {', '.join(having)}"
        raise request.error(problem, "task", remedy)
    allowed = (*COMMON_KEYS, *source.keys, *tasks.keys(request.task))
    for key in settings:
        if key not in allowed:
            problem = f"source {name!r} has no such setting, nor has the task {request.task.name}"
            raise request.error(problem, key, f"allowed here: {', '.join(allowed)}")
    module, _, function = source.load.partition(":")
    return getattr(import_module(module), function)


def options_of(request: Request) -> dict[str, Any]:
    """The task's own settings; empty for a task that has none."""
    try:
        options = tasks.options(request.task, request.settings)
    except EdgepruneError as error:
        raise request.error(error.problem, error.key, error.remedy) from error
    size, scale = size_of(request), options.get("scale", 1)
    if size and any(side % scale for side in size):
        remedy = f"give multiples of {scale}, e.g. {[side // scale * scale for side in size]}, or another scale"
        raise request.error(f"the scale {scale} does not divide {size}", "size", remedy)
    return options


def fraction_of(request: Request, value: object, key: str) -> float:
    """Return ``value`` if it is a share, a number strictly between 0 and 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        raise request.error(f"{value!r} is not a number between 0 and 1", key, "give a share such as 0.1")
    return value


def natural(value: object) -> bool:
    """True for a whole number from 1 up."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def size_of(request: Request, key: str = "size") -> list[int] | None:
    """The setting ``key``, [height, width] in pixels."""
    size = request.settings.get(key)
    if size is None:
        return None
    if not isinstance(size, list | tuple) or len(size) != 2 or not all(map(natural, size)):
        raise request.error(f"{size!r} is not a size", key, "give [height, width] in pixels, e.g. [32, 32]")
    if size[0] * size[1] > _MOST_PIXELS:
        problem = f"{size!r} is too large: {size[0] * size[1]:,} pixels an image"
        raise request.error(problem, key, f"give at most {_MOST_PIXELS:,} pixels, e.g. [224, 224]")
    return list(size)


def channels_of(request: Request) -> int | None:
    """The setting ``channels``."""
    channels = request.settings.get("channels")
    if channels not in (None, 1, 3) or isinstance(channels, bool):
        raise request.error(f"{channels!r} is not a number of channels", "channels", "give 1 (grey) or 3 (colour)")
    return channels


def address_of(request: Request, file: str) -> str | None:
    """The setting ``mirror``, the address of a folder, without a slash at its end."""
    mirror = request.settings.get("mirror")
    if mirror is not None and (not isinstance(mirror, str) or not mirror.startswith(("http://", "https://"))):
        remedy = f"give the http or https address of the folder that holds {file}"
        raise request.error(f"{mirror!r} is not an address", "mirror", remedy)
    return mirror and mirror.rstrip("/")


def locate(request: Request) -> tuple[Path, dict[str, Any]]:
    """Return the path of the folder or archive that ``path`` or ``url`` names, and what the manifest says of it."""
    path, url, expected = (request.settings.get(key) for key in ("path", "url", "sha256"))
    if (path is None) == (url is None):
        raise request.error("needs either path or url", "path", "give one of them")
    if expected is not None and not re.fullmatch("[0-9a-fA-F]{64}", str(expected)):
        raise request.error(f"{expected!r} is not a SHA-256", "sha256", "give 64 hexadecimal digits, as sha256sum does")
    expected = expected and str(expected).lower()
    if url is not None:
        if expected is None:
            remedy = "add `sha256:` with what `sha256sum` says of the archive"
            raise request.error("a url needs the sum of what it should bring", "sha256", remedy)
        path = download(url, request.downloads, expected, key=f"datasets.{request.name}.url")
        return path, {"url": url, "sha256": expected}
    place = Path(str(path)).expanduser()
    try:
        found = sha256(place) if place.is_file() else None
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
        raise request.error(problem, "path", "correct the path or its permissions", file=place) from error
    if expected is not None and found != expected:
        problem = f"expected SHA-256 {expected}, got {found or 'no file'}"
        raise request.error(problem, "sha256", "correct the sum or the path", file=place)
    return place, {"path": str(path), "sha256": found}
