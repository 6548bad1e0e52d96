"""Two runs at once, and a run after one whose head was killed: with Snakemake and a job that waits for a file."""

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from edgeprune import single_run
from edgeprune.errors import EdgepruneError

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
    assert not psutil.pid_exists(orphan) or psutil.Process(orphan).status() == psutil.STATUS_ZOMBIE
    assert (tmp_path / "results/p/a.txt").read_text() == "second\n"


def test_without_locks_of_the_system_snakemakes_stay(tmp_path, monkeypatch):
    def fails(*_):
        raise OSError(errno.ENOLCK, "no locks")

    lock = tmp_path / ".snakemake/locks/0.output.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text("results/p/a.txt\n")
    monkeypatch.setattr(single_run.fcntl, "flock", fails)
    with single_run.turn(tmp_path, "p"):
        assert lock.exists()
    monkeypatch.undo()
    (tmp_path / ".snakemake/runs/p.json").write_text(json.dumps({"host": socket.gethostname()}))
    with single_run.turn(tmp_path, "p"):
        assert not lock.exists()


def test_a_shell_that_has_a_jobs_environment_is_no_job_of_a_killed_run(tmp_path):
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from edgeprune import single_run as s; print(s._jobs('x'))"
    environment = os.environ | {single_run.VARIABLE: "x"}
    said = subprocess.check_output(["bash", "-c", f'{sys.executable} -c "{code}"; true'], env=environment, text=True)
    assert said.strip() == "[]"


def test_ctrl_c_while_another_run_is_waited_for_is_a_sentence(tmp_path, monkeypatch):
    def held(_, flags):
        raise BlockingIOError if flags & single_run.fcntl.LOCK_NB else KeyboardInterrupt

    monkeypatch.setattr(single_run.fcntl, "flock", held)
    with pytest.raises(EdgepruneError, match="interrupted while another run"), single_run.turn(tmp_path, "p"):
        pass
