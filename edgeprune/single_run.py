"""One run of a preset at a time on this machine, which clears up after one that was killed.

The head, the Snakemake that plans and starts jobs, holds a lock of the system's, which even SIGKILL releases. What a
killed head leaves is Snakemake's own lock, and jobs that go on: they would write into the results of the next run.
"""

import contextlib
import fcntl
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from edgeprune.errors import EdgepruneError

#: Tells, in the environment of a head's jobs, on which folder and preset they work.
VARIABLE = "EDGEPRUNE_JOB_OF"


@contextlib.contextmanager
def turn(root: str | Path, preset: str, patience: float = 60) -> Iterator[None]:
    """A context in which no other run of the preset is under way in the folder, which is waited for.

    The jobs of one that was killed are ended, and Snakemake's lock of it is removed.

    Args:
        root: folder of the workflow.
        preset: whose results the run makes.
        patience: seconds that those jobs have for keeping their states.

    Raises:
        EdgepruneError: a job of a killed run does not end.
    """
    root = Path(root).resolve()
    inode = root.stat()  # the path alone is that of others too, in containers
    place, own = root / ".snakemake" / "runs" / f"{preset}.json", f"{inode.st_dev}:{inode.st_ino}:{root}:{preset}"
    place.parent.mkdir(parents=True, exist_ok=True)
    with open(os.open(place, os.O_RDWR | os.O_CREAT, 0o666), "r+", encoding="utf-8") as held:
        alone = _hold(held)
        if alone:
            _end(own, patience)
        locks = _locks(root, preset)
        if not locks or (alone and _read(held)["host"] == socket.gethostname()):  # else they may be a living run's
            for lock in locks:
                lock.unlink(missing_ok=True)
            held.seek(0)
            held.truncate()
            since, command = time.strftime("%Y-%m-%d %H:%M:%S"), " ".join(sys.argv)
            json.dump({"pid": os.getpid(), "host": socket.gethostname(), "since": since, "command": command}, held)
            held.flush()
        os.environ[VARIABLE] = own
        yield


def _hold(held: IO[str]) -> bool:
    """Take the lock, after whoever has it; False on a file system that has none, where Snakemake's own has to do.

    Raises:
        EdgepruneError: Ctrl-C while it is waited for.
    """
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        told = "waiting until another run has ended: process {pid} on {host}, since {since}, {command}"
        print(told.format_map(_read(held)), file=sys.stderr, flush=True)
    except OSError:
        return False
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
    except KeyboardInterrupt:
        raise EdgepruneError("interrupted while another run was waited for; nothing was begun") from None
    return True


def _read(held: IO[str]) -> dict[str, object]:
    """Whose turn it is, or was last."""
    held.seek(0)
    unknown: dict[str, object] = dict.fromkeys(("pid", "host", "since", "command"), "?")
    try:
        return unknown | json.load(held)
    except ValueError:  # nobody's, or its holder is just writing it
        return unknown


def _end(own: str, patience: float) -> None:
    """Ask the jobs of the folder and preset to stop, then make them."""
    left = _jobs(own)
    if left:
        print(f"a run was killed; its jobs are asked to stop: processes {left}", file=sys.stderr, flush=True)
    for signalled, wait in ((signal.SIGTERM, patience), (signal.SIGKILL, 10)):
        for pid in _jobs(own):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signalled)
        deadline = time.monotonic() + wait
        while _jobs(own) and time.monotonic() < deadline:
            time.sleep(0.1)
    if left := _jobs(own):
        raise EdgepruneError(f"processes of a killed run do not end: {left}", remedy="end them, and run again")


def _jobs(own: str) -> list[int]:
    """This user's processes that a head of the folder and preset has started, but for Slurm's jobs.

    Where there is no /proc, none are found.
    """
    ours, found, above = f"{VARIABLE}={own}".encode(), [], _ancestors()
    here = b"SLURM_JOB_ID=" + os.environ.get("SLURM_JOB_ID", "").encode()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # another user's, or gone
            variables = (folder / "environ").read_bytes().split(b"\0")
            elsewhere = any(v.startswith(b"SLURM_JOB_ID=") and v != here for v in variables)
            if ours in variables and not elsewhere and int(folder.name) not in above:
                found.append(int(folder.name))
    return found


def _ancestors() -> set[int]:
    """This process, and those that it hangs on: a shell in which somebody looks at a job has its environment."""
    found, pid = set(), os.getpid()
    while pid > 1 and pid not in found:
        found.add(pid)
        with contextlib.suppress(OSError):
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return found


def _locks(root: Path, preset: str) -> list[Path]:
    """Snakemake's locks on the preset's results."""
    locks = (root / ".snakemake" / "locks").glob("*.lock")
    found = []
    for lock in locks:
        with contextlib.suppress(FileNotFoundError):  # another preset's run has just ended
            if f"results/{preset}/" in lock.read_text(encoding="utf-8"):
                found.append(lock)
    return found
