"""What is submitted together and when, with a made-up Snakemake and Slurm; test_slurm_trouble.py has real ones."""

from types import SimpleNamespace

import pytest

from edgeprune.cluster import executor, queue

RUNS, NETWORKS, AT_A_TIME = 5000, 5, 1000
RULES = {"sample_plan": 200, "train_network": 100, "measure_model": 100}


class Job:
    attempt = restart_times = threads = 1

    def __init__(self, rule, number, pack):
        self.rule, self.number = SimpleNamespace(name=rule), number
        self.wildcards_dict = {"network": f"net{number % NETWORKS}", "seed": str(number)}
        self.resources = {"pack": pack}

    def is_group(self):
        return False


class Base:
    """As much of the plugin's executor as is asked, and a Slurm that takes ``room`` jobs."""

    room = 10**6

    def __init__(self, workflow, logger):
        self.workflow, self.logger, self.queued, self.told = workflow, logger, [], []

    def run_job_pre(self, job):
        pass

    def get_partition_arg(self, job):
        return ""


def lasting(monkeypatch, workflow):
    monkeypatch.setattr(queue, "most", lambda partition: {})
    made = executor.made_to_last(Base)(workflow, SimpleNamespace(warning=lambda line: made.told.append(line)))

    def submit(each):
        if len(made.queued) >= made.room:
            raise executor._Later("QOSMaxSubmitJobPerUserLimit")
        made.queued.append(each)
        made._living.add(str(id(each)))

    made._submit = submit
    return made


@pytest.fixture
def workflow(tmp_path):
    return SimpleNamespace(
        workdir_init=tmp_path,
        dag=SimpleNamespace(needrun_jobs=list),
        scheduler=SimpleNamespace(running=set(), failed=set()),
    )


def hand_over(made, jobs):
    made.workflow.scheduler.running.update(jobs)
    made.run_jobs(jobs)


def end_all(made):
    ended = [job for each in made.queued for job in each.jobs]
    made.workflow.scheduler.running.difference_update(ended)
    made.queued.clear()
    made._living.clear()
    return ended


def test_five_thousand_runs_are_fewer_than_two_hundred_submissions(workflow, monkeypatch):
    made = lasting(monkeypatch, workflow)
    stages = [[Job(rule, number, pack) for number in range(RUNS)] for rule, pack in RULES.items()]
    done, submissions = set(), []
    workflow.dag.needrun_jobs = lambda: (job for stage in stages for job in stage if job not in done)
    while len(done) < len(RULES) * RUNS:
        ready = [
            job
            for number, stage in enumerate(stages)
            for job in stage
            if job not in done
            and job not in workflow.scheduler.running
            and (number == 0 or stages[number - 1][job.number] in done)
        ]
        hand_over(made, ready[: AT_A_TIME - len(workflow.scheduler.running)])
        made._send()
        assert made.queued, "nothing goes on"
        submissions += made.queued
        done.update(end_all(made))
    assert len(submissions) == 125
    assert all(len({job.wildcards_dict["network"] for job in each.jobs}) == 1 for each in submissions)


def test_measurements_of_a_network_wait_for_each_other_while_trainings_run(workflow, monkeypatch):
    made = lasting(monkeypatch, workflow)
    trainings = [Job("train_network", number, 1) for number in (0, 5)]
    measurements = [Job("measure_model", number, 100) for number in (0, 5)]
    needed = [*trainings, *measurements]
    workflow.dag.needrun_jobs = lambda: iter(needed)
    hand_over(made, trainings)
    assert [len(each.jobs) for each in made.queued] == [1, 1]
    hand_over(made, measurements[:1])
    assert len(made.queued) == 2
    end_all(made)
    workflow.scheduler.failed.add(trainings[1])  # then its measurement never comes
    made._send()
    assert [each.jobs for each in made.queued] == [measurements[:1]]


def test_what_slurm_does_not_take_waits_and_is_told_once(workflow, monkeypatch):
    made = lasting(monkeypatch, workflow)
    made.room = 2
    hand_over(made, [Job("train_network", number, 1) for number in range(5)])
    made._send()
    assert (len(made.queued), len(made._waiting), len(made.told)) == (2, 3, 1)
    assert "QOSMaxSubmitJobPerUserLimit" in made.told[0]
    end_all(made)
    made._send()
    assert (len(made.queued), len(made._waiting)) == (2, 1)
