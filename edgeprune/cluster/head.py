"""The head process: the Snakemake that submits a folder's jobs and waits for them.

Killed by SIGKILL, it leaves its jobs in the queue. If a new run went on beside them, two jobs would write the same
files, and an old one that starts late would delete new results. So a run that finds such jobs refuses to start
(:func:`refuse_orphans`), and :func:`end_orphans` cancels them and waits until they are gone.
"""

import getpass
import os
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from edgeprune import files
from edgeprune.cluster import queue
from edgeprune.errors import EdgepruneError

#: Who submitted last, below the folder of the workflow: host, process, and when that process began.
RECORD = Path("state") / "cluster.json"
REMEDY = (
    "if no other Snakemake runs in this folder, `make resume` cancels these jobs, waits until they are gone and goes "
    "on (`make resume PROFILE=profiles/slurm` on the cluster)"
)


def refuse_orphans(root: str | Path, submits: bool) -> None:
    """Called before a run starts its first job.

    One that stays on this machine does without Slurm's answer: a job of an earlier run that begins after this does
    nothing (:mod:`edgeprune.cluster.attempts`), and one that has begun writes nothing that this run makes again.

    Args:
        root: folder of the workflow.
        submits: whether this run will submit jobs itself. One that does not still looks for jobs of an earlier one that
            did.

    Raises:
        EdgepruneError: jobs of this folder are in Slurm's queue, or Slurm gives no answer to a run that submits.
    """
    record = Path(root) / RECORD
    if not (submits or record.exists()) or not queue.available():
        return
    deadline = time.monotonic() + 30
    try:
        jobs = queue.jobs_of(root)
    except EdgepruneError as error:
        if submits:
            raise
        print(f"Slurm does not say whether jobs of an earlier run are in its queue: {error.problem}", file=sys.stderr)
        return
    while jobs and all(job.state == "COMPLETING" for job in jobs) and time.monotonic() < deadline:
        time.sleep(1)  # of a run that just ended, a stage of `dvc repro` for instance
        jobs = queue.jobs_of(root)
    if jobs:
        raise EdgepruneError(
            f"{len(jobs)} jobs of this folder are in Slurm's queue ({_listed(jobs)}): a run that was killed left them, "
            "or another one is under way; nothing was started",
            remedy=_others(jobs) or REMEDY,
        )
    if submits:
        files.write_json(record, {"host": socket.gethostname(), "pid": os.getpid(), "began": _began(os.getpid())})


def end_orphans(root: str | Path, *, force: bool = False, wait: float = 600, poll: float = 1.0) -> int:
    """Cancel the jobs that a dead head process left, and wait until the last one has ended.

    Args:
        root: folder of the workflow.
        force: do it although the head process cannot be seen from here.
        wait: seconds to wait at most.
        poll: seconds between two looks.

    Returns:
        int: how many jobs there were.

    Raises:
        EdgepruneError: the head process lives, or may live on another host; or jobs do not end.
    """
    if not (Path(root) / RECORD).exists():
        return 0  # this folder never submitted a job; that Slurm is installed does not mean that there is a cluster
    jobs = queue.jobs_of(root)
    if not jobs:
        return 0
    _refuse_living(Path(root) / RECORD, force)
    if others := _others(jobs):
        raise EdgepruneError(f"{len(jobs)} jobs of this folder are in Slurm's queue ({_listed(jobs)})", remedy=others)
    print(f"cancelling {len(jobs)} jobs: {_listed(jobs)}", file=sys.stderr)
    first, deadline = len(jobs), time.monotonic() + wait
    queue.cancel(jobs)
    while jobs := queue.jobs_of(root):
        if time.monotonic() > deadline:
            raise EdgepruneError(
                f"{len(jobs)} jobs have not ended within {wait} s ({_listed(jobs)})",
                remedy="look at them with squeue; a node that is down keeps its jobs until it is back",
            )
        time.sleep(poll)
    return first


def _others(jobs: Sequence[queue.Job]) -> str | None:
    """What to do about jobs that another user submitted here, which only they can cancel; None if nobody did."""
    users = sorted({job.user for job in jobs} - {getpass.getuser(), ""})
    return (
        f"ask {', '.join(users)} to end the run, or to say `make resume` there; or use a checkout of your own"
        if users
        else None
    )


def _refuse_living(record: Path, force: bool) -> None:
    """Refuse if the head process of the record is alive, or on another host and ``force`` is not given."""
    head = files.read_json(record)
    if head["host"] != socket.gethostname():
        if not force:
            raise EdgepruneError(
                f"these jobs were submitted on {head['host']} by process {head['pid']}, which cannot be seen from here",
                remedy="make sure that it has ended, then say so: `make resume FORCE=1`",
            )
    elif _began(head["pid"]) == head["began"]:
        raise EdgepruneError(
            f"the run that submitted these jobs is under way, as process {head['pid']}",
            remedy=f"wait for it, or end it first: kill -INT {head['pid']}",
        )


def _began(pid: int) -> int | None:
    """When a process began, in clock ticks since the start of this machine; None if there is none, or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def _listed(jobs: Sequence[queue.Job], most: int = 8) -> str:
    me = getpass.getuser()
    whose = {job.user: f" of {job.user}" if job.user not in ("", me) else "" for job in jobs}
    shown = ", ".join(f"{job.id} {job.state}{whose[job.user]}" for job in jobs[:most])
    return shown + (f", and {len(jobs) - most} more" if len(jobs) > most else "")
