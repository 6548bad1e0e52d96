"""What a source of datasets is asked, and what it answers."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from edgeprune.errors import EdgepruneError

CONFIG = "config.yaml"  # where the settings of a dataset are written


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


def fraction_of(request, value, key):
    """Return ``value`` if it is a share, a number strictly between 0 and 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        raise request.error(f"{value!r} is not a number between 0 and 1", key, "give a share such as 0.1")
    return value


def _cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
