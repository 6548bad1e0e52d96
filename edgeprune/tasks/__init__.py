"""What depends on a dataset's ``task``: how a network is asked for, the loss, the metrics, the targets.

Importing a task costs nothing heavy: torch is imported inside the methods that compute, so that the figures can read
names and labels of metrics without it.
"""

from pathlib import Path

from edgeprune.errors import EdgepruneError
from edgeprune.tasks.base import Task

TASKS = ("classification",)


def get(name: str, file: str | Path | None = None) -> Task:
    """The task of that name.

    Args:
        name: the ``task`` of a dataset's manifest.
        file: the manifest, for messages.

    Returns:
        edgeprune.tasks.base.Task

    Raises:
        EdgepruneError: there is no such task.
    """
    if name == "classification":
        from edgeprune.tasks.classification import Classification as task
    else:
        raise EdgepruneError(
            f"there is no task {name!r}", file=file, key="task", remedy=f"the tasks are: {', '.join(TASKS)}"
        )
    return task()
