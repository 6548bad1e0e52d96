"""Attempts at a job: only the current one may write or delete.

A job can be begun more than once: the node that it ran on is lost, and comes back; the Snakemake that started it is
killed, and what it started lives on. So each Snakemake that runs jobs, on a node or here, has a file, and may write as
long as that is there. Who begins a job that another one has begun before removes the other's file first.
It stays when its process ends, which what that started may outlive.
:func:`edgeprune.files.replacing` looks at it before it puts a file in place, and Snakemake's own deletions
(:func:`edgeprune.snakemake_internals.fence`) do before they delete.

What is left is the time between that look and the renaming, some microseconds.
"""

import hashlib
import json
import os
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from edgeprune import files
from edgeprune.errors import EdgepruneError

#: Names the run, in the environment of what it starts: a job whose run is over must not begin.
RUN = "EDGEPRUNE_RUN"
#: Names one submission to a cluster, whose jobs are not repeated when Slurm starts it again.
SUBMISSION = "EDGEPRUNE_SUBMISSION"


class Attempts:
    """The attempts in the working directory ``root``, and this process's own, of the run of a preset.

    A job is known by its first output, a path relative to ``root``. Its record: ``attempt``, the name of the file of
    the one that began it last; ``submission``; ``ended``, None, or what went wrong, or "" if nothing did.
    """

    def __init__(self, root: str | Path, preset: str = "") -> None:
        self.folder = Path(root).absolute() / ".snakemake" / "attempts"
        self._run = self.folder / f"run-{preset}"
        self._mine: Path | None = None

    def new_run(self) -> None:
        """From now on jobs that an earlier run of the preset left in a queue do not begin."""
        os.environ[RUN] = uuid.uuid4().hex
        files.write_text(self._run, os.environ[RUN])

    def begin(self, job: str) -> None:
        """Take a job over from whoever began it before.

        Raises:
            EdgepruneError: the run that submitted it is over, and another one has begun.
        """
        mine = os.environ.get(RUN)
        if mine and mine != self._latest_run(mine):
            raise EdgepruneError(
                "belongs to a run that is over; another one has begun since", file=job, remedy="none is needed"
            )
        if self._mine is None:
            self._mine = self.folder / uuid.uuid4().hex
            files.write_text(self._mine, "")
            os.environ[files.ATTEMPT] = str(self._mine)
        before = self.of(job).get("attempt")
        if before and before != self._mine.name:
            (self.folder / before).unlink(missing_ok=True)
        self._write(job, None)

    def holds(self, job: str) -> bool:
        """Whether this process's attempt at a job is the current one."""
        return self._mine is not None and self._mine.exists() and self.of(job).get("attempt") == self._mine.name

    def end(self, job: str, error: str = "") -> None:
        """Note how a job ended, unless it was taken over."""
        if self.holds(job):
            self._write(job, error)

    def done(self, job: str, outputs: Iterable[str]) -> bool:
        """Whether an earlier start of this submission has finished a job."""
        record, submission = self.of(job), os.environ.get(SUBMISSION)
        return (
            bool(submission)
            and record.get("submission") == submission
            and record.get("ended") == ""
            and all(os.path.exists(output) for output in outputs)
        )

    def of(self, job: str) -> Mapping[str, Any]:
        """The record of a job, empty if there is none."""
        try:
            return json.loads(self._place(job).read_text())
        except (OSError, ValueError):
            return {}

    def _latest_run(self, default: str) -> str:
        try:
            return self._run.read_text()
        except FileNotFoundError:
            return default

    def _write(self, job: str, ended: str | None) -> None:
        assert self._mine is not None
        record = {"attempt": self._mine.name, "submission": os.environ.get(SUBMISSION), "ended": ended}
        files.write_json(self._place(job), record | {"job": job})

    def _place(self, job: str) -> Path:
        digest = hashlib.sha1(job.encode()).hexdigest()
        return self.folder / digest[:2] / f"{digest}.json"
