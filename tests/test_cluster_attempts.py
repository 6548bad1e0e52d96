"""An attempt at a job owns its outputs as long as it is the current one; a late one can neither write nor delete."""

import asyncio
import os

import pytest

from edgeprune import files
from edgeprune.cluster.attempts import RUN, SUBMISSION, Attempts
from edgeprune.errors import EdgepruneError

JOB = "results/model.pt"


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in (RUN, SUBMISSION, files.ATTEMPT):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


@pytest.fixture
def first(tmp_path):
    attempts = Attempts(tmp_path)
    attempts.begin(JOB)
    return attempts, os.environ[files.ATTEMPT]


def test_a_late_attempt_writes_nothing(first, tmp_path, monkeypatch):
    late, its_file = first
    output = tmp_path / "model.pt"
    files.write_text(output, "first")
    Attempts(tmp_path).begin(JOB)
    files.write_text(output, "second")
    monkeypatch.setenv(files.ATTEMPT, its_file)
    with pytest.raises(EdgepruneError, match="another attempt"):
        files.write_text(output, "late")
    assert output.read_text() == "second"
    assert [path.name for path in tmp_path.iterdir() if files.is_temporary(path.name)] == []
    assert not late.holds(JOB)


def test_a_late_attempt_cannot_say_how_the_job_ended(first, tmp_path):
    late, _ = first
    current = Attempts(tmp_path)
    current.begin(JOB)
    late.end(JOB, "killed")
    assert current.of(JOB)["ended"] is None
    current.end(JOB)
    assert current.of(JOB)["ended"] == ""


def test_other_jobs_of_an_attempt_that_was_taken_over_go_with_it(first, tmp_path):
    late, _ = first
    late.begin("results/other.pt")
    Attempts(tmp_path).begin(JOB)
    assert not late.holds("results/other.pt")


def test_a_job_of_a_run_that_is_over_does_not_begin(tmp_path, monkeypatch):
    attempts = Attempts(tmp_path)
    attempts.new_run()
    submitted_with = os.environ[RUN]
    Attempts(tmp_path).new_run()
    monkeypatch.setenv(RUN, submitted_with)
    with pytest.raises(EdgepruneError, match="run that is over"):
        attempts.begin(JOB)
    assert attempts.of(JOB) == {}


def test_runs_of_two_presets_do_not_end_each_other(tmp_path, monkeypatch):
    attempts = Attempts(tmp_path, "quick")
    attempts.new_run()
    running = os.environ[RUN]
    Attempts(tmp_path, "paper").new_run()
    monkeypatch.setenv(RUN, running)
    attempts.begin(JOB)
    assert attempts.holds(JOB)


def test_what_a_submission_has_finished_is_not_repeated_when_slurm_starts_it_again(first, tmp_path, monkeypatch):
    monkeypatch.setenv(SUBMISSION, "17")
    output = tmp_path / "model.pt"
    attempts = Attempts(tmp_path)
    attempts.begin(JOB)
    output.write_text("made")
    assert not attempts.done(JOB, [str(output)])
    attempts.end(JOB)
    assert Attempts(tmp_path).done(JOB, [str(output)])
    monkeypatch.setenv(SUBMISSION, "18")
    assert not attempts.done(JOB, [str(output)])
    monkeypatch.setenv(SUBMISSION, "17")
    output.unlink()
    assert not attempts.done(JOB, [str(output)])


class Job:
    """As much of Snakemake's as deletes the outputs of a job that failed."""

    def __init__(self, workflow, output):
        self.output, self.dag, self.workflow = [output], self, workflow
        self.deleted = self.finished = False


def test_snakemake_does_not_delete_for_a_late_attempt(first, tmp_path, monkeypatch):
    from types import SimpleNamespace

    from snakemake import jobs
    from snakemake.executors import local

    from edgeprune import snakemake_internals as internals

    async def delete(job, keep):
        job.deleted = True

    async def finish(job, error=False):
        job.finished = True

    late, _ = first
    for owner, names in (
        (jobs.Job, ("prepare", "cleanup", "postprocess")),
        (local.Executor, ("run_single_job", "_callback")),
    ):
        for name in names:
            monkeypatch.setattr(owner, name, getattr(owner, name))
    monkeypatch.setattr(jobs.Job, "cleanup", delete)
    monkeypatch.setattr(jobs.Job, "postprocess", finish)
    workflow = SimpleNamespace(is_main_process=False, dryrun=False)
    internals.fence(workflow, late)
    job = Job(workflow, JOB)
    asyncio.run(jobs.Job.cleanup(job, []))
    assert job.deleted
    job.deleted = False
    Attempts(tmp_path).begin(JOB)
    asyncio.run(jobs.Job.cleanup(job, []))
    asyncio.run(jobs.Job.postprocess(job, error=True))
    assert not job.deleted
    assert not job.finished
