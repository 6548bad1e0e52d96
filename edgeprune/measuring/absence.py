"""Measurements without numbers, as a device or a runtime wasn't there, and those of an earlier format: for later."""

import json
from collections.abc import Callable, Container
from pathlib import Path
from typing import Any

from edgeprune.measuring.measure import VERSION


def absent(results: str | Path, devices: Container[str] | None = None) -> dict[str, list[Path]]:
    """``{place: paths}`` of the measurements below the folder ``results`` that have no numbers: the place is a device
    that was not there, or a runtime that it has not, as in ``pi (openvino-fp32)``.

    Args:
        results: ``results/<preset>``.
        devices: names to look for; all if None.
    """
    return _where(_missing, results, devices)


def to_make_again(
    results: str | Path, devices: Container[str] | None = None, everything: bool = False
) -> dict[str, list[Path]]:
    """The same of those and of files of an earlier format; of ``everything`` that was measured."""
    return _where(
        lambda value: everything or _missing(value) or value.get("version", VERSION) < VERSION,
        results,
        devices,
    )


def _where(
    condition: Callable[[dict[str, Any]], Any], results: str | Path, devices: Container[str] | None
) -> dict[str, list[Path]]:
    found = {}
    for path in sorted(Path(results, "measure_model").glob("*/**/*.json")):
        device, runtime, *_ = path.relative_to(Path(results, "measure_model")).parts
        value = json.loads(path.read_text(encoding="utf-8"))
        if (devices is None or device in devices) and condition(value):
            place = f"{device} ({runtime})" if value.get("unsupported") else device
            found.setdefault(place, []).append(path)
    return found


def _missing(value: dict[str, Any]) -> bool:
    return bool(value.get("unreachable") or value.get("unsupported"))


def notice(results: str | Path, devices: Container[str] | None = None) -> str:
    """What to tell of what was not there, and how to measure it later; empty if all was."""
    lines = [
        f"device {place}: not there for {len(paths)} measurement{'s' * (len(paths) > 1)}, without numbers now\n"
        f"  {_reason(paths[0])}\n"
        f"  when it is there: `edgeprune remeasure --results {results} --device {place.rpartition(' (')[0] or place}`, "
        "then snakemake again\n"
        for place, paths in absent(results, devices).items()
    ]
    return "".join(lines)


def _reason(path: Path) -> str:
    reasons = json.loads(path.read_text(encoding="utf-8"))["reasons"]
    return reasons.get("unreachable") or reasons.get("unsupported") or "no reason is on record"
