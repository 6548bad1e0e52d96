"""What the rules need of Snakemake and its documentation does not promise: the one file to mend for another version.

Each function takes the `workflow` that Snakefiles see. Only this module of the package may import Snakemake.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from copy import copy
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from edgeprune.errors import EdgepruneError
from edgeprune.garbage import uncollected

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


def offer_here(workflow: Workflow, resource: str, amount: int) -> None:
    """:func:`offer` to jobs that run on this machine; the nodes of a cluster have their own.

    ``--jobs`` is given to both kinds of runs. Which one it is, is known when the run begins.
    """
    if not submits(workflow):
        offer(workflow, resource, amount)
        return
    execute = workflow.execute

    def execute_here(executor_plugin: Any, **options: Any) -> None:
        if not executor_plugin.common_settings.non_local_exec:
            offer(workflow, resource, amount)
        execute(executor_plugin=executor_plugin, **options)

    workflow.execute = execute_here  # pyrefly: ignore[method-assign, bad-assignment]


def libraries() -> Path:
    """The folder of the JavaScript of Snakemake's own report, Vega and Vega-Lite among it."""
    from snakemake.assets import Assets

    return Assets.base_path()


def let_jobs_find_libraries() -> None:
    """Name :func:`libraries` in the environment of the processes that are started from here: ``SNAKEMAKE_ASSETS``."""
    os.environ["SNAKEMAKE_ASSETS"] = str(libraries())


def submits(workflow: Workflow) -> bool:
    """Whether jobs are submitted to a cluster, or ``--jobs`` says how many run here at a time."""
    return workflow.nodes is not None


def to_slurm(workflow: Workflow) -> bool:
    """Whether they are submitted to Slurm; known from `onstart` on."""
    return workflow.executor_plugin is not None and workflow.executor_plugin.name.endswith("slurm")


def immediate_submit(workflow: Workflow) -> bool:
    """Whether jobs are submitted without waiting for those before them; known when the run begins."""
    return bool(workflow.remote_execution_settings and workflow.remote_execution_settings.immediate_submit)


def start_at_once(workflow: Workflow) -> None:
    """Let jobs that run here begin when there is room for them, unless another limit than the default is asked for.

    By default 100 a second begin. For that Snakemake sets a timer with each job that ends while others wait; each is
    set again when it is over, so they grow in number. The one set with the last job holds the run for a second.
    """
    execute = workflow.execute

    def execute_at_once(executor_plugin: Any, **options: Any) -> None:
        settings = workflow.scheduling_settings
        limit = settings.max_jobs_per_timespan if settings else None
        default = limit and (limit.max_jobs, limit.timespan) == (100, 1)
        submitted = executor_plugin.common_settings.non_local_exec or immediate_submit(workflow)
        if settings and default and settings.max_jobs_per_second is None and not submitted:
            settings.max_jobs_per_timespan = None
        execute(executor_plugin=executor_plugin, **options)

    workflow.execute = execute_at_once  # pyrefly: ignore[method-assign, bad-assignment]


def plan_faster(workflow: Workflow) -> None:
    """Leave out what Snakemake does again for every job while it plans: of a grid of thousands that is a third.

    What a function of a rule takes is looked up once; Python's collector, which looks through all jobs made so far and
    finds no garbage among them, waits until the plan is made.
    """
    from snakemake import common, rules

    common.get_function_params = rules.get_function_params = cache(common.get_function_params)
    build = workflow._build_dag

    def build_undisturbed() -> None:
        with uncollected():
            build()

    workflow._build_dag = build_undisturbed  # pyrefly: ignore[method-assign]


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


def let_slurm_executor_be(make: Callable[[type], type]) -> None:
    """Let ``make(class)`` stand for the class of Snakemake's executor for Slurm, if its plugin is installed.

    To be called while a Snakefile is read, before the executor is made. The options of the plugin stay as they are.
    """
    from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry

    registry = ExecutorPluginRegistry()
    if registry.is_installed("slurm"):
        plugin: Any = registry.get_plugin("slurm")
        plugin.executor = make(plugin.executor)


class Fence(Protocol):
    """Who may write for a job, which is known by its first output: :class:`edgeprune.cluster.attempts.Attempts`."""

    def begin(self, job: str) -> None: ...
    def holds(self, job: str) -> bool: ...
    def end(self, job: str, error: str = "") -> None: ...
    def done(self, job: str, outputs: Iterable[str]) -> bool: ...


def fence(workflow: Workflow, fence: Fence) -> None:
    """Let a job begin an attempt before Snakemake prepares it, and keep Snakemake from deleting for an older one.

    In the processes of submitted jobs, also: the record of a job is written there, so that its results count if the
    main process dies meanwhile; how a job ended is noted; what this submission has finished before is not repeated.
    """
    from snakemake import jobs
    from snakemake.executors import local

    submitted = not workflow.is_main_process
    prepare, cleanup, postprocess = jobs.Job.prepare, jobs.Job.cleanup, jobs.Job.postprocess
    run, ended = local.Executor.run_single_job, local.Executor._callback

    def name(job: Job) -> str:
        return str(job.output[0]) if job.output else ""

    async def begin(job: Job) -> None:
        if job.output and not job.dag.workflow.dryrun:
            fence.begin(name(job))
        await prepare(job)

    async def clean(job: Job, keep: Any) -> None:
        if not submitted or fence.holds(name(job)):
            await cleanup(job, keep)

    async def finish(job: Job, error: bool = False, **options: Any) -> None:
        if not submitted:
            await postprocess(job, error=error, **options)
        elif fence.holds(name(job)):
            await postprocess(job, error=error, **options)
            if not error:
                await _put_on_record(job)
                fence.end(name(job))

    def run_once(executor: Any, job: Job) -> Future:
        if not submitted or not fence.done(name(job), map(str, job.output)):
            return run(executor, job)
        done: Future = Future()
        done.set_result(None)
        return done

    def tell(executor: Any, info: Any, future: Future) -> None:
        if submitted and (error := future.exception()):
            fence.end(name(info.job), str(error) or type(error).__name__)
        ended(executor, info, future)

    jobs.Job.prepare, jobs.Job.cleanup, jobs.Job.postprocess = begin, clean, finish  # pyrefly: ignore
    local.Executor.run_single_job, local.Executor._callback = run_once, tell  # pyrefly: ignore


async def _put_on_record(job: Job) -> None:
    """Write Snakemake's record of a finished job as its main process does, which need not live to see it."""
    from snakemake_interface_executor_plugins.settings import ExecMode

    workflow = job.dag.workflow

    class AsMain:
        exec_mode = ExecMode.DEFAULT

        def __getattr__(self, name: str) -> Any:
            return getattr(workflow, name)

    class Dag:
        workflow = AsMain()

    persistence = copy(workflow.persistence)
    persistence.dag, persistence.max_checksum_file_size = Dag(), 10**11  # as profiles/default
    await persistence.finished(job)


def run_within(workflow: Workflow, context: Callable[[], AbstractContextManager[object]]) -> None:
    """Let each run that may write happen, Snakemake's lock included, within a context; the processes of jobs do not."""
    if not workflow.is_main_process:
        return
    execute = workflow.execute

    def execute_within(executor_plugin: Any, **options: Any) -> None:
        with nullcontext() if executor_plugin.common_settings.dryrun_exec else context():
            execute(executor_plugin=executor_plugin, **options)

    workflow.execute = execute_within  # pyrefly: ignore[method-assign, bad-assignment]
