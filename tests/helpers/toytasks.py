"""A task for each kind of target, that does nothing: enough to fetch data for."""

from dataclasses import dataclass
from typing import Annotated

import msgspec

from edgeprune import tasks
from edgeprune.tasks.classification import Classification


@dataclass(frozen=True)
class Options:
    strength: Annotated[float, msgspec.Meta(gt=0, description="How strong.")] = 25.0


class Restore(Classification):
    name, targets, Options = "restore", "image", Options


class Segment(Classification):
    name, targets = "segment", "mask"


class Detect(Classification):
    name, targets = "detect", "boxes"


def register(monkeypatch):
    """Add the tasks ``restore`` (option ``strength``), ``segment`` and ``detect`` to the table."""
    for task in (Restore, Segment, Detect):
        monkeypatch.setitem(tasks.TASKS, task.name, f"{__name__}:{task.__name__}")
