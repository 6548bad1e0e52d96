"""The call in a Snakefile: what may be trusted before anything is planned, and what is put on record after a run."""

import contextlib
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

from snakeledger import cache
from snakeledger import workflow as snakemake
from snakeledger.errors import LedgerError
from snakeledger.pipeline import Pipeline
from snakeledger.reconcile import files_of, owner, reconcile
from snakeledger.record import inside_dvc, lost_and_found, record, say
from snakeledger.workflow import Workflow


def trust(workflow: Workflow, pipeline: Pipeline | None = None, inputs: Callable[[], Iterable[str]] = tuple) -> None:
    """Let Snakemake trust results by content, and record each whole, successful run in DVC.

    Called in a Snakefile, it lets Snakemake's records of jobs agree with the files before anything is planned and says
    what does not; in the processes of jobs it does nothing. After each run the ledgers are brought up to date. One that
    finds nothing to be done counts: the run before it may have been killed before it was on record.

    Args:
        workflow: what is called so in a Snakefile.
        pipeline: whose stages list the results and their ledgers; by default ``dvc.yaml`` in the working directory.
        inputs: a function that returns files that the run depends on; those that no stage lists are named after a run.
    """
    if not snakemake.plans(workflow):
        return
    pipeline = pipeline or Pipeline()
    unsupported = snakemake.unsupported(workflow)
    if unsupported:
        say(f"provenance: results are trusted as plain Snakemake does, by time: {unsupported}")

    def reconciled(**options: bool) -> Collection[str]:
        if unsupported:
            return ()
        outcome = reconcile(".", pipeline.ledgers, cache.lookup(pipeline), **options)
        from_git = tuple(
            f"{path}/" for s in pipeline.stages.values() if s.ledger in outcome.absent for path in s.uncached
        )
        for path in [path for path in outcome.distrusted if path.startswith(from_git)]:
            del outcome.distrusted[path]  # of a clone that has pulled nothing: no news
        for line in outcome.said():
            say(line)
        return outcome.distrusted

    def after(succeeded: bool) -> None:
        whole = succeeded and snakemake.is_whole(workflow)
        with _refusing():
            distrusted = reconciled(mend=True, forget=whole)
            if not succeeded:
                say(lost_and_found(pipeline))
            elif whole:
                _record(workflow, pipeline, inputs, distrusted)

    with _refusing():
        reconciled()
        if inside_dvc():
            pipeline.complete(inside_dvc())
    snakemake.after_run(workflow, after)


def _record(
    workflow: Workflow, pipeline: Pipeline, inputs: Callable[[], Iterable[str]], distrusted: Collection[str]
) -> None:
    made = snakemake.outputs(workflow)
    record(
        pipeline,
        overridden=sorted(snakemake.overridden(workflow) - set(pipeline.names)),
        inputs=inputs(),
        orphans=sorted(set(files_of(".", pipeline.ledgers)) - made),
        missing=sorted(file for file in made if owner(pipeline.ledgers, file) and not Path(file).exists()),
        distrusted=sorted(made.intersection(distrusted)),
    )


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except LedgerError as error:
        say(f"error: {error}")
        sys.exit(1)
