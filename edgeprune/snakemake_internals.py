"""What the rules need of Snakemake and its documentation does not promise: the one file to mend for another version.

Each function takes the `workflow` that Snakefiles see. Only this module of the package may import Snakemake.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeprune.errors import EdgepruneError

if TYPE_CHECKING:
    from snakemake.jobs import Job
    from snakemake.workflow import Workflow

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


def overrides(workflow: Workflow) -> dict[str, Any]:
    """The configuration that the command line gave."""
    return workflow.config_settings.overwrite_config


def offer(workflow: Workflow, resource: str, amount: int) -> None:
    """Let jobs share ``amount`` of a resource, unless the command line says how much there is."""
    if resource not in workflow.global_resources:
        workflow.register_resource(resource, amount)


def libraries() -> Path:
    """The folder of the JavaScript of Snakemake's own report, Vega and Vega-Lite among it."""
    from snakemake.assets import Assets

    return Assets.base_path()


def let_jobs_find_libraries() -> None:
    """Name :func:`libraries` in the environment of the processes that are started from here: ``SNAKEMAKE_ASSETS``."""
    os.environ["SNAKEMAKE_ASSETS"] = str(libraries())


def submits(workflow: Workflow) -> bool:
    """Whether jobs are submitted to a cluster."""
    return workflow.nodes is not None


def before_protected(check: Callable[[list[str]], object]) -> None:
    """Call ``check(files)`` with the outputs of a job before Snakemake says that some of them are write-protected.

    It does so while it plans, ahead of `onstart`.
    """
    from snakemake import jobs

    protected = jobs.Job.check_protected_output

    async def check_first(job: Job) -> None:
        try:
            await protected(job)
        except jobs.ProtectedOutputException:
            check([str(file) for file in job.output])
            raise

    jobs.Job.check_protected_output = check_first  # pyrefly: ignore[method-assign, bad-assignment]


def run_within(workflow: Workflow, context: Callable[[], AbstractContextManager[object]]) -> None:
    """Let each run that may write happen, Snakemake's lock included, within a context; the processes of jobs do not."""
    if not workflow.is_main_process:
        return
    execute = workflow.execute

    def execute_within(executor_plugin: Any, **options: Any) -> None:
        with nullcontext() if executor_plugin.common_settings.dryrun_exec else context():
            execute(executor_plugin=executor_plugin, **options)

    workflow.execute = execute_within  # pyrefly: ignore[method-assign, bad-assignment]
