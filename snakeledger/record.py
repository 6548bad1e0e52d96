"""Put a finished run on record in DVC, and say so, or say why not."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

from snakeledger import cache
from snakeledger.pipeline import Pipeline


def say(text: str) -> None:
    print(text, file=sys.stderr)


def inside_dvc() -> str | None:
    """The stage's name inside `dvc repro`, which records by itself and holds DVC's lock meanwhile; else None."""
    return os.environ.get("DVC_STAGE", "").rpartition(":")[2] or None


def record(
    pipeline: Pipeline,
    *,
    overridden: Collection[str] = (),
    inputs: Iterable[str] = (),
    orphans: Sequence[str] = (),
    missing: Sequence[str] = (),
    distrusted: Sequence[str] = (),
    say: Callable[[str], None] = say,
) -> bool:
    """Commit the results of a whole run to DVC's cache and lock; nothing is done inside `dvc repro`.

    Not to be called for a part of them: DVC would certify stages that are out of date.

    Args:
        overridden: keys that the command line changed: the files that DVC reads do not say what was run, so the run
            is not recorded.
        inputs: files that the run depends on; those that the pipeline does not list are named.
        orphans: files among the results that no job makes any more; they are recorded, and told of.
        missing: results that are not here, as after a pull of a part; DVC would take them for deleted.
        distrusted: results that no longer are what their jobs made.

    Returns:
        bool: whether the results are on record.
    """
    if inside_dvc():
        return False
    if not (Path(pipeline.root) / ".dvc").is_dir():
        say("dvc: not recorded, this folder is not a DVC project (`dvc init` makes it one)")
        return False
    if overridden:
        say(
            f"dvc: not recorded: --config set {', '.join(overridden)}, so the files do not say what was run\n"
            "  remedy: write it into a file that dvc.yaml lists, and run again"
        )
        return False
    if missing:
        say(
            f"dvc: not recorded: {len(missing)} results of the grid are not here: {missing[0]} ...\n"
            "  remedy: `dvc pull` them, and run again"
        )
        return False
    if distrusted:
        say(
            f"dvc: not recorded: {len(distrusted)} results are not what was made: {distrusted[0]} ...\n"
            "  remedy: run again, which makes them anew"
        )
        return False
    pipeline.derive()
    pipeline.complete()
    unlisted = [file for file in inputs if not pipeline.lists(file)]
    if unlisted:
        say(
            f"dvc: {', '.join(unlisted)} not among the `deps` in dvc.yaml: DVC will not notice a change there\n"
            "  remedy: add it to the `deps` of the stages that read it"
        )
    if orphans:
        say(
            f"dvc: {len(orphans)} files are of runs that the grid no longer has, but recorded too: {orphans[0]} ...\n"
            "  remedy: remove what you no longer want, and run again"
        )
    lock = Path(pipeline.root) / pipeline.lock
    if lock.exists() and not pipeline.lock_is_whole():
        say(f"dvc: {pipeline.lock} is damaged, and written anew")
        lock.unlink()
    problem = _commit(pipeline)
    objects = [] if problem else cache.damaged(pipeline)
    if objects:
        first = os.path.relpath(objects[0], pipeline.root)
        say(f"dvc: {len(objects)} objects of DVC's cache were damaged: {first} ...; they are written anew")
        for file in objects:
            file.unlink()
        problem = _commit(pipeline)
    say(
        f"dvc: not recorded: {problem}\n  remedy: see to that, and run again: the results stay"
        if problem
        else f"dvc: recorded in {pipeline.lock}"
    )
    return not problem


def _commit(pipeline: Pipeline) -> str:
    """What goes wrong; nothing if nothing does."""
    command = [sys.executable, "-m", "dvc", "commit", "--force", pipeline.path]
    done = subprocess.run(command, cwd=pipeline.root, capture_output=True, text=True, check=False)
    if done.returncode < 0:
        return f"`dvc commit` was ended by {signal.Signals(-done.returncode).name}"
    said = (done.stderr.strip() or done.stdout.strip()).splitlines()
    told = [line for line in said if not line.startswith("WARNING")]
    return ("\n".join(told) or "`dvc commit` failed") if done.returncode else ""


def lost_and_found(pipeline: Pipeline) -> str:
    """What to tell after a failed run: Snakemake deletes a job's old output before the job starts."""
    kept = f"; `dvc checkout {pipeline.path}` brings back what {pipeline.lock} has on record of theirs"
    return (
        "Finished jobs keep their results, failed jobs have none"
        + kept * (Path(pipeline.root) / pipeline.lock).exists()
    )
