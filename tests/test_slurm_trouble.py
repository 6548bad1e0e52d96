"""What goes wrong on a cluster, a case each, on a real Slurm with stub trainings: how it ends, and with which words.

Not part of `make test`: `make test-slurm`.
"""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from cluster.emulated import Cluster, missing, until
from helpers.workflow import ROOT

pytestmark = [pytest.mark.slurm, pytest.mark.skipif(missing() is not None, reason=str(missing()))]

PROFILE = {
    "executor": "slurm",
    "jobs": 1000,
    "scheduler": "greedy",
    "retries": 2,
    "keep-going": True,
    "rerun-incomplete": True,
    "latency-wait": 10,
    "slurm-init-seconds-before-status-checks": 2,
    "slurm-requeue": True,
    "slurm-jobname-prefix": "edgeprune",
    "default-resources": {"mem_mb": 600, "runtime": 5},
}


@pytest.fixture(scope="module")
def cluster():
    with Cluster() as made:
        yield made


@pytest.fixture
def toy(cluster, tmp_path):
    made = Toy(cluster, tmp_path)
    yield made
    for process in made.heads:
        if process.poll() is None:
            process.kill()
    cluster.clean()


class Toy:
    """A folder with the stub workflow of tests/cluster/toy."""

    def __init__(self, cluster, folder):
        self.cluster, self.root, self.heads = cluster, folder, []
        shutil.copytree(ROOT / "tests/cluster/toy", folder, dirs_exist_ok=True)
        self.said = folder / "head.log"

    def start(self, *, slurm=True, resources=None, **config):
        profile = PROFILE | ({"set-resources": {"train_network": resources}} if resources else {})
        (self.root / "profile").mkdir(exist_ok=True)
        (self.root / "profile/config.yaml").write_text(yaml.safe_dump(profile))
        options = ["--profile", "profile"] if slurm else ["--cores", "2"]
        given = [f"{key}={value}" for key, value in {"root": ROOT, **config}.items()]
        with self.said.open("w") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", "snakemake", *options, "--config", *given],
                cwd=self.root,
                env=self.cluster.environment,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.heads.append(process)
        return process

    def end(self, process, ok=True, seconds=240):
        until(lambda: process.poll() is not None, seconds, self.tell)
        assert (process.returncode == 0) == ok, self.tell()
        return self.said.read_text()

    def run(self, *, ok=True, **options):
        return self.end(self.start(**options), ok)

    def tell(self):
        return f"{self.cluster.jobs('--states=all')}\n{self.said.read_text()[-5000:]}"

    def begun(self, seed=0, network="a"):
        """Process, node and GPU of each attempt at a training."""
        file = self.root / f"begun/results-{network}-{seed}.txt"
        return [line.split() for line in file.read_text().splitlines()] if file.exists() else []

    def trained(self, seed=0, network="a"):
        return (self.root / f"results/{network}/{seed}.txt").read_text() == f"trained with seed {seed}\n"

    def asked(self, name):
        """What each submission asked for, in their order."""
        said = self.cluster.ask("squeue", "--noheader", "--states=all", f"--format=%A|{name}|%Z").splitlines()
        rows = sorted(line.split("|") for line in said if line.endswith(f"|{self.root}"))
        return [row[1] for row in rows]


def test_a_mistake_is_not_tried_again(toy):
    said = toy.run(ok=False, order="fail")
    assert "an error, which would come again" in said
    assert len(toy.begun()) == 1


def test_out_of_memory_is_tried_again_with_more_memory_and_the_same_time(toy):
    said = toy.run(order="eat", resources={"mem_mb": 350})
    assert "out of memory; mem_mb was 350" in said
    assert toy.asked("%m") == ["350M", "700M"]
    assert toy.asked("%l") == ["5:00", "5:00"]
    assert toy.trained()


def test_out_of_time_is_tried_again_with_more_time_and_the_same_memory(toy):
    said = toy.run(
        order="stop", resources={"runtime": 1, "slurm_partition": "short", "slurm_extra": "'--signal=TERM@40'"}
    )
    assert "out of time; runtime was 1" in said
    assert toy.asked("%l") == ["1:00", "2:00"]
    assert set(toy.asked("%m")) == {"600M"}
    assert toy.trained()


def test_a_job_that_slurm_has_forgotten_is_settled_by_what_it_made(toy):
    process = toy.start(seeds=2, order="wait")
    until(lambda: toy.begun(0) and toy.begun(1), 120, toy.tell)
    (toy.cluster.folder / "forget").touch()
    (toy.root / "go").touch()
    toy.end(process)
    assert [len(toy.begun(seed)) for seed in (0, 1)] == [1, 1]
    assert all(map(toy.trained, range(2)))


def test_a_limit_on_submissions_is_waited_for(toy):
    (toy.cluster.folder / "limit").write_text("1")
    said = toy.run(seeds=3)
    assert "Slurm takes no more jobs now" in said
    assert "Trying to restart" not in said
    assert [len(toy.begun(seed)) for seed in range(3)] == [1, 1, 1]


def test_a_node_that_comes_back_destroys_nothing(toy):
    process = toy.start(order="sleep")
    (pid, node, _) = until(lambda: toy.begun() and toy.begun()[0], 120, toy.tell)
    frozen = toy.cluster.freeze(node)
    assert int(pid) in frozen
    try:
        toy.cluster.ask("scontrol", "update", f"nodename={node}", "state=down", "reason=frozen")
        toy.end(process)
        assert toy.trained()
        before = (toy.root / "results/a/0.txt").stat()
    finally:
        for each in frozen:
            os.kill(each, signal.SIGCONT)
    toy.cluster.ask("scontrol", "update", f"nodename={node}", "state=resume")
    until(lambda: not Path(f"/proc/{pid}/stat").exists(), 120, "the late attempt's end")
    until(lambda: not toy.cluster.stepping(node), 60, "the end of its Snakemake")
    assert toy.trained()
    assert (toy.root / "results/a/0.txt").stat().st_mtime == before.st_mtime
    assert len(toy.begun()) == 2
    assert "Nothing to be done" in toy.run(order="sleep")


@pytest.mark.parametrize("sent", [signal.SIGHUP, signal.SIGKILL])
def test_what_was_finished_when_the_head_died_is_not_made_again(toy, sent):
    process = toy.start(seeds=2, order="wait")
    until(lambda: toy.begun(0) and toy.begun(1), 120, toy.tell)
    os.kill(process.pid, sent)
    process.wait(60)
    (toy.root / "go").touch()
    until(lambda: not toy.cluster.jobs(), 120, toy.tell)
    shutil.rmtree(toy.root / ".snakemake/locks", ignore_errors=True)  # as --unlock
    said = toy.run(seeds=2, order="wait")
    assert "Nothing to be done" in said
    assert [len(toy.begun(seed)) for seed in (0, 1)] == [1, 1]


def test_jobs_of_a_dead_head_that_begin_late_do_nothing(toy):
    process = toy.start(order="wait")
    until(toy.begun, 120, toy.tell)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    shutil.rmtree(toy.root / ".snakemake/locks", ignore_errors=True)
    said = toy.run(ok=False, order="wait")
    assert "make resume" in said
    ((number, _),) = toy.cluster.jobs().items()
    toy.cluster.ask("scontrol", "requeue", number)
    until(lambda: toy.cluster.jobs()[number][0] == "PENDING", 60, toy.tell)
    toy.cluster.ask("scontrol", "hold", number)
    (toy.root / "go").touch()
    (toy.cluster.folder / "bin/squeue.away").touch()  # a local run, while Slurm gives no answer
    toy.run(slurm=False)
    (toy.cluster.folder / "bin/squeue.away").unlink()
    attempts = len(toy.begun())
    toy.cluster.ask("scontrol", "release", number)
    until(lambda: number not in toy.cluster.jobs(), 120, toy.tell)
    assert len(toy.begun()) == attempts
    assert toy.trained()


def test_a_training_is_bound_to_its_gpu(toy):
    process = toy.start(seeds=2, order="wait", resources={"gpu": 1, "slurm_extra": "'--nodelist=node1'"})
    until(lambda: toy.begun(0) and toy.begun(1), 120, toy.tell)
    (toy.root / "go").touch()
    toy.end(process)
    (_, node, gpu), (_, other_node, other_gpu) = toy.begun(0)[0], toy.begun(1)[0]
    assert node == other_node == "node1"
    assert {gpu, other_gpu} == {"0", "1"}


def test_short_trainings_are_packed_by_network(toy):
    before = toy.cluster.submissions()
    toy.run(networks="a,b", seeds=20, resources={"pack": 10, "at_once": 2, "mem_mb": 300, "runtime": 1})
    assert toy.cluster.submissions() - before == 4
    assert all(toy.trained(seed, network) for seed in range(20) for network in "ab")
