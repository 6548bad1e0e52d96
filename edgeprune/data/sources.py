"""Where datasets come from: the registry, what a source is asked and what it answers."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from edgeprune.errors import EdgepruneError

CONFIG = "config.yaml"  # where the settings of a dataset are written
COMMON_KEYS = ("source", "task", "validation")


@dataclass(frozen=True)
class Request:
    """One dataset to fetch.

    Attributes:
        name: the dataset's name, a key of ``datasets`` in config.yaml.
        settings: what is written there.
        downloads: folder that keeps downloaded files.
        workers: number of threads to decode with.
    """

    name: str
    settings: dict
    downloads: Path
    workers: int = field(default_factory=lambda: _cores())

    def error(self, problem, key=None, remedy=None, file=CONFIG):
        """Return an error about this dataset; ``key`` is relative to its settings."""
        return EdgepruneError(
            problem, file=file, key=f"datasets.{self.name}" + (f".{key}" if key else ""), remedy=remedy
        )


@dataclass
class Collection:
    """A dataset that is known in outline and not yet read.

    Attributes:
        input_shape: (C, H, W) of every input; inputs are uint8.
        target: what a target is (see :mod:`edgeprune.data.targets`).
        strata: {split: int (N,)}, what a cut is stratified by: classes, or zeros. Splits are train, test and val;
            those that are missing are cut from train.
        read: function that yields ``(split, indices, inputs, targets)``, inputs uint8 (B, C, H, W), each sample
            once, in any order.
        origin: what the manifest says about the source; it must not vary between runs.
        test_fraction: share of train to cut off for a missing test split.
    """

    input_shape: tuple
    target: object
    strata: dict
    read: Callable
    origin: dict
    test_fraction: float | None = None


@dataclass(frozen=True)
class Source:
    """A registered source: ``load(request)`` returns a :class:`Collection`."""

    load: Callable
    description: str
    keys: tuple = ()
    tasks: tuple = ("classification",)


def _cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _digits(request):
    from edgeprune.data.digits import load

    return load(request)


def _cifar(request):
    from edgeprune.data.cifar import load

    return load(request)


def _images(request):
    from edgeprune.data.images import load

    return load(request)


SOURCES = {
    "digits": Source(_digits, "scikit-learn's bundled handwritten digits, 1 x 8 x 8; no network needed"),
    "cifar10": Source(_cifar, "CIFAR-10, 3 x 32 x 32, through torchvision", ("mirror",)),
    "cifar100": Source(_cifar, "CIFAR-100 (fine labels), 3 x 32 x 32, through torchvision", ("mirror",)),
    "images": Source(
        _images,
        "your own images: a folder or archive of <split>/<class>/*",
        ("path", "url", "sha256", "size", "channels", "test_fraction"),
    ),
}


def find_source(request):
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


def fraction_of(request, value, key):
    """Return ``value`` if it is a share, a number strictly between 0 and 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        raise request.error(f"{value!r} is not a number between 0 and 1", key, "give a share such as 0.1")
    return value
