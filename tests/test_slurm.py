"""The workflow on a real Slurm with three emulated nodes: killed, cancelled, preempted, and the results the same.

Not part of `make test`, because it installs packages and starts daemons: `make test-slurm`.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest

from cluster.emulated import Cluster, missing, until
from helpers.workflow import Workspace

pytestmark = [pytest.mark.slurm, pytest.mark.skipif(missing() is not None, reason=str(missing()))]

RUNS = "train_network/vgg8/digits"
GRID = {
    "title": "As little as shows two trainings at a time",
    "pairs": [{"network": "vgg8", "dataset": "digits"}],
    "modes": ["FA"],
    "targets": [0.5],
    "seeds": [0],
    "references": {"dense": {}},
    "measure_on": ["local"],
    "recipes": {"vgg8": {"epochs": 30, "warmup_epochs": 0}},
    "devices": {"local": {"seconds": 0.05, "iterations": 5, "warmup": 1}},
}
VARIANTS = ("dense", "FA-0.50")
PATIENCE = 900  # seconds; a quiet machine needs a tenth of that


class Head:
    """A process of the head node that submits jobs: snakemake, or dvc."""

    def __init__(self, workspace, cluster, *command):
        self.said = workspace.root / "head.log"
        self.cluster = cluster
        with self.said.open("w") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=workspace.root,
                env=cluster.environment | {"SNAKEMAKE_PROFILE": "profiles/slurm"},
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def until(self, condition, seconds, what):
        def alive_and_true():
            assert self.process.poll() is None, f"the run ended before: {what}\n{self.tail()}"
            return condition()

        return until(alive_and_true, seconds, lambda: f"{what}\n{self.cluster.jobs()}\n{self.tail()}")

    def wait(self, seconds):
        until(lambda: self.process.poll() is not None, seconds, lambda: f"its end\n{self.tail()}")
        assert self.process.returncode == 0, self.tail()
        return self.said.read_text()

    def kill(self):
        """SIGKILL to it and to what it started on this node: dvc's snakemake, figures."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def tail(self):
        return self.said.read_text()[-4000:]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    made = Workspace(tmp_path_factory.mktemp("slurm"))
    made.forks = False  # a job is to run in the allocation that it was given
    made.write_preset("quick", GRID)
    made.write_preset("alone", GRID | {"measure_on": []})
    # what a real cluster needs time for
    made.edit("profiles/slurm/config.yaml", "before-status-checks: 20", "before-status-checks: 2")
    made.edit("profiles/slurm/config.yaml", "latency-wait: 60", "latency-wait: 10")
    return made


@pytest.fixture(scope="module")
def cluster():
    with Cluster() as made:
        yield made


def log(workspace, variant):
    return (workspace.root / f"logs/quick/{RUNS}/{variant}/seed-0.log").read_text()


def states(workspace, variant):
    return sorted((workspace.root / f"state/quick/{RUNS}/{variant}").glob("seed-0/state-*.pt"))


def on_its_way(workspace, variant, word=""):
    """Whether a training has kept a state, and its log says this word."""
    file = workspace.root / f"logs/quick/{RUNS}/{variant}/seed-0.log"
    return file.exists() and word in file.read_text() and states(workspace, variant)


def as_they_come(head, workspace, word=""):
    """Each variant, and the job and node of its training, as soon as that is on its way."""
    waiting = list(VARIANTS)

    def first():
        for variant in waiting:
            job = head.cluster.running(f"train_network_wildcards_vgg8_digits_{variant}_0")
            if job and on_its_way(workspace, variant, word):
                return variant, job
        return None

    while waiting:
        variant, job = head.until(first, PATIENCE, f"the trainings of {waiting} are on their way")
        waiting.remove(variant)
        yield variant, job


def test_killed_cancelled_and_preempted_the_grid_ends_as_if_nothing_had_happened(workspace, cluster):
    began = time.monotonic()
    head = Head(workspace, cluster, "snakemake")
    try:
        running = {}
        for variant, (number, node) in as_they_come(head, workspace):
            running[variant] = number, node
            # as it is then, however long what follows takes
            cluster.ask("scontrol", "suspend", number)
        assert len({node for _, node in running.values()}) == 2
        for variant, (number, node) in running.items():
            assert f"on node {node}, Slurm job {number}" in log(workspace, variant)
            assert "gpu:1" in cluster.ask("scontrol", "show", "job", number)
        plans = [said for _, _, said in cluster.jobs("--states=all").values() if "plan" in said]
        assert len(plans) == 1, "the plans are one job"
    finally:
        head.kill()
    print(f"head killed after {time.monotonic() - began:.0f} s")

    the_jobs_of_a_dead_head_are_in_the_way_until_they_are_cancelled(workspace, cluster)
    print(f"jobs cancelled after {time.monotonic() - began:.0f} s")

    head = Head(workspace, cluster, "dvc", "repro")
    try:
        for variant, (number, node) in as_they_come(head, workspace, "going on from"):
            if variant == "dense":
                cancelled = number
                cluster.ask("scancel", number)
            else:
                preempted = number
                cluster.ask("sbatch", "--partition=urgent", "--exclusive", f"--nodelist={node}", "--wrap=true")
                head.until(lambda: "stopped by SIGTERM" in log(workspace, "FA-0.50"), PATIENCE, "its state is kept")
        said = head.wait(PATIENCE)
    finally:
        head.kill()
    print(f"finished after {time.monotonic() - began:.0f} s")

    assert f"Slurm job {cancelled}, CANCELLED: cancelled" in said
    jobs = cluster.jobs("--states=all").items()
    again = [state for number, (state, _, text) in jobs if "_dense_0" in text and int(number) > int(cancelled)]
    assert "COMPLETED" in again
    assert "Restarts=1" in cluster.ask("scontrol", "show", "job", preempted)
    for variant in VARIANTS:
        assert "going on from" in log(workspace, variant)
        assert not states(workspace, variant)  # a finished training leaves none behind
        assert (workspace.root / f"results/quick/measure_model/local/fp32/vgg8/digits/{variant}/seed-0.json").exists()
    assert "Nothing to be done" in workspace.snakemake("-n")
    assert not cluster.jobs()

    slurm = {k: cluster.environment[k] for k in ("SLURM_CONF", "PATH")}  # a local run asks it for orphans, too
    workspace.snakemake("--config", "preset=alone", "--", "train", **slurm)
    for variant in VARIANTS:
        for name in ("model.pt", "model.onnx", "history.csv"):
            ours, alone = (
                (workspace.root / f"results/{p}/{RUNS}/{variant}/seed-0/{name}").read_bytes()
                for p in ("quick", "alone")
            )
            assert ours == alone, f"{variant}/{name} differs from an undisturbed run's"
    print(f"compared after {time.monotonic() - began:.0f} s")


def the_jobs_of_a_dead_head_are_in_the_way_until_they_are_cancelled(workspace, cluster):
    environment = {k: cluster.environment[k] for k in ("SLURM_CONF", "PATH")}
    before = workspace.content("results/quick/fetch_dataset/**/*")
    assert before
    orphans = set(cluster.jobs())
    assert orphans
    workspace.snakemake("--unlock", **environment)
    said = workspace.run("snakemake", ok=False, SNAKEMAKE_PROFILE="profiles/slurm", **environment)
    assert "make resume" in said
    assert all(number in said for number in orphans)
    assert set(cluster.jobs()) == orphans
    for number in orphans:
        cluster.ask("scontrol", "resume", number)  # a suspended job gets no SIGTERM
    said = workspace.run("scripts.cancel_jobs", **environment)
    assert f"{len(orphans)} jobs were cancelled and are gone" in said
    assert not cluster.jobs()
    for variant in VARIANTS:
        assert "stopped by SIGTERM" in log(workspace, variant)
        assert states(workspace, variant)
    assert workspace.content("results/quick/fetch_dataset/**/*") == before
    assert not workspace.content(f"results/quick/{RUNS}/**/model.pt")
