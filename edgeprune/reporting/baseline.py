"""What networks are held against that learnt nothing (bicubic, the noisy input): scores of a dataset, and no run."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from edgeprune import tasks
from edgeprune.errors import EdgepruneError
from edgeprune.reporting import Row, columns, units
from edgeprune.tasks.base import Metric


def read(paths: Iterable[str | Path]) -> list[Row]:
    """Of each ``baseline.json``: ``dataset``, ``task``, its name as ``method``, its test scores by a group's columns.

    Raises:
        EdgepruneError: a file of another kind, or two of one dataset.
    """
    found = {}
    for path in paths:
        value = columns.load(path, "edgeprune.baseline")
        try:
            task = tasks.get(value["task"], file=path)
            row = {"dataset": value["dataset"], "task": task.name, "method": value["name"]}
            row["score"] = value["test"][task.headline.name]
            row |= columns.further(task, "score", value["test"])
        except KeyError as error:
            raise EdgepruneError("lacks a key", file=path, key=error.args[0], remedy="make the file again") from error
        if row["dataset"] in found:
            problem = f"is a second file for the dataset {row['dataset']}"
            raise EdgepruneError(problem, file=path, remedy="name each file once")
        found[row["dataset"]] = row
    return list(found.values())


def of(groups: Sequence[Row], baselines: Iterable[Row]) -> list[Row]:
    """The baseline of the groups' one dataset, if it is among them: a row with None for all that only a run has."""
    first = groups[0]
    same = (row for row in baselines if (row["dataset"], row["task"]) == (first["dataset"], first["task"]))
    return [dict.fromkeys(first) | row for row in same]


def words(row: Row, metric: Metric) -> str:
    """A row of :func:`of`, as in ``bicubic 33.06 dB``."""
    return f"{row['method']} {units.score(row['score'], metric)}"


def notes(rows: Iterable[Row]) -> list[str]:
    """What must be said beside the rows of :func:`of`."""
    return [f"The first row, {row['method']}, learnt nothing, costs nothing and was not measured." for row in rows]
