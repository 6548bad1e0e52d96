"""Run Snakemake on a preset: what it says goes to a file, how far it is to the terminal, what fails to the user."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from edgeprune.errors import EdgepruneError

_STEPS = re.compile(r"(\d+) of (\d+) steps \(\d+%\) done")
_RULE = re.compile(r"(?:local)?rule (\w+):")
_FAILED = re.compile(r"Error in rule (\w+):")
_LOG = re.compile(r"\s+log: (\S+)")
EVERY = 60  # seconds between two lines, where nobody watches a terminal


def checkout() -> Path:
    """The folder of the workflow: the one that the command is given in.

    Raises:
        EdgepruneError: there is no workflow.
    """
    here = Path.cwd()
    if not (here / "Snakefile").is_file() or not (here / "presets").is_dir():
        raise EdgepruneError(
            "there is no Snakefile with presets here",
            file=here,
            remedy="go to a project or a checkout of edgeprune and ask again; `edgeprune new FOLDER` makes a project",
        )
    return here


def run(preset: str, log: Path, targets: Sequence[str] = (), what: str = "") -> None:
    """Run the workflow of a preset, or ``targets`` of it, on all cores.

    Args:
        preset: its name.
        log: file that everything Snakemake says is added to.
        targets: rules or files; everything if there are none.
        what: the line that tells how far it is begins so.

    Raises:
        EdgepruneError: a job failed, or the workflow could not begin.
    """
    command = [sys.executable, "-m", "snakemake", "--cores", "all", "--config", f"preset={preset}"]
    command += ["--", *targets] if targets else []
    log.parent.mkdir(parents=True, exist_ok=True)
    lines, started, shown = [], time.monotonic(), 0.0
    with (
        open(log, "a", encoding="utf-8") as kept,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process,
    ):
        assert process.stdout is not None
        rule, live = "", sys.stderr.isatty()
        try:
            for line in process.stdout:
                kept.write(line)
                lines.append(line.rstrip())
                if found := _RULE.match(line):
                    rule = found[1]
                found = _STEPS.match(line)
                if found and (live or time.monotonic() - shown >= EVERY):
                    shown = time.monotonic()
                    _tell(what, int(found[1]), int(found[2]), shown - started, rule, live)
        except KeyboardInterrupt:
            process.wait()  # Snakemake had the signal too, and ends its jobs
            raise
    if live and shown:
        print(file=sys.stderr)
    if process.returncode:
        raise _told(lines, log)


def _tell(what: str, done: int, total: int, seconds: float, rule: str, live: bool) -> None:
    left = f", about {duration(seconds / done * (total - done))} left" if 0 < done < total else ""
    line = f"{what}{done} of {total} jobs{left} ({rule})"
    print(f"\r\033[K{line}" if live else line, end="" if live else "\n", file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """``40 s``, ``7 min``, ``3.2 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _told(lines: Sequence[str], log: Path) -> EdgepruneError:
    """What stopped it: a script's own message, or Snakemake's last words."""
    again = "then give the same command again: what is done stays"
    text = "\n".join(lines)
    if "LockException" in text or "cannot be locked" in text:
        return EdgepruneError(
            "another run works in this folder, or one was killed",
            file=log,
            remedy="wait for it; if none is under way, `snakemake --unlock` and ask again",
        )
    for number, line in enumerate(lines):
        if found := _FAILED.match(line):
            place = next((m[1] for m in map(_LOG.match, lines[number : number + 8]) if m), None)
            said = Path(place).read_text(encoding="utf-8", errors="replace") if place else ""
            problem, remedy = _last_error(said)
            problem = problem.splitlines()[-1] if problem else "no reason is on record"
            remedy = f"{remedy}; {again}" if remedy else f"mend it, {again}"
            return EdgepruneError(f"{found[1]} failed: {problem}", file=place or log, remedy=remedy)
    if "error: " in text:
        problem, remedy = _last_error(text)
        return EdgepruneError(problem, remedy=remedy)
    last = next((line for line in reversed(lines) if line.strip()), "Snakemake said nothing")
    return EdgepruneError(last.strip(), file=log, remedy=f"see that file, {again}")


def _last_error(text: str) -> tuple[str, str | None]:
    """Problem and remedy of the last :class:`EdgepruneError` that was printed; without one, the whole text and None."""
    problem, _, remedy = text.rpartition("error: ")[2].partition("\n  remedy: ")
    return problem.strip(), remedy.strip().splitlines()[0] if remedy.strip() else None
