"""The display that changes in place, one screen at most."""

from __future__ import annotations

from rich.console import Group
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from snakemake_logger_plugin_edgeprune.progress import Progress


def view(progress: Progress, height: int, now: float) -> Group | str:
    """Jobs done, time left, and below a line or two for each job that runs: fewer than ``height`` lines."""
    if not progress.total:
        return "planning the jobs ..."
    head = Table.grid(expand=True, padding=(0, 1))
    head.add_column(no_wrap=True)
    head.add_column(ratio=1, min_width=5)
    done = f"{progress.done} of {progress.total} jobs{progress.left(now)}"
    head.add_row(done, ProgressBar(total=progress.total, completed=progress.done))
    lines, jobs = [], list(progress.running.values())
    waiting = sum(job.waits(now) for job in jobs)
    for job in jobs:
        if job.waits(now):
            continue
        minutes, seconds = divmod(int(max(now - job.started, 0)), 60)
        said = job.says()
        lines.append([f"  {minutes:>3}:{seconds:02d}  {job.name}", *([f"          {said}"] if said else [])])
    if waiting:
        lines.append([f"          {waiting} {'waits' if waiting == 1 else 'wait'} in the cluster's queue"])
    room, shown = height - 2, []
    for number, job_lines in enumerate(lines):
        rest = len(lines) - number - 1
        if len(shown) + len(job_lines) + (rest > 0) > room:
            shown.append(f"          and {rest + 1} more")
            break
        shown += job_lines
    return Group(head, *(Text(line, no_wrap=True, overflow="ellipsis") for line in shown))
