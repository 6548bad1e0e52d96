"""Where datasets come from: the registry of sources."""

from collections.abc import Callable
from dataclasses import dataclass

from edgeprune.data import cifar, digits
from edgeprune.data.request import Collection, Request

COMMON_KEYS = ("source", "task", "validation")


@dataclass(frozen=True)
class Source:
    """A registered source: ``load(request)`` returns a :class:`~edgeprune.data.request.Collection`."""

    load: Callable[[Request], Collection]
    description: str
    keys: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ("classification",)


def _images(request: Request) -> Collection:
    from edgeprune.data.images import load  # and Pillow with it

    return load(request)


SOURCES = {
    "digits": Source(digits.load, "scikit-learn's bundled handwritten digits, 1 x 8 x 8; no network needed"),
    "cifar10": Source(cifar.load, "CIFAR-10, 3 x 32 x 32, through torchvision", ("mirror",)),
    "cifar100": Source(cifar.load, "CIFAR-100 (fine labels), 3 x 32 x 32, through torchvision", ("mirror",)),
    "images": Source(
        _images,
        "your own images: a folder or archive of <split>/<class>/*",
        ("path", "url", "sha256", "size", "channels", "test_fraction"),
    ),
}


def find_source(request: Request) -> Source:
    """Return the source that a dataset's settings name.

    Raises:
        EdgepruneError: the source, the task or a key is unknown.
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
    allowed = (*COMMON_KEYS, *source.keys)
    for key in settings:
        if key not in allowed:
            raise request.error(f"source {name!r} has no such setting", key, f"allowed here: {', '.join(allowed)}")
    task = settings.get("task", "classification")
    if task not in source.tasks:
        remedy = f"choose one of: {', '.join(source.tasks)}"
        raise request.error(f"source {name!r} has no task {task!r}", "task", remedy)
    return source
