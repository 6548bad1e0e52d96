"""What a source of datasets is asked, and what it answers."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edgeprune import tasks
from edgeprune.data.targets import AnyTarget
from edgeprune.errors import EdgepruneError

CONFIG = "config.yaml"  # where the settings of a dataset are written

#: Split, indices (B,), as many inputs, each uint8 (C, H, W), and as many targets; None where the kind has none.
Batch = tuple[str, np.ndarray, Sequence[Any] | np.ndarray, Sequence[Any] | np.ndarray | None]


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

    @property
    def task(self) -> type[tasks.Task]:
        """The task that the dataset is for."""
        return tasks.get(self.settings.get("task", "classification"), CONFIG, f"datasets.{self.name}.task")

    @property
    def kind(self) -> str:
        """The kind of target that this task needs."""
        return self.task.targets

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
        input_shape: (C, H, W) of every input, sides that differ or are not known yet None; inputs are uint8.
        target: what a target is (see :mod:`edgeprune.data.targets`).
        strata: {split: int (N,)}, what a cut is stratified by: classes, or zeros. Splits are train, test and val;
            those that are missing are cut from train.
        read: yields each sample once, in any order.
        origin: what the manifest says about the source; it must not vary between runs.
        test_fraction: share of train to cut off for a missing test split.
    """

    input_shape: tuple[int | None, ...]
    target: AnyTarget
    strata: dict[str, np.ndarray]
    read: Callable[[], Iterator[Batch]]
    origin: dict[str, Any]
    test_fraction: float | None = None


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
