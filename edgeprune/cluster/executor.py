"""Snakemake's executor for Slurm, made to last: packs, names, limits, forgotten jobs, and another attempt if it helps.

The plugin (snakemake-executor-plugin-slurm) keeps its options, its choice of account and partition, and its sbatch
call; :class:`Lasting` decides what is submitted together and when, and what follows when a job is over.
"""

import os
import re
import shlex
import subprocess
import threading
import uuid
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

from edgeprune.cluster import pack, queue
from edgeprune.cluster.attempts import SUBMISSION, Attempts
from edgeprune.cluster.pack import Pack
from edgeprune.cluster.verdict import FORGOTTEN, OVER, verdict
from edgeprune.errors import EdgepruneError

#: Refusals of sbatch that pass: a limit on jobs that may be submitted, a controller that is busy or away.
_LATER = re.compile(
    r"MaxSubmit|submit limit|MaxJobCount|temporarily un|queue full|timed out|Unable to contact|Connection re",
    re.IGNORECASE,
)
#: Of the environment of a batch script, what a step of it may inherit; the rest would be taken for its options.
_KEPT = "SLURM_JOB_ID|SLURM_JOBID|SLURM_CLUSTER_NAME|SLURM_SUBMIT_DIR|SLURM_SUBMIT_HOST|SLURM_CONF"
_SCRIPT = """#!/bin/sh
for name in $(env | sed -n 's/^\\(\\(SLURM\\|SRUN\\|SBATCH\\)_[A-Za-z0-9_]*\\)=.*/\\1/p'); do
  case $name in {kept}) ;; *) unset "$name" ;; esac
done
export {submission}
exec srun --ntasks=1 --nodes=1 --cpu-bind=quiet {step} {command}
"""


def made_to_last(base: type) -> type:
    """The plugin's class with the manners of :class:`Lasting`."""
    return type("Executor", (Lasting, base), {})


Base: Any = object  # the plugin's class stands there: made_to_last


class _Later(Exception):
    """Slurm takes no job now."""


class Lasting(Base):
    """What differs from the plugin's executor.

    ``_waiting`` are jobs that Snakemake has handed over and Slurm does not have yet, ``_more`` the factors by which
    those that failed ask for more, ``_odd`` in how many looks running a job was seen in a state that may pass.
    """

    def __init__(self, workflow: Any, logger: Any) -> None:
        self._waiting: list[Any] = []
        self._more: dict[Any, dict[str, int]] = defaultdict(dict)
        self._odd: Counter[str] = Counter()
        self._living: set[str] = set()
        self._most: dict[str, dict[str, int | None]] = {}
        self._told, self._cores = "", 1
        self._sending = threading.RLock()  # Snakemake's scheduler hands over, the thread that looks sends the rest
        self._attempts = Attempts(workflow.workdir_init)
        super().__init__(workflow, logger)  # starts the thread that looks

    def run_jobs(self, jobs: Sequence[Any]) -> None:
        for job in jobs:
            self.run_job_pre(job)
        with self._sending:
            self._waiting += jobs
            self._send()

    def cancel_jobs(self, active_jobs: Sequence[Any]) -> None:
        with self._sending:
            self._waiting.clear()
            if self._living:
                queue.cancel([queue.Job(number, "") for number in sorted(self._living)])

    @property
    def cores(self) -> int:
        return self._cores  # of the allocation that is being asked for

    def additional_general_args(self) -> str:
        return ""  # the script below starts the step itself: one Snakemake on the node, not two

    async def check_active_jobs(self, active_jobs: Sequence[Any]) -> AsyncIterator[Any]:
        self.next_seconds_between_status_checks = self.workflow.executor_settings.init_seconds_before_status_checks
        with self._sending:
            self._send()
        if not active_jobs:
            return
        try:
            known = queue.states()
        except EdgepruneError as error:
            self._tell(f"{error}; the jobs go on, and are asked for again")
            known = None
        numbers = {info.external_jobid for info in active_jobs}  # several jobs may share one
        over = {} if known is None else {number: self._over(number, known) for number in numbers}
        settled = []
        for info in active_jobs:
            if state := over.get(info.external_jobid):
                settled.append((info, state))
            else:
                yield info
        for info, state in settled:
            self._settle(info, state)

    def _send(self) -> None:
        """Submit what is complete."""
        for each in list(self._packs()):
            try:
                self._submit(each)
            except _Later as refusal:
                self._tell(
                    f"Slurm takes no more jobs now ({refusal}): {len(self._waiting)} wait, and go on when it does"
                )
                return
            except Exception as error:  # whatever the plugin raises for an account, a partition, an option
                for job in each.jobs:
                    self._fail(job, f"Slurm did not take the job: {error}", again=False)
            self._waiting = [job for job in self._waiting if job not in each.jobs]

    def _packs(self) -> Iterator[Pack]:
        kinds = defaultdict(list)
        for job in self._waiting:
            alone = job.is_group() or pack.size(job) == 1
            kinds[job if alone else (pack.kind(job), tuple(self._more[job].items()))].append(job)
        to_come = self._to_come() if any(isinstance(kind, tuple) for kind in kinds) else Counter()
        for kind, jobs in kinds.items():
            size = pack.size(jobs[0]) if isinstance(kind, tuple) else 1
            for start in range(0, len(jobs), size):
                together = jobs[start : start + size]
                if len(together) == size or not (isinstance(kind, tuple) and to_come[kind[0]]):
                    yield self._pack(together)

    def _to_come(self) -> Counter[tuple[str, ...]]:
        """How many jobs of each kind Snakemake will hand over yet; none if nothing runs that they could wait for."""
        here, scheduler = set(self._waiting), self.workflow.scheduler
        if not self._living and not [job for job in scheduler.running if job not in here]:
            return Counter()
        ours = {job.rule.name for job in here if not job.is_group()}
        jobs = (job for job in self.workflow.dag.needrun_jobs() if job.rule.name in ours)
        return Counter(pack.kind(job) for job in jobs if job not in scheduler.running and job not in scheduler.failed)

    def _pack(self, jobs: Sequence[Any]) -> Pack:
        chosen = shlex.split(self.get_partition_arg(jobs[0]))
        partition = chosen[-1] if chosen else ""
        if partition not in self._most:
            self._most[partition] = queue.most(partition)
        attempt = max(job.attempt for job in jobs)
        return Pack(jobs, self._more[jobs[0]], self._most[partition], attempt)

    def _submit(self, each: Any) -> None:
        from snakemake_executor_plugin_slurm import get_submit_command, set_gres_string, validate_slurm_extra
        from snakemake_executor_plugin_slurm.utils import get_job_wildcards
        from snakemake_executor_plugin_slurm_jobstep import get_cpu_setting, get_gpu_setting
        from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo

        first, submission = each.jobs[0], uuid.uuid4().hex
        about = "_wildcards_".join(filter(None, [first.name, get_job_wildcards(first)]))
        log = Path(self.slurm_logdir) / ("group" if first.is_group() else "rule") / first.name / f"{each.name}-%j.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        validate_slurm_extra(each)
        call = get_submit_command(
            each,
            {
                "run_uuid": each.name,
                "slurm_logfile": log,
                "comment_str": f"{'group' if first.is_group() else 'rule'}_{about}",
                "account": next(self.get_account_arg(first)),
                "partition": self.get_partition_arg(first),
                "workdir": self.workflow.workdir_init,
            },
            settings=self.workflow.executor_settings,
            failed_nodes=self._failed_nodes,
        ) + set_gres_string(each)
        gpus, self._cores = bool(each.resources.get("gpu")), each.threads
        script = _SCRIPT.format(
            kept=_KEPT,
            submission=f"{SUBMISSION}={submission}",
            step=f"{get_cpu_setting(each, gpus)} {get_gpu_setting(each)}",
            command=self.format_job_exec(each),
        )
        try:
            done = subprocess.run(
                shlex.split(call), input=script, capture_output=True, text=True, timeout=120, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise _Later("sbatch gives no answer") from error
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip() or "sbatch failed").splitlines()[-1]
            raise (_Later if _LATER.search(done.stderr) else EdgepruneError)(said)
        number = done.stdout.strip().split(";")[0]
        self._living.add(number)
        file = log.with_name(log.name.replace("%j", number))
        aux = {"slurm_logfile": file, "submission": submission, "asked": each.resources, "most": each.most}
        self.logger.info(f"Slurm job {number}: {each.name} (log: {file}).")
        for job in each.jobs:
            self.report_job_submission(SubmittedJobInfo(job, external_jobid=number, aux=aux))

    def _over(self, number: str, known: dict[str, queue.Job]) -> queue.Job | None:
        """A job's state if it is over; one that may be passing only at the second look."""
        found = known.get(number) or queue.Job(number, queue.remembered(number) or FORGOTTEN)
        if found.state not in OVER and found.state != FORGOTTEN:
            self._odd.pop(number, None)
            return None
        if found.state in ("NODE_FAIL", "PREEMPTED", FORGOTTEN):  # queued again, or not yet known
            self._odd[number] += 1
            return found if self._odd[number] > 2 else None
        return found

    def _settle(self, info: Any, found: queue.Job) -> None:
        self._living.discard(info.external_jobid)
        job, log = info.job, info.aux["slurm_logfile"]
        records = [self._attempts.of(str(each.output[0])) for each in (job if job.is_group() else [job]) if each.output]
        ours = [record for record in records if record.get("submission") == info.aux["submission"]]
        if found.state == "COMPLETED" or (records and [record["ended"] for record in ours] == [""] * len(records)):
            if found.state == "COMPLETED" and not self.workflow.executor_settings.keep_successful_logs:
                log.unlink(missing_ok=True)
            self.report_job_success(info)
            return
        error = next((record["ended"] for record in ours if record["ended"]), None)
        judged = verdict(found.state, error, _end_of(log), found.elapsed, found.limit)
        said, again = f"Slurm job {info.external_jobid}, {found.state}: {judged.said}", judged.again
        if not ours and judged.more:
            judged, said = verdict("CANCELLED", None, "", None, None), f"{said}, before this one's turn"
        if judged.more:
            asked, most = info.aux["asked"].get(judged.more), info.aux["most"].get(judged.more)
            said += f"; {judged.more} was {asked}"
            if most and asked and asked >= most:
                said += f", all that the partition has ({most})"
                again = judged.more == "runtime"  # a training goes on from its state
            else:
                self._more[job][judged.more] = 2 * self._more[job].get(judged.more, 1)
        self._fail(job, said, again, info)

    def _fail(self, job: Any, said: str, again: bool, info: Any = None) -> None:
        from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo

        if not again:
            job.attempt = job.restart_times + 1
        log = str(info.aux["slurm_logfile"]) if info else None
        self.report_job_error(info or SubmittedJobInfo(job), msg=f"{said}. ", aux_logs=[log] if log else [])

    def _tell(self, line: str) -> None:
        """Say something once, until something else is said."""
        if line.split(":")[0] != self._told:
            self._told = line.split(":")[0]
            self.logger.warning(line)


def _end_of(log: Path) -> str:
    try:
        with open(log, "rb") as stream:
            stream.seek(max(stream.seek(0, os.SEEK_END) - 20_000, 0))
            return stream.read().decode("utf-8", "replace")
    except OSError:
        return ""
