"""Measurements without numbers, of a device that wasn't there, and those of an earlier format: to be made later."""

import json
from collections.abc import Callable, Container
from pathlib import Path
from typing import Any

from edgeprune.measuring.measure import VERSION


def absent(results: str | Path, devices: Container[str] | None = None) -> dict[str, list[Path]]:
    """``{device: paths}`` of the measurements below the folder ``results`` whose device was not there.

    Args:
        results: ``results/<preset>``.
        devices: names to look for; all if None.
    """
    return _where(lambda value: value.get("unreachable"), results, devices)


def to_make_again(
    results: str | Path, devices: Container[str] | None = None, everything: bool = False
) -> dict[str, list[Path]]:
    """The same of those and of files of an earlier format; of ``everything`` that was measured."""
    return _where(
        lambda value: everything or value.get("unreachable") or value.get("version", VERSION) < VERSION,
        results,
        devices,
    )


def _where(
    condition: Callable[[dict[str, Any]], Any], results: str | Path, devices: Container[str] | None
) -> dict[str, list[Path]]:
    found = {}
    for path in sorted(Path(results, "measure_model").glob("*/**/*.json")):
        device = path.relative_to(Path(results, "measure_model")).parts[0]
        if (devices is None or device in devices) and condition(json.loads(path.read_text(encoding="utf-8"))):
            found.setdefault(device, []).append(path)
    return found


def notice(results: str | Path, devices: Container[str] | None = None) -> str:
    """What to tell of devices that were not there, and how to measure on them later; empty if all were."""
    lines = [
        f"device {device}: not there for {len(paths)} measurement{'s' * (len(paths) > 1)}, without numbers now\n"
        f"  {_reason(paths[0])}\n"
        f"  when it is there: `edgeprune remeasure --results {results} --device {device}`, then snakemake again\n"
        for device, paths in absent(results, devices).items()
    ]
    return "".join(lines)


def _reason(path: Path) -> str:
    return json.loads(path.read_text(encoding="utf-8"))["reasons"].get("unreachable", "no reason is on record")
