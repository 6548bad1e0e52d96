"""A DVC remote inside the repository: what the lock of the default preset names, and nothing else.

With it a fresh clone can `dvc pull` the results of that preset without any set-up. Git ignores its folder, so that
nobody's `dvc push` gets into a commit by accident; `refresh` adds what belongs there by force.
"""

import shutil
import subprocess
from pathlib import Path

from edgeprune.errors import EdgepruneError
from snakeledger import Pipeline
from snakeledger.cache import cache_folder, listing, stored

FOLDER = ".dvc/bundled"


def named(pipeline: Pipeline) -> dict[str, int]:
    """``{md5: size in bytes}`` of every object that the pipeline's lock names, the files of listed folders included.

    Raises:
        EdgepruneError: no lock can be read, or the cache lacks one of them.
    """
    cache, recorded, found = cache_folder(pipeline.root), pipeline.recorded(), {}
    if not recorded:
        raise EdgepruneError("names no results", file=pipeline.lock, remedy="run the preset as a whole first")
    for path, whole in recorded.items():
        md5 = whole
        try:
            for md5 in [whole, *(listing(cache, whole).values() if whole.endswith(".dir") else ())]:
                found[md5] = stored(cache, md5).stat().st_size
        except FileNotFoundError as error:
            problem = f"DVC's cache has no {md5}, on record for {path}"
            raise EdgepruneError(problem, file=cache, remedy="`dvc pull`, or run the preset again") from error
    return found


def refresh(root: str | Path = ".", limit: float = 64e6) -> tuple[int, int, int]:
    """Let the remote hold exactly what the lock names, and put it on git's list for the next commit.

    Args:
        limit: bytes above which nothing is changed: git keeps every version of these files for ever.

    Returns:
        tuple[int, int, int]: objects, their bytes, and the bytes of those that are new: by so much git's history grows
        at most.

    Raises:
        EdgepruneError: an object is not in the cache, or all of them are larger than the limit.
    """
    pipeline, remote = Pipeline(root), Path(root) / FOLDER
    cache, wanted = cache_folder(root), named(pipeline)
    total = sum(wanted.values())
    if total > limit:
        raise EdgepruneError(
            f"{total / 1e6:.1f} MB of results are more than the {limit / 1e6:.0f} MB that may lie in the repository",
            file=pipeline.lock,
            remedy="make the preset smaller, or raise --limit",
        )
    new = sum(size for md5, size in wanted.items() if not stored(remote, md5).exists())
    shutil.rmtree(remote, ignore_errors=True)
    for md5 in wanted:
        stored(remote, md5).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(stored(cache, md5), stored(remote, md5))
    own = [path for stage in pipeline.stages.values() for path in stage.uncached]  # git's own part of the record
    subprocess.run(
        ["git", "add", "--force", "--all", FOLDER, pipeline.lock, *own], cwd=root, check=True, capture_output=True
    )
    return len(wanted), total, new
