"""Two runs at once, and a run after one whose head was killed: with Snakemake and a job that waits for a file."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SNAKEFILE = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from edgeprune import single_run, snakemake_internals as internals
internals.run_within(workflow, lambda: single_run.turn(workflow.basedir, "p"))

rule all:
    input: "results/p/a.txt"

rule a:
    output: "results/p/a.txt"
    shell: "echo $$ >> begun; while test ! -e {{config[name]}}; do sleep 0.1; done; echo {{config[name]}} > {{output}}"
"""


@pytest.fixture
def start(tmp_path):
    """Start Snakemake on the workflow; it is killed at the end if need be."""
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    started = []

    def call(*args, name="first"):
        command = [sys.executable, "-m", "snakemake", "--cores", "1", *args, "--config", f"name={name}"]
        process = subprocess.Popen(
            command, cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        )
        started.append(process)
        return process

    yield call
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def wait_until_begun(folder):
    deadline = time.monotonic() + 60
    while not (folder / "begun").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_second_of_two_runs_says_who_is_under_way_and_waits(start, tmp_path):
    first = start()
    wait_until_begun(tmp_path)
    second = start()
    for line in second.stdout:
        if line.startswith(f"waiting until another run has ended: process {first.pid} on "):
            (tmp_path / "first").touch()
    assert (first.wait(60), second.wait(60)) == (0, 0)
    assert len((tmp_path / "begun").read_text().splitlines()) == 1


def test_a_dry_run_waits_for_nobody(start, tmp_path):
    first = start()
    wait_until_begun(tmp_path)
    said = start("-n").communicate(timeout=60)[0]
    assert first.poll() is None
    assert "waiting" not in said


def test_what_a_killed_head_left_cannot_write_into_the_next_run(start, tmp_path):
    first = start()
    wait_until_begun(tmp_path)
    os.kill(first.pid, signal.SIGKILL)
    (tmp_path / "second").touch()
    second = start(name="second")
    said = second.communicate(timeout=60)[0]
    assert second.returncode == 0, said
    assert "a run was killed" in said
    orphan = int((tmp_path / "begun").read_text().split()[0])
    assert not Path(f"/proc/{orphan}").exists()
    assert (tmp_path / "results/p/a.txt").read_text() == "second\n"
