"""What the rules need of Snakemake and its documentation does not promise: the one file to mend for another version.

Each function takes the `workflow` that Snakefiles see. Only this module of the package may import Snakemake.
"""

import re
import sys
from collections.abc import Callable
from typing import Any

from edgeprune.errors import EdgepruneError

#: The first version that will do, and the first that this file was not written for.
VERSIONS = ("9.16", "10")


def check_version(version: str) -> None:
    """Refuse a Snakemake whose inside is not known here.

    Raises:
        EdgepruneError: with the versions that will do.
    """
    found, first, beyond = ([int(part) for part in re.findall(r"\d+", text)[:2]] for text in (version, *VERSIONS))
    if not first <= found < beyond:
        wanted = "snakemake>={},<{}".format(*VERSIONS)
        raise EdgepruneError(f"this is Snakemake {version}", remedy=f"install one that will do: pip install '{wanted}'")


def overrides(workflow: Any) -> dict[str, Any]:
    """The configuration that the command line gave."""
    return workflow.config_settings.overwrite_config


def offer(workflow: Any, resource: str, amount: int) -> None:
    """Let jobs share ``amount`` of a resource, unless the command line says how much there is."""
    if resource not in workflow.global_resources:
        workflow.register_resource(resource, amount)


def submits(workflow: Any) -> bool:
    """Whether jobs are submitted to a cluster."""
    return workflow.nodes is not None


def plans(workflow: Any) -> bool:
    """Whether this process plans a run: it is not a job's, and was not asked for something else."""
    return workflow.is_main_process and not {"--lint", "--unlock"} & set(sys.argv)


def outputs(workflow: Any) -> set[str]:
    """The files that the planned run makes, finished ones included."""
    return {str(file) for job in workflow.dag.jobs for file in job.output}


def is_whole(workflow: Any) -> bool:
    """Whether the run is of all that the rule `all` asks for."""
    settings = workflow.dag_settings
    partial = settings.until or settings.omit_from or settings.batch
    return not partial and "all" in {rule.name for rule in workflow.dag.targetrules}


def records(workflow: Any) -> tuple[int | None, str]:
    """Format and backend of the records that Snakemake keeps of jobs; None for a format that has no number."""
    from snakemake import persistence

    backend = workflow.workflow_settings.persistence_backend
    return getattr(persistence, "RECORD_FORMAT_VERSION", None), str(backend).lower()


def before_protected(check: Callable[[list[str]], None]) -> None:
    """Call ``check(files)`` with the outputs of a job before Snakemake says that some of them are write-protected.

    It does so while it plans, ahead of `onstart`.
    """
    from snakemake import jobs

    protected = jobs.Job.check_protected_output

    async def check_first(self: Any) -> None:
        try:
            await protected(self)
        except jobs.ProtectedOutputException:
            check([str(file) for file in self.output])
            raise

    jobs.Job.check_protected_output = check_first  # pyrefly: ignore
