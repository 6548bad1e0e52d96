"""Why a job on the cluster ended, and whether it is worth another attempt."""

import re
from dataclasses import dataclass

#: States of Slurm in which a job is over.
OVER = frozenset(
    ["BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL"]
    + ["OUT_OF_MEMORY", "PREEMPTED", "REVOKED", "TIMEOUT"]
)
#: Of a job that Slurm knows no more.
FORGOTTEN = "FORGOTTEN"
#: Seconds before the limit within which a job that was told to stop has run out of time: `--signal=TERM@120`, and some.
_NEARLY = 240
_MEMORY = re.compile(r"oom[-_ ]?kill|out[ -]of[ -]memory|exceeded (job |step )?memory limit|MemoryError", re.IGNORECASE)
_KILLED = re.compile(r"died with <Signals\.(\w+)")
_STOPPED = re.compile(r"non-zero exit status 75\b")  # edgeprune.training.stopping: its state is kept


@dataclass(frozen=True)
class Verdict:
    """``more``: the resource that the next attempt gets more of, if any; ``again``: whether there is one."""

    said: str
    again: bool
    more: str | None = None


def verdict(state: str, error: str | None, log: str, elapsed: int | None, limit: int | None) -> Verdict:
    """Judge a job that did not finish.

    Args:
        state: Slurm's, or FORGOTTEN.
        error: what the job's own Snakemake noted of its end; None if it noted nothing.
        log: the end of what Slurm wrote of the job.
        elapsed: seconds that the allocation lasted.
        limit: seconds that it was given.
    """
    if state == "OUT_OF_MEMORY" or (state == "FAILED" and _MEMORY.search(log)):
        return Verdict("out of memory", True, "mem_mb")
    late = elapsed is not None and limit is not None and elapsed > limit - _NEARLY - limit // 10
    if state in ("TIMEOUT", "DEADLINE") or (error and _STOPPED.search(error) and late):
        return Verdict("out of time", True, "runtime")
    if state == FORGOTTEN:
        return Verdict("forgotten by Slurm, and what it was to make is not there", True)
    if state != "FAILED":
        return Verdict(state.lower().replace("_", " "), True)
    if error and not _STOPPED.search(error) and not _KILLED.search(error):
        return Verdict("failed by an error, which would come again", False)
    killed = _KILLED.search(error or "")
    return Verdict(f"killed by {killed[1]}" if killed else "stopped", True)
