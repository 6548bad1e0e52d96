"""How far a run is: its jobs, what they say, and the time that is left. Fed by the events of Snakemake."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

#: Lines of a log that tell how far its job is: of :class:`~edgeprune.training.history.LiveLine`, and of
#: :class:`~edgeprune.data.progress.Progress`.
_TELLS = re.compile(r"epoch +\d+/\d+ .*|.*: [\d,]+ of [\d,]+ .*")
_LEFT = re.compile(r"(\d+):(\d\d) left$")
#: Seconds by which the clock of a file system may be behind ours.
_SKEW = 60
#: Within which a job begins that need not wait.
_SOON = 10
_TAIL = 8192  # bytes of a log that are read


@dataclass
class Job:
    """A job that runs, since ``started`` (seconds since the epoch), and its log files."""

    rule: str
    log: Sequence[str]
    started: float

    @property
    def name(self) -> str:
        """``train_network vgg8/digits/FA-0.50/seed-0``: in this project rule and wildcards are the path of the log."""
        what = self.log[0].partition(f"{self.rule}/")[2].removesuffix(".log") if self.log else ""
        return f"{self.rule} {what}".strip()

    def waits(self, now: float) -> bool:
        """Whether it is in a cluster's queue: where a job begins, its shell makes its log."""
        try:
            begun = max((os.stat(log).st_mtime for log in self.log), default=now)
        except OSError:
            begun = 0.0
        return begun < self.started - _SKEW and now - self.started > _SOON

    def written(self) -> str:
        """The end of what this job, not one before it, wrote to its logs."""
        for log in self.log:
            try:
                with open(log, "rb") as stream:
                    if os.fstat(stream.fileno()).st_mtime < self.started - _SKEW:
                        continue
                    stream.seek(max(stream.seek(0, os.SEEK_END) - _TAIL, 0))
                    if text := stream.read().decode("utf-8", "replace").strip():
                        return text
            except OSError:
                continue
        return ""

    def says(self) -> str:
        """How far it is: epoch, score, images/s; empty if it does not tell."""
        told = [line.strip() for line in self.written().splitlines() if _TELLS.fullmatch(line.strip())]
        return re.sub(r"loss \S+ +", "", told[-1]) if told else ""  # for a narrow screen

    def left(self) -> int | None:
        """The seconds that it says are left."""
        said = _LEFT.search(self.says())
        return 60 * int(said[1]) + int(said[2]) if said else None


class Progress:
    """``done`` of ``total`` jobs, and those that are ``running`` by their number."""

    def __init__(self) -> None:
        self.total = self.done = 0
        self.began = 0.0
        self.running: dict[int, Job] = {}
        self._to_do: Counter[str] = Counter()
        self._seconds: dict[str, list[float]] = defaultdict(list)

    def plan(self, jobs: Mapping[str, int], now: float) -> str:
        """Take ``{rule: jobs, "total": jobs}``; return it as a line."""
        self.total, self.began = jobs["total"], now
        self._to_do = Counter({rule: count for rule, count in jobs.items() if rule != "total"})
        most, others = self._to_do.most_common(4), sum(self._to_do.values())
        told = [f"{count} {rule}" for rule, count in most]
        others -= sum(count for _, count in most)
        return f"{self.total} jobs: {', '.join(told)}" + (f" and {others} others" if others else "")

    def finish(self, number: int, now: float) -> Job | None:
        """The job of this number has ended well; return it."""
        job = self.running.pop(number, None)
        if job:
            self._to_do[job.rule] -= 1
            self._seconds[job.rule].append(now - job.started)
        return job

    def left(self, now: float) -> str:
        """``, about 3 min left``; ``at least`` while many jobs are of rules that have not told how long one takes.

        Jobs yet to come take as long as those of their rule did, or as those that run say they will, and as many go on
        beside each other as until now. Empty if nothing is known.
        """
        spent, known = 0.0, {rule: list(seconds) for rule, seconds in self._seconds.items()}
        for job in list(self.running.values()):
            spent += now - job.started
            if (told := job.left()) is not None:
                known.setdefault(job.rule, []).append(now - job.started + told)
        every = [seconds for rule in known.values() for seconds in rule]
        beside = (spent + sum(map(sum, self._seconds.values()))) / max(now - self.began, 1e-9)
        if not every or beside <= 0:
            return ""
        work, unknown = -spent, 0
        for rule, count in self._to_do.items():
            seconds = known.get(rule, every)
            unknown += 0 if rule in known else count
            work += count * sum(seconds) / len(seconds)
        sure = "about" if 4 * unknown <= sum(self._to_do.values()) else "at least"
        return f", {sure} {duration(max(work, 0) / beside)} left"


def reason(job: Job, raised: str) -> list[str]:
    """Why a job failed: the message of an EdgepruneError, what Snakemake ``raised``, or the last line of its log."""
    text = job.written()
    _, told, error = ("\n" + text).rpartition("\nerror: ")
    if told:
        return [f"error: {line}" if number == 0 else line for number, line in enumerate(error.splitlines())]
    if raised and "CalledProcessError" not in raised:
        return raised.splitlines()[:4]
    if killed := re.search(r"died with <Signals\.(\w+)", raised):
        return [f"killed by {killed[1]}"]
    last = text.rpartition("\n")[2].strip()
    return [last if last and not _TELLS.fullmatch(last) else "it left no message"]


def where(path: str | Path) -> str:
    """``path`` as seen from here, if it is below."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def duration(seconds: float) -> str:
    """``40 s``, ``7 min``, ``3.2 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
