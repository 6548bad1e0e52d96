"""Make a project: a folder with the workflow, under git and DVC, in which the other commands and Snakemake run."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path

import edgeprune
from edgeprune import files
from edgeprune.errors import EdgepruneError

#: What a project has of a checkout.
WORKFLOW = (
    *("Snakefile", "rules", "scripts", "profiles", "presets", "envs", "report", "config.yaml", "dvc.yaml"),
    *("requirements.in", ".dvc/plots", ".dvcignore", ".gitignore"),
)
SKIPPED = shutil.ignore_patterns("__pycache__")
VERSION = f"edgeprune=={edgeprune.__version__}"


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="of the project; it is made")


def run(args: Namespace) -> None:
    import dvc  # noqa: F401  with Snakemake, of one extra: told before anything is written

    folder = args.folder
    _check(folder)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as temporary:
        made = Path(temporary, folder.name)
        uncommitted = _make(made)
        made.replace(folder)
    print(f"{folder}: a project of edgeprune {edgeprune.__version__}, under git and DVC{uncommitted}. Go on there:")
    print(f"  cd {folder}\n  edgeprune fit NETWORK --data FOLDER\n  snakemake --cores all --config preset=quick")


def copy_workflow(source: Path, to: Path) -> None:
    """Copy the workflow's files from a checkout, or from where setup.py has packed them."""
    to.mkdir(parents=True, exist_ok=True)
    for name in WORKFLOW:
        if (source / name).is_dir():
            shutil.copytree(source / name, to / name, ignore=SKIPPED, copy_function=shutil.copyfile)
        else:
            shutil.copyfile(source / name, to / name)


def check_version(root: str | Path) -> None:
    """Refuse to run the workflow of one version with the package of another.

    Raises:
        EdgepruneError: the project in ``root`` was made by another version.
    """
    file = Path(root) / "requirements.in"
    wanted = re.match("edgeprune==.*", file.read_text(encoding="utf-8")) if file.is_file() else None
    if wanted and wanted[0] != VERSION:
        remedy = f"pip install {wanted[0]}, or take Snakefile, rules and scripts from what `edgeprune new` makes now"
        raise EdgepruneError(f"the workflow is of {wanted[0]}, installed is {VERSION}", file=file, remedy=remedy)


def _check(folder: Path) -> None:
    from edgeprune.config.check import schema

    if not re.match(schema()["$defs"]["name"]["pattern"], folder.name):
        remedy = "letters, digits, dots, dashes and underscores, not `.` alone"
        raise EdgepruneError(f"{str(folder)!r} cannot be the name of a project", key="FOLDER", remedy=remedy)
    if os.path.lexists(folder) and (not folder.is_dir() or folder.is_symlink() or any(folder.iterdir())):
        raise EdgepruneError("is there already, and no empty folder", file=folder, remedy="give another name")
    files.check_writable(folder.parent)
    if not folder.parent.is_dir():
        raise EdgepruneError("there is no such folder", file=folder.parent, remedy="make it, or correct the name")
    if not shutil.which("git"):
        raise EdgepruneError("git is not installed", remedy="install it; on Debian and Ubuntu: apt install git")


def _make(made: Path) -> str:
    """All of the project; what to say if its first commit cannot be made."""
    made.mkdir()
    _tool("git", "init", cwd=made)
    _tool("dvc", "init", cwd=made)
    package = Path(edgeprune.__file__).resolve().parent
    packed = package / "workflow"
    copy_workflow(packed if packed.is_dir() else package.parent, made)
    for name, old, new in (
        ("requirements.in", "", f"{VERSION}\n"),
        ("dvc.yaml", "package: edgeprune", "package: requirements.in"),
        (".dvc/config", "", "[core]\n    analytics = false\n    check_update = false\n"),
    ):
        text = (made / name).read_text(encoding="utf-8")
        (made / name).write_text(text.replace(old, new, 1), encoding="utf-8")
    _tool("git", "add", "--all", cwd=made)
    try:
        _tool("git", "commit", "-m", f"The workflow of {VERSION}", cwd=made)
    except EdgepruneError as error:
        return f", but not committed yet ({error.problem})"
    return ""


def _tool(*command: str, cwd: Path) -> None:
    words = [sys.executable, "-m", *command] if command[0] == "dvc" else command
    environment = os.environ | {"DVC_NO_ANALYTICS": "1"}
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise EdgepruneError(f"`{' '.join(command[:2])}` failed: {lines[-1]}", remedy="mend it, and ask again")
