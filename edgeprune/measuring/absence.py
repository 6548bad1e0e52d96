"""A device that isn't there: its measurements say so in place of numbers, and can be made later."""

import json
from collections.abc import Container
from pathlib import Path


def absent(results: str | Path, devices: Container[str] | None = None) -> dict[str, list[Path]]:
    """``{device: paths}`` of the measurements below the folder ``results`` whose device was not there.

    Args:
        results: ``results/<preset>``.
        devices: names to look for; all if None.
    """
    found = {}
    for path in sorted(Path(results, "measure_model").glob("*/**/*.json")):
        device = path.relative_to(Path(results, "measure_model")).parts[0]
        if devices is None or device in devices:
            text = path.read_text(encoding="utf-8")
            if '"unreachable"' in text and json.loads(text).get("unreachable"):
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
    return json.loads(path.read_text(encoding="utf-8"))["reasons"]["latency_ms"]
