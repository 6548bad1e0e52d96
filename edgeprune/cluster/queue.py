"""The jobs that Snakemake put into Slurm's queue for this folder."""

import os
import re
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
    """A job in the queue: waiting, running, or being ended; whose it is; seconds that it has, and may last."""

    id: str
    state: str
    user: str = ""
    elapsed: int | None = None
    limit: int | None = None


def available() -> bool:
    """Whether this machine can ask Slurm."""
    return shutil.which("squeue") is not None


def jobs_of(root: str | Path) -> list[Job]:
    """The jobs that a Snakemake, anybody's, submitted in the folder ``root`` and that are not over.

    Raises:
        EdgepruneError: Slurm gives no answer.
    """
    found = []
    for line in _ask("squeue", "--noheader", "--format=%A|%T|%u|%j|%Z").splitlines():
        number, state, user, name, folder = line.split("|", 4)
        if name.startswith(PREFIX) and _same(folder, root):
            found.append(Job(number, state, user))
    return found


def states() -> dict[str, Job]:
    """``{id: Job}`` of this user's jobs, those that are over included for as long as Slurm remembers them.

    Raises:
        EdgepruneError: Slurm gives no answer.
    """
    said = _ask("squeue", "--noheader", "--states=all", f"--user={os.getuid()}", "--format=%A|%T|%M|%l")
    rows = (line.split("|") for line in said.splitlines())
    return {number: Job(number, state, "", _seconds(used), _seconds(most)) for number, state, used, most in rows}


def remembered(number: str) -> str | None:
    """The state of a job that squeue has forgotten, from the accounting; None if that is not there or knows nothing."""
    if shutil.which("sacct") is None:
        return None
    try:
        said = _ask("sacct", "-X", "--noheader", "--parsable2", "--format=State", f"--jobs={number}", seconds=20)
    except EdgepruneError:  # no database: it fails, or waits for ever
        return None
    words = said.split()
    return words[0] if words else None


def most(partition: str | None) -> dict[str, int | None]:
    """What a partition allows: ``runtime`` in minutes, ``mem_mb`` and ``cpus`` of a node; None: no limit or unknown."""
    chosen = [f"--partition={partition}"] if partition else []
    try:
        rows = [line.split("|") for line in _ask("sinfo", "--noheader", "--format=%l|%m|%c", *chosen).splitlines()]
    except EdgepruneError:
        return {}
    times = [_seconds(row[0]) for row in rows]
    runtime = None if None in times else max(filter(None, times), default=0) // 60 or None
    largest = [max((int(n[0]) for row in rows if (n := re.match(r"\d+", row[i]))), default=None) for i in (1, 2)]
    return {"runtime": runtime, "mem_mb": largest[0], "cpus": largest[1]}


def _seconds(said: str) -> int | None:
    """Of ``days-hours:minutes:seconds`` or a part of it; None if it is no time (UNLIMITED)."""
    found = re.fullmatch(r"(?:(\d+)-)?(?:(?:(\d+):)?(\d+):)?(\d+)", said.strip())
    if not found:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


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


def _ask(program: str, *arguments: str, seconds: float = 60) -> str:
    try:
        done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=seconds, check=False)
    except FileNotFoundError as error:
        remedy = "run this where Slurm's commands are, on the cluster's head node"
        raise EdgepruneError(f"there is no program {program} here", remedy=remedy) from error
    except subprocess.TimeoutExpired as error:
        raise EdgepruneError(f"Slurm gives no answer: {program}", remedy="try again later") from error
    if done.returncode:
        raise EdgepruneError(f"{program} failed: {done.stderr.strip()}", remedy="try again when Slurm answers")
    return done.stdout
