"""Where results come from: the devices, the software, the commit and the configuration, as one HTML page."""

import html
import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path

from edgeprune.errors import EdgepruneError
from edgeprune.reporting import columns

UNKNOWN = "not known"
#: What a training says of its machine in timing.json; beside ``engine`` of metrics.json.
TRAINING = ("device_name", "torch")


def devices(measurements):
    """``{place: {field: text}}`` of measurement files: the fingerprint and the protocol, all values that occur.

    A place that was never reached has the reasons instead.
    """
    found = {}
    for path in measurements:
        value = columns.load(path, "edgeprune.measurement")
        place = value["device"] + (f" ({value['runtime']})" if value.get("runtime") else "")
        entry = found.setdefault(place, {})
        known = {"kind": value.get("kind"), **(value.get("fingerprint") or {}), **(value.get("protocol") or {})}
        if value.get("unreachable"):
            known["not reached"] = "; ".join(map(str, (value.get("reasons") or {}).values()))
        known["energy"] = value.get("energy_source")
        for field, part in known.items():
            if part is not None and part not in entry.setdefault(field, []):
                entry[field].append(part)
    return {place: {field: _values(values) for field, values in entry.items()} for place, entry in found.items()}


def trainings(metrics, timings):
    """``{field: text}`` of the files of runs: what they were trained on, all values that occur."""
    found = {}
    for path in metrics:
        for field, value in (columns.load(path, "edgeprune.metrics").get("engine") or {}).items():
            found.setdefault(field, []).append(value)
    for path in timings:
        value = columns.load(path, "edgeprune.timing")
        for field in TRAINING:
            found.setdefault(field, []).append(value.get(field))
    distinct = {field: [v for v in dict.fromkeys(values) if v is not None] for field, values in found.items()}
    return {field: _values(values) for field, values in distinct.items() if values}


def software(requirements):
    """``{package: version}`` of this interpreter and of the packages that the file names, as installed here."""
    versions = {"python": f"{platform.python_version()} on {platform.system()} {platform.machine()}"}
    try:
        lines = Path(requirements).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise EdgepruneError(f"cannot be read: {error.strerror}", file=requirements) from error
    for name in filter(None, (re.match(r"[A-Za-z0-9._-]*", line)[0] for line in lines if not line.startswith("-"))):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not in this environment"
    return versions


def commit(root="."):
    """The commit of the code that wrote the page, and whether tracked files differ from it."""
    try:
        name = _git(root, "rev-parse", "HEAD")
        changed = _git(root, "status", "--porcelain", "--untracked-files=no").splitlines()
    except (OSError, subprocess.CalledProcessError):
        return UNKNOWN + ": no git repository here"
    return name + (f", with {len(changed)} tracked files changed since" if changed else "")


def page(metrics, measurements, timings, requirements, config, root="."):
    """The whole page. ``config`` is the stored configuration of the preset."""
    try:
        configuration = Path(config).read_text(encoding="utf-8")
    except OSError as error:
        raise EdgepruneError(f"cannot be read: {error.strerror}", file=config) from error
    parts = [f"<h2>Code</h2>\n<p>When this page was written: commit {html.escape(commit(root))}.</p>"]
    for place, fields in devices(measurements).items():
        parts.append(f"<h2>Measured on {html.escape(place)}</h2>\n{_table(fields)}")
    if not measurements:
        parts.append("<h2>Devices</h2>\n<p>Nothing was measured.</p>")
    parts.append(f"<h2>Trained on</h2>\n{_table(trainings(metrics, timings))}")
    parts.append(f"<h2>Packages where the figures were drawn</h2>\n{_table(software(requirements))}")
    parts.append(f"<h2>Configuration</h2>\n<pre>{html.escape(configuration)}</pre>")
    return PAGE.replace("{body}", "\n".join(parts))


def caption(measurements, root="."):
    """One paragraph for the report."""
    places = list(devices(measurements))
    where = f"measured on {', '.join(places)}" if places else "not measured on any device"
    return (
        f"**Where these results come from.** Code of commit {commit(root)}; {where}. Fingerprints of the devices, "
        "versions of the packages and the configuration are on the page. Where runs differ, all values stand there.\n"
    )


def _values(values):
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(values) > 3 and len(numbers) == len(values):
        return f"{min(values):g} to {max(values):g}"
    return ", ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in values)


def _table(fields):
    rows = "".join(
        f"<tr><th>{html.escape(field.replace('_', ' '))}</th><td>{html.escape(text)}</td></tr>\n"
        for field, text in fields.items()
    )
    return f"<table>\n{rows}</table>"


def _git(root, *arguments):
    done = subprocess.run(["git", "-C", str(root), *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Environment</title>
<style>
body { font: 14px/1.4 system-ui, sans-serif; margin: 1.5rem; color: #222; }
table { border-collapse: collapse; }
th, td { padding: .2rem .8rem .2rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid #ddd; }
th { font-weight: 600; white-space: nowrap; }
pre { background: #f6f6f6; padding: .8rem; overflow-x: auto; }
</style></head><body>
<h1>Environment</h1>
{body}
</body></html>
"""
