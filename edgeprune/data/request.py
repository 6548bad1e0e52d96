"""What a source of datasets is asked, and what it answers."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edgeprune.data.targets import ClassTarget
from edgeprune.errors import EdgepruneError

CONFIG = "config.yaml"  # where the settings of a dataset are written

#: Split, indices, inputs uint8 (B, C, H, W) and targets.
Batch = tuple[str, np.ndarray, np.ndarray, np.ndarray]


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
    settings: dict[str, Any]
    downloads: Path
    workers: int = field(default_factory=lambda: _cores())

    def error(
        self, problem: str, key: str | None = None, remedy: str | None = None, file: str | Path = CONFIG
    ) -> EdgepruneError:
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
        read: yields each sample once, in any order.
        origin: what the manifest says about the source; it must not vary between runs.
        test_fraction: share of train to cut off for a missing test split.
    """

    input_shape: tuple[int, ...]
    target: ClassTarget
    strata: dict[str, np.ndarray]
    read: Callable[[], Iterator[Batch]]
    origin: dict[str, Any]
    test_fraction: float | None = None


def fraction_of(request: Request, value: object, key: str) -> float:
    """Return ``value`` if it is a share, a number strictly between 0 and 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        raise request.error(f"{value!r} is not a number between 0 and 1", key, "give a share such as 0.1")
    return value


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
