"""The jobs that Snakemake put into Slurm's queue for this folder."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeprune.errors import EdgepruneError

#: How the names of our jobs begin: `slurm-jobname-prefix` of profiles/slurm.
PREFIX = "edgeprune_"


@dataclass(frozen=True)
class Job:
    """A job in the queue: waiting, running, or being ended."""

    id: str
    state: str


def available() -> bool:
    """Whether this machine can ask Slurm."""
    return shutil.which("squeue") is not None


def jobs_of(root: str | Path) -> list[Job]:
    """The jobs of this user that a Snakemake submitted in the folder ``root`` and that are not over.

    Raises:
        EdgepruneError: Slurm gives no answer.
    """
    said = _ask("squeue", "--noheader", f"--user={os.getuid()}", "--format=%A|%T|%j|%Z")
    found = []
    for line in said.splitlines():
        number, state, name, folder = line.split("|", 3)
        if name.startswith(PREFIX) and _same(folder, root):
            found.append(Job(number, state))
    return found


def cancel(jobs: Sequence[Job]) -> None:
    """Ask Slurm to end jobs: SIGTERM first, so that trainings keep their state; SIGKILL after the cluster's KillWait.

    Raises:
        EdgepruneError: Slurm refuses or gives no answer.
    """
    for start in range(0, len(jobs), 500):  # command lines are finite
        _ask("scancel", *(job.id for job in jobs[start : start + 500]))


def _same(folder: str, root: str | Path) -> bool:
    try:
        return os.path.samefile(folder, root)
    except OSError:  # a folder that was deleted meanwhile
        return Path(folder) == Path(root)


def _ask(program: str, *arguments: str) -> str:
    try:
        done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError as error:
        remedy = "run this where Slurm's commands are, on the cluster's head node"
        raise EdgepruneError(f"there is no program {program} here", remedy=remedy) from error
    except subprocess.TimeoutExpired as error:
        raise EdgepruneError(f"Slurm gives no answer: {program}", remedy="try again later") from error
    if done.returncode:
        raise EdgepruneError(f"{program} failed: {done.stderr.strip()}", remedy="try again when Slurm answers")
    return done.stdout
