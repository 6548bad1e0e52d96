"""Say what is installed, which devices answer, what is missing and how to get it."""

import fcntl
import platform
import shutil
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import util
from pathlib import Path
from typing import Any

import edgeprune
from edgeprune import errors, snakemake_internals
from edgeprune.commands import options, workflow
from edgeprune.commands.runtimes import packages, version
from edgeprune.errors import EdgepruneError

#: What the command line alone takes.
CORE = ("msgspec", "numpy", "scipy")
#: Names of packages that differ from those under which they are imported.
CALLED = {"sklearn": "scikit-learn", "skimage": "scikit-image", "PIL": "pillow", "yaml": "pyyaml"}
LEAST = 1e9  # bytes of free disk
Row = dict[str, str | None]


def arguments(parser: ArgumentParser) -> None:
    parser.epilog = (
        "Devices are asked as measuring asks them, by a run of the smallest model there is. Exit status: 1 if what is "
        "needed here is missing (in a checkout every package, elsewhere those of the command line only)."
    )
    options.add_json(parser)


def run(args: Namespace) -> None:
    from edgeprune.reporting import terminal

    found = list(_found())
    said = [[row["state"] or "", row["name"] or "", row["said"] or ""] for row in found]
    room = terminal.width() - max(len(name) for _, name, _ in said) - 11
    lines = terminal.table([[state, name, terminal.shorten(text, room)] for state, name, text in said])
    todo = [f"{row['name']}: {row['said']}; {row['remedy']}" for row in found if row["remedy"]]
    options.show(args, lambda: found, lambda: "\n".join([lines, "", *terminal.wrap(todo)]).rstrip())
    missing = [row["name"] or "" for row in found if row["state"] == "missing"]
    if missing:
        raise EdgepruneError(f"missing: {', '.join(missing)}", remedy="see above how to get it")


def _row(part: str, name: str, said: str, remedy: str | None = None, needed: bool = False) -> Row:
    """``state``: ok; missing, if it is needed; else absent."""
    state = "ok" if remedy is None else "missing" if needed else "absent"
    return {"part": part, "name": name, "state": state, "said": said, "remedy": remedy}


def _found() -> Iterator[Row]:
    root, why = None, ""
    try:
        root = workflow.checkout()
    except EdgepruneError as error:
        why = error.problem
    yield _row("package", "edgeprune", f"{edgeprune.__version__} in {Path(edgeprune.__file__).parent}")
    yield _row("package", "python", f"{platform.python_version()} in {sys.prefix}")
    for package in CORE:
        yield _package(package, None, True)
    for extra, imported in errors.EXTRAS.items():
        for package in imported:
            yield _package(package, extra, root is not None)
    if root:
        path = shutil.which("git")
        yield _row(
            "package", "git", path or "not installed", None if path else "install it, e.g. apt install git", True
        )
    lacking = {package: found for has in packages().values() for package, found in has.items()}
    for package, found in lacking.items():
        if package != "onnxruntime":
            remedy = None if found else f"only to measure in it: pip install {package}"
            yield _row("runtime", package, found or "not installed", remedy)
    if root is None:
        yield _row("place", "checkout", why, "a preset runs in a checkout: go there, or make one")
    else:
        yield _row("place", "checkout", str(root))
        yield from _locks(root)
    free = shutil.disk_usage(".").free
    yield _row("place", "disk", f"{free / 1e9:.1f} GB free", "free some space" if free < LEAST else None, True)
    if root and version("pyyaml") and version("jsonschema"):
        yield from _devices(root)


def _package(imported: str, extra: str | None, needed: bool) -> Row:
    """By its metadata, as torch takes seconds to import; of what is native and light the import itself."""
    name = CALLED.get(imported, imported)
    found = version(name)
    install = f"pip install 'edgeprune[{extra}]'" if extra else f"pip install {name}"
    remedy = f"make env, or {install}" if needed and extra else install
    if found is None:
        return _row("package", name, "not installed", remedy, needed)
    try:
        if util.find_spec(imported) is None:
            raise ImportError("its files are gone")
        if imported == "onnxruntime":
            __import__(imported)
        if imported == "snakemake":
            snakemake_internals.check_version(found)
    except (ImportError, EdgepruneError) as error:
        problem = error.problem if isinstance(error, EdgepruneError) else f"{found}, which cannot be imported: {error}"
        return _row("package", name, problem, remedy, needed)
    return _row("package", name, found)


def _locks(root: Path) -> Iterator[Row]:
    if any((root / ".snakemake" / "locks").glob("*")):
        remedy = "wait for it; if none is under way, `snakemake --unlock`"
        yield _row("lock", ".snakemake/locks", "a run is under way, or one was killed", remedy)
    try:
        with open(root / ".dvc" / "tmp" / "lock") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        pass
    except OSError:
        yield _row("lock", ".dvc/tmp/lock", "a dvc command is under way", "wait for it")


def _devices(root: Path) -> Iterator[Row]:
    from edgeprune.config.load import effective

    try:
        devices = effective(root)["devices"]
    except EdgepruneError as error:
        yield _row("place", "config.yaml", str(error).partition("\n")[0], error.remedy or "correct it", True)
        return
    with ThreadPoolExecutor() as pool:
        yield from pool.map(_device, devices, devices.values())


def _device(name: str, settings: dict[str, Any]) -> Row:
    from edgeprune.measuring import measure

    begun = time.monotonic()
    try:
        measure.check(name, settings)
    except EdgepruneError as error:
        return _row("device", name, error.problem, error.remedy or f"see devices.{name} in config.yaml")
    return _row("device", name, f"answers, and ran a model ({time.monotonic() - begun:.1f} s)")
