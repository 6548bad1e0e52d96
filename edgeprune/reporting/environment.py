"""Where results come from: the devices, the software, the commit and the configuration, as one HTML page."""

import platform
import re
import subprocess
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

from edgeprune.errors import EdgepruneError
from edgeprune.reporting import columns, runs
from edgeprune.reporting.templates import render

#: What a training says of its machine in timing.json; beside ``engine`` of metrics.json.
TRAINING = ("device_name", "torch")


def devices(measurements: Iterable[str | Path]) -> dict[str, dict[str, str]]:
    """``{place: {field: text}}`` of measurement files: the fingerprint and the protocol, all values that occur.

    A place that was never reached has the reasons instead.
    """
    found = {}
    for path in measurements:
        value = columns.load(path, "edgeprune.measurement")
        known = {"kind": value.get("kind"), **(value.get("fingerprint") or {}), **(value.get("protocol") or {})}
        if value.get("latency_ms") is None:
            known["not measured"] = "; ".join(map(str, (value.get("reasons") or {}).values()))
        known["energy"] = value.get("energy_source")
        found.setdefault(str(runs.place(value)), []).extend(known.items())
    return {place: _texts(fields) for place, fields in found.items()}


def trainings(metrics: Iterable[str | Path], timings: Iterable[str | Path]) -> dict[str, str]:
    """``{field: text}`` of the files of runs: what they were trained on, all values that occur."""
    found = []
    for path in metrics:
        found += (columns.load(path, "edgeprune.metrics").get("engine") or {}).items()
    for path in timings:
        value = columns.load(path, "edgeprune.timing")
        found += [(field, value.get(field)) for field in TRAINING]
    return _texts(found)


def software(requirements: str | Path) -> dict[str, str]:
    """``{package: version}`` of this interpreter and of the packages that the file names, as installed here."""
    versions = {"python": f"{platform.python_version()} on {platform.system()} {platform.machine()}"}
    try:
        lines = Path(requirements).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise EdgepruneError(f"cannot be read: {error.strerror}", file=requirements) from error
    for name in filter(None, (re.split(r"[^A-Za-z0-9._-]", line)[0] for line in lines if not line.startswith("-"))):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not in this environment"
    return versions


def commit(root: str | Path = ".") -> str:
    """The commit of the code that wrote the page, and whether tracked files differ from it."""
    try:
        name = _git(root, "rev-parse", "HEAD")
        changed = _git(root, "status", "--porcelain", "--untracked-files=no").splitlines()
    except (OSError, subprocess.CalledProcessError):
        return "not known: no git repository here"
    return name + (f", with {len(changed)} tracked files changed since" if changed else "")


def page(
    metrics: Iterable[str | Path],
    measurements: Iterable[str | Path],
    timings: Iterable[str | Path],
    requirements: str | Path,
    config: str | Path,
    root: str | Path = ".",
) -> str:
    """The whole page. ``config`` is the stored configuration of the preset."""
    try:
        configuration = Path(config).read_text(encoding="utf-8")
    except OSError as error:
        raise EdgepruneError(f"cannot be read: {error.strerror}", file=config) from error
    return render(
        "environment.html",
        commit=commit(root),
        devices=devices(measurements),
        trainings=trainings(metrics, timings),
        software=software(requirements),
        configuration=configuration,
    )


def caption(measurements: Iterable[str | Path], root: str | Path = ".") -> str:
    """One paragraph for the report."""
    places = list(devices(measurements))
    where = f"measured on {', '.join(places)}" if places else "not measured on any device"
    return (
        f"**Where these results come from.** Code of commit {commit(root)}; {where}. Fingerprints of the devices, "
        "versions of the packages and the configuration are on the page. Where runs differ, all values stand there.\n"
    )


def _texts(fields: Iterable[tuple[str, Any]]) -> dict[str, str]:
    """``{field: text}`` of pairs of a field and a value: all that occur of it but None."""
    found = {}
    for field, value in fields:
        if value is not None and value not in found.setdefault(field, []):
            found[field].append(value)
    return {field: _values(values) for field, values in found.items() if values}


def _values(values: list[Any]) -> str:
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(values) > 3 and len(numbers) == len(values):
        return f"{min(values):g} to {max(values):g}"
    return ", ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in values)


def _git(root: str | Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()
