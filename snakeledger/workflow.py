"""What this package uses of Snakemake's workflow object: the only module that does.

Snakemake documents none of it. Tested with 9.27; :func:`snakeledger.records.unsupported` refuses others.
"""

import sys
from collections.abc import Callable
from typing import Any

from snakeledger import records

#: What Snakemake calls ``workflow`` in a Snakefile.
Workflow = Any
#: What ``onsuccess:`` and ``onerror:`` come to: a function of the log.
Log = Callable[[Any], object]


def plans(workflow: Workflow) -> bool:
    """Whether jobs are planned here: not in the processes of jobs, nor where a Snakefile is only looked at."""
    return workflow.is_main_process and not {"--lint", "--unlock"} & set(sys.argv)


def unsupported(workflow: Workflow) -> str | None:
    """Why the records of this Snakemake cannot be used, or None."""
    import snakemake.persistence

    known_format = getattr(snakemake.persistence, "RECORD_FORMAT_VERSION", None)
    backend = str(workflow.workflow_settings.persistence_backend).lower()
    return records.unsupported(snakemake.__version__, known_format, backend)


def after_run(workflow: Workflow, call: Callable[[bool], None]) -> None:
    """Let ``call(succeeded)`` follow each run, and the own ``onsuccess:`` or ``onerror:`` of the Snakefile.

    These do not hear of a run that finds nothing to be done, ``call`` does.
    """
    for name, succeeded in (("onsuccess", True), ("onerror", False)):
        register = getattr(workflow, name)  # what the directive, which may be further down, calls with its function

        def with_call(own: Log, register: Callable[[Log], None] = register, succeeded: bool = succeeded) -> None:
            register(lambda log: (own(log), call(succeeded)))

        with_call(getattr(workflow, f"_{name}"))
        setattr(workflow, name, with_call)
    execute = workflow.execute

    def with_call_if_idle(*args: Any, **options: Any) -> None:
        execute(*args, **options)
        if not (workflow.dryrun or workflow.execution_settings.no_hooks or len(workflow.dag)):
            call(True)

    workflow.execute = with_call_if_idle


def is_whole(workflow: Workflow) -> bool:
    """Whether the run was asked for all that the workflow makes."""
    settings = workflow.dag_settings
    parts = settings.until or settings.omit_from or settings.batch
    return not parts and workflow.default_target in {rule.name for rule in workflow.dag.targetrules}


def overridden(workflow: Workflow) -> set[str]:
    """Keys of the configuration that the command line set."""
    return set(workflow.config_settings.overwrite_config)


def outputs(workflow: Workflow) -> set[str]:
    """Every file that the run's jobs make or made and leave there, those included that need not run."""
    from snakemake.io import is_flagged

    return {str(file) for job in workflow.dag.jobs for file in job.output if not is_flagged(file, "temp")}
