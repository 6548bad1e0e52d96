"""Which run of the grid a plan is of: a plan says how it was drawn, its place among the results says for which run."""

import re
from pathlib import Path

_PLACE = re.compile(r"([^/]+)/seed-(\d+(?:-\d+)?)(?:\.json|/pruned/plan\.json)$")


def run_of(path: str | Path) -> tuple[str, str] | None:
    """``(variant, name of the seeds)`` of a plan's file; None where it lies otherwise than the pipeline puts it."""
    found = _PLACE.search(Path(path).as_posix())
    return (found[1], found[2]) if found else None
