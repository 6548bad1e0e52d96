"""A device that isn't there, or has not a runtime: measurements say so in place of numbers, and can be made later."""

import json
from collections.abc import Container
from pathlib import Path


def absent(results: str | Path, devices: Container[str] | None = None) -> dict[str, list[Path]]:
    """``{place: paths}`` of the measurements below the folder ``results`` that have no numbers: the place is a device
    that was not there, or a runtime that it has not, as in ``pi (openvino-fp32)``.

    Args:
        results: ``results/<preset>``.
        devices: names to look for; all if None.
    """
    found = {}
    for path in sorted(Path(results, "measure_model").glob("*/**/*.json")):
        device, runtime, *_ = path.relative_to(Path(results, "measure_model")).parts
        if devices is None or device in devices:
            text = path.read_text(encoding="utf-8")
            if '"unreachable"' in text and json.loads(text).get("unreachable"):
                found.setdefault(device, []).append(path)
            elif '"unsupported"' in text and json.loads(text).get("unsupported"):
                found.setdefault(f"{device} ({runtime})", []).append(path)
    return found


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
    return json.loads(path.read_text(encoding="utf-8"))["reasons"]["latency_ms"]
