"""What depends on a dataset's ``task``: how a network is asked for, the loss, the metrics, the targets.

Importing a task costs nothing heavy: torch and numpy are imported inside the methods that compute, so that the figures
can read names and labels of metrics without them.
"""

from __future__ import annotations

import tomllib
from dataclasses import asdict
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from edgeprune.errors import EdgepruneError, near
from edgeprune.tasks.base import Manifest, Task
from edgeprune.typed import convert

#: ``{name: class}`` of every task.
TASKS: dict[str, str] = tomllib.loads(files(__name__).joinpath("tasks.toml").read_text(encoding="utf-8"))


def get(name: str, file: str | Path | None = None, key: str = "task") -> type[Task]:
    """The task of that name.

    Args:
        name: the ``task`` of a dataset's manifest.
        file, key: where it stands, for messages.

    Raises:
        EdgepruneError: there is no such task.
    """
    if name not in TASKS:
        problem, remedy = f"there is no task {name!r}{near(name, TASKS)}", f"the tasks are: {', '.join(TASKS)}"
        raise EdgepruneError(problem, file=file, key=key, remedy=remedy)
    module, _, attribute = TASKS[name].partition(":")
    return getattr(import_module(module), attribute)


def bind(manifest: Manifest, file: str | Path | None = None) -> Task:
    """The task of a fetched dataset; ``file`` is its manifest, for messages.

    Raises:
        EdgepruneError: the images do not have the deploy size, and the task's outputs are no maps to join tiles of.
    """
    task, size = get(manifest["task"], file)(manifest), manifest["input"]["shape"][1:]
    if task.targets in ("class", "boxes") and list(task.input_shape[1:]) != list(size):
        wanted = list(task.input_shape[1:])
        raise EdgepruneError(
            f"{task.name} is scored on whole images, which must all have the deploy size {wanted}",
            file=file,
            key=f"datasets.{manifest['name']}.deploy_size",
            remedy=f"leave it out and set `size: {wanted}`, which resizes the images",
        )
    return task


def options(task: type[Task], settings: dict[str, Any], file: str | Path | None = None) -> dict[str, Any]:
    """The task's own settings among a dataset's, defaults filled in.

    Raises:
        EdgepruneError: a value is not allowed; the key is relative to the dataset's.
    """
    given = {key: value for key, value in settings.items() if key in keys(task)}
    return asdict(convert(given, task.Options, file=file, remedy="see docs/tasks.md"))


def keys(task: type[Task]) -> list[str]:
    """Names of the task's own settings."""
    return list(task.Options.__dataclass_fields__)


def schema() -> dict[str, Any]:
    """``{key: JSON schema}`` of all tasks' settings."""
    found = {}
    for task in map(get, TASKS):
        fields = msgspec.json.schema_components([task.Options])[1][task.Options.__name__]["properties"]
        for name, field in fields.items():
            found[name] = field | {"description": f"For the task {task.name}: {field['description']}"}
    return found
