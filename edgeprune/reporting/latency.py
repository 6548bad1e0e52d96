"""The latency that networks are compared by.

Times that were measured minutes apart drift with the machine; ratios to the dense network, measured in turns, do not.
So the latencies of all networks of a pair go back to one of the dense network.
"""

import statistics
from collections.abc import Iterable

from edgeprune.reporting import Row

#: What tables and captions say it is.
SAID = (
    "Latency is the dense network's median (fp32) on the device, over all measurements beside it there, divided by the "
    "speed-up; as measured where there is no speed-up."
)


def comparable(rows: Iterable[Row]) -> list[Row]:
    """The runs' rows with one ``dense_latency_ms`` for each network, data set and device, the median of what was
    measured beside its networks there (always the same: fp32 in ONNX Runtime), and with :func:`of` it."""
    rows, beside = list(rows), {}
    for row in rows:
        if (found := _beside(row)) is not None:
            beside.setdefault(_reference(row), []).append(found)
    dense = {key: statistics.median(values) for key, values in beside.items()}
    rows = [row | {"dense_latency_ms": dense.get(_reference(row))} for row in rows]
    return [row | of(row) for row in rows]


def of(row: Row) -> Row:
    """``latency_ms`` of a run or a group, ``latency_ms_low`` and ``latency_ms_high``: the dense latency over the
    speed-up and the ends of its 95 % interval. Without a speed-up the measured median, and no interval."""
    dense, speedup = row.get("dense_latency_ms"), row.get("speedup")
    if dense is None or speedup is None:
        return {"latency_ms": row.get("latency_p50_ms"), "latency_ms_low": None, "latency_ms_high": None}
    return {
        "latency_ms": dense / speedup,
        "latency_ms_low": dense / row["speedup_high"],
        "latency_ms_high": dense / row["speedup_low"],
    }


def _beside(row: Row) -> float | None:
    """The dense network's latency, measured beside the row's; about what it was, in a table older than that column."""
    if "dense_latency_ms" in row or row.get("speedup") is None:
        return row.get("dense_latency_ms")
    return row["latency_p50_ms"] * row["speedup"]


def _reference(row: Row) -> tuple[str | None, ...]:
    return row["network"], row["dataset"], row["device"]
