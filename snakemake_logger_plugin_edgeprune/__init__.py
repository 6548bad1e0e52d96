"""What a run does, for who started it: ``snakemake --logger edgeprune``, as `make` and `edgeprune fit` call it.

Snakemake finds this package by its name. All that it says itself stays in its log file.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shlex
import signal
import sys
import threading
import time
from collections import Counter
from itertools import takewhile
from logging import LogRecord
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_edgeprune.progress import Job, Progress, duration, reason, where

if TYPE_CHECKING:
    from rich.live import Live

LINES = 25  # about jobs that have ended, where there is no terminal
FAILURES = 3  # that are told in full
#: What Snakemake says where jobs failed or were interrupted, beside what is said of each.
OF_THE_END = ("At least one job did not complete successfully", "Exiting because a job execution failed")
LOCKED = """error: the folder cannot be locked: another run works in it, or one was killed
  remedy: wait for it; if none is under way: make unlock (or snakemake --unlock)"""


class LogHandler(LogHandlerBase):
    """On a terminal one display that changes in place, elsewhere few lines; failures, warnings and the end on both."""

    def __post_init__(self) -> None:
        self.progress = Progress()
        self._live: Live | None = None
        self._off = self.common_settings.dryrun  # then Snakemake speaks for itself
        self._quiet = bool(self.common_settings.quiet)
        self._ended: Counter[str] = Counter()  # since the last line
        self._failed = self._told = 0
        self._warned: set[str] = set()
        self._raised: list[str] = []  # errors that no job had yet
        self._interrupted = False
        self._watch_the_keyboard()

    @property
    def writes_to_stream(self) -> bool:
        return not self.common_settings.dryrun

    @property
    def writes_to_file(self) -> bool:
        return False

    @property
    def has_filter(self) -> bool:
        return True  # `quiet` hides lines, not jobs

    @property
    def has_formatter(self) -> bool:
        return True

    @property
    def needs_rulegraph(self) -> bool:
        return False

    def emit(self, record: LogRecord) -> None:
        """Show what an event changes. Never raises: a run is worth more than its display."""
        if not self._off:
            try:
                self._take(record)
            except Exception as error:
                with contextlib.suppress(Exception):
                    if isinstance(error, BrokenPipeError):  # what Python could not write it would try again at its end
                        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
                    self._say(f"the display of the progress has ended ({error!r}); the run goes on")
                self._off = True
                self._stop()

    def close(self) -> None:
        """Take the display away and say how it ended."""
        with contextlib.suppress(Exception):
            self._stop()
            if not self._off:
                self._sum_up()
        self._off = True
        super().close()

    def _watch_the_keyboard(self) -> None:
        """Note a Ctrl-C, which ends the jobs too: before Snakemake knows of it, it calls them failed."""
        before = signal.getsignal(signal.SIGINT)
        if callable(before) and threading.current_thread() is threading.main_thread():

            def note(number: int, frame: FrameType | None) -> None:
                self._interrupted = True
                before(number, frame)

            signal.signal(signal.SIGINT, note)

    def _take(self, record: LogRecord) -> None:
        event: dict[str, Any] = record.__dict__
        match event.get("event"):
            case LogEvent.RUN_INFO:
                self._plan(self.progress.plan(event["stats"], record.created))
            case LogEvent.JOB_INFO:
                self.progress.running[event["jobid"]] = Job(event["rule_name"], event["log"], record.created)
            case LogEvent.JOB_FINISHED:
                if job := self.progress.finish(event["job_id"], record.created):
                    self._ended[job.name] += 1
            case LogEvent.PROGRESS:
                self._count(event["done"], record.created)
            case LogEvent.JOB_ERROR if not self._interrupted:
                self._fail(event)
            case LogEvent.ERROR if event["exception"] == "LockException":
                self._raised.append(LOCKED)
            case None | LogEvent.ERROR:
                self._pass_on(record)

    def _begin(self) -> None:
        if not self._quiet and sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb":
            from rich.console import Console
            from rich.live import Live

            console = Console(stderr=True, no_color=self.common_settings.nocolor or None)
            # Once a second: models are measured beside it.
            self._live = Live(
                get_renderable=lambda: self._view(console.height), console=console, refresh_per_second=1, transient=True
            )
            self._live.start()

    def _plan(self, line: str) -> None:
        if not self._quiet:
            self._say(line)
            for handler in logging.getLogger("snakemake.logging").handlers:
                if isinstance(handler, logging.FileHandler):
                    self._say(f"what Snakemake says: {where(handler.baseFilename)}")

    def _view(self, height: int) -> Any:
        from snakemake_logger_plugin_edgeprune.view import view

        try:
            return view(self.progress, height, time.time())
        except Exception as error:  # in the thread of `rich`, where it would end with its traceback on the screen
            return f"{error!r}"

    def _say(self, line: str) -> None:
        if self._live:
            self._live.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            print(line, file=sys.stderr, flush=True)

    def _stop(self) -> None:
        live, self._live = self._live, None
        if live:
            live.stop()

    def _count(self, done: int, now: float) -> None:
        """At most LINES lines: one for each job of a small run, for some jobs together of a large one."""
        before, self.progress.done = self.progress.done, done
        total = max(self.progress.total, 1)
        if self._live or self._quiet or done == total or done * LINES // total == before * LINES // total:
            return
        rules = Counter(name.partition(" ")[0] for name in self._ended.elements())
        told = (
            ", ".join(self._ended) if len(self._ended) == 1 else ", ".join(f"{n} {rule}" for rule, n in rules.items())
        )
        self._ended.clear()
        self._say(f"{done:>{len(str(total))}} of {total} jobs{self.progress.left(now)}: {told}")

    def _fail(self, event: dict[str, Any]) -> None:
        running = self.progress.running.pop(event["jobid"], None)
        job = Job(event["rule_name"], event["log"], running.started if running else 0.0)
        if event.get("indent") and not job.written():
            return  # a job of a group that another one ended
        self._failed += 1
        raised = self._raised.pop() if self._raised else event["rule_msg"] or ""
        self._told += 1
        if self._told > FAILURES:
            return
        self._say(f"{job.name} failed")
        for line in [*reason(job, raised), *(f"log: {log}" for log in event["log"] if Path(log).is_file())]:
            self._say(f"  {line}")
        if "EDGEPRUNE_AGAIN" not in os.environ:  # of `edgeprune fit`, which says itself what to repeat
            self._say(f"  again: {_again(event['output'][0] if event['output'] else job.rule)}")

    def _pass_on(self, record: LogRecord) -> None:
        """What is no job's: errors are kept for the end, or for the job that they are of; warnings are told once."""
        line = record.getMessage()
        if record.levelno >= logging.ERROR:
            if not self._interrupted and not any(words in line for words in OF_THE_END):
                self._raised.append(line)
        elif line.startswith("Building DAG"):
            self._begin()
        elif line.startswith("Trying to restart job"):
            self._failed -= 1
            if self._told <= FAILURES:
                self._say("  it is tried again")
        elif line.startswith("Nothing to be done") or (record.levelno >= logging.WARNING and line not in self._warned):
            self._warned.add(line)
            self._say(line)

    def _sum_up(self) -> None:
        done, total = self.progress.done, self.progress.total
        if self._raised and not self._failed:
            self._say("\n".join(dict.fromkeys(self._raised)))
        if self._failed:
            failed = "1 job failed" if self._failed == 1 else f"{self._failed} jobs failed"
            self._say(f"{failed}, {done} of {total} are done. Mend it; the same command then goes on.")
        elif 0 < done == total and not self._quiet:
            self._say(f"{total} jobs done in {duration(time.time() - self.progress.began)}.")
        elif 0 < done < total:
            self._say(f"{done} of {total} jobs are done; the same command goes on.")


def _again(target: str) -> str:
    """The command that makes a file again, with the configuration of this run."""
    words = sys.argv[sys.argv.index("--config") :][1:] if "--config" in sys.argv else []
    config = list(takewhile(lambda word: not word.startswith("-"), words))
    snakemake = where(Path(sys.executable).with_name("snakemake"))
    return shlex.join([snakemake, *(["--config", *config] if config else []), "--", target])
