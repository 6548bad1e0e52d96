"""What the runs of a table were trained with: a mean over several engines is not a mean over seeds alone."""

from collections.abc import Sequence
from typing import Any

from edgeprune.reporting import Row

#: Column of a row -> key of metrics.json's ``engine``.
COLUMNS = {"train_device": "device", "precision": "precision", "train_threads": "threads"}
_NAMES = {"train_device": "device", "precision": "precision", "train_threads": "CPU threads"}


def columns(metrics: dict[str, Any]) -> Row:
    """:data:`COLUMNS` of one run; None where its ``metrics.json`` does not say."""
    engine = metrics.get("engine") or {}
    return {column: engine.get(key) for column, key in COLUMNS.items()}


def joined(rows: Sequence[Row]) -> Row:
    """:data:`COLUMNS` of a group: what its runs share, or all that they have, as in ``bf16 / fp32``."""
    result = {}
    for column in COLUMNS:
        values = sorted({value for row in rows if (value := row.get(column)) is not None})
        result[column] = values[0] if len(values) == 1 else " / ".join(map(str, values)) or None
    return result


def note(groups: Sequence[Row]) -> str:
    """A sentence if the runs behind ``groups`` were not all trained alike, or ""."""
    differing = []
    for column, name in _NAMES.items():
        values = {part for row in groups if row.get(column) is not None for part in str(row[column]).split(" / ")}
        if len(values) > 1:
            differing.append(f"{name} {' and '.join(sorted(values))}")
    if not differing:
        return ""
    return f"These runs were not all trained alike, which their means and differences include: {'; '.join(differing)}."
