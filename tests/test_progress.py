"""What a person sees of a run: the plugin fed with events, and a small workflow with and without a terminal."""

import io
import logging
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from edgeprune.tasks import get
from edgeprune.training.history import LiveLine
from helpers import forked

pytestmark = pytest.mark.long
ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "docs"))

import recording  # noqa: E402

import snakemake_logger_plugin_edgeprune as plugin  # noqa: E402

#: As many jobs of each rule as a preset of some size has.
JOBS = {"sample_plan": 50, "train_network": 50, "measure_model": 50, "all": 1}


class Run:
    """A handler, and the events of a run to feed it with."""

    def __init__(self, **settings):
        self.handler = plugin.LogHandler(
            SimpleNamespace(**{"dryrun": False, "quiet": None, "nocolor": False, **settings}), None
        )
        self.now, self.done, self.total = time.time(), 0, 0

    def event(self, event, msg=None, level=logging.INFO, **fields):
        fields = {"event": event, "created": self.now, "msg": msg, "levelno": level, **fields}
        self.handler.handle(logging.makeLogRecord(fields))

    def plan(self, jobs):
        self.total = sum(jobs.values())
        self.event(LogEvent.RUN_INFO, stats={**jobs, "total": self.total})

    def start(self, number, rule, log=None, **fields):
        self.event(LogEvent.JOB_INFO, jobid=number, rule_name=rule, log=[str(log)] if log else [], **fields)

    def finish(self, number, seconds=1):
        self.now, self.done = self.now + seconds, self.done + 1
        self.event(LogEvent.JOB_FINISHED, job_id=number)
        self.event(LogEvent.PROGRESS, done=self.done, total=self.total)

    def fail(self, number, rule, log, output="results/quick/x.json", **fields):
        fields = {"rule_msg": None, "output": [output], "log": [str(log)], **fields}
        self.event(LogEvent.JOB_ERROR, f"Error in rule {rule}", logging.ERROR, jobid=number, rule_name=rule, **fields)

    def whole(self, jobs):
        self.plan(jobs)
        for number, rule in enumerate(rule for rule, count in jobs.items() for _ in range(count)):
            self.start(number, rule)
            self.finish(number)
        self.handler.close()


@pytest.fixture
def said(capsys):
    return lambda: capsys.readouterr().err.splitlines()


def test_a_large_run_is_told_in_few_lines_and_a_small_one_job_by_job(said):
    Run().whole(JOBS)
    lines = said()
    assert len(lines) < 32
    assert lines[0] == "151 jobs: 50 sample_plan, 50 train_network, 50 measure_model, 1 all"
    assert lines[-1].startswith("151 jobs done in ")
    assert sum(bool(re.search(r"^ *\d+ of 151 jobs", line)) for line in lines) > 20
    Run().whole({"fetch_dataset": 1, "train_network": 3})
    told = [line for line in said() if " of 4 jobs" in line]
    assert [line.split()[-1] for line in told] == ["fetch_dataset", "train_network", "train_network"]


def test_the_time_left_follows_from_the_jobs_that_are_done(said):
    run = Run()
    run.plan({"sample_plan": 2, "train_network": 6})
    for number in range(2):
        run.start(number, "sample_plan")
        run.finish(number, 1)
    assert "at least" in said()[-1]  # no training has told yet
    for number in range(2, 5):
        run.start(number, "train_network")
        run.finish(number, 100)
    assert "about 5 min left" in said()[-1]


def test_what_runs_is_shown_with_what_its_log_says_last(tmp_path):
    from rich.console import Console

    from snakemake_logger_plugin_edgeprune.view import view

    log = tmp_path / "logs/quick/train_network/vgg8/digits/FA-0.50/seed-0.log"
    log.parent.mkdir(parents=True)
    run = Run()
    run.plan(JOBS)
    run.start(7, "train_network", log)
    headline = get("classification").headline
    with open(log, "w") as stream:
        LiveLine(headline, 40, stream)({"epoch": 12, "train_loss": 0.5, f"val_{headline.name}": 0.93}, 12345.6, 83)
        stream.write("UserWarning: nothing that a person waits for\n")
    for number in range(8, 50):
        other = tmp_path / f"logs/quick/measure_model/local/a-{'very-' * 20}long-name/{number}.log"
        other.parent.mkdir(parents=True, exist_ok=True)
        other.touch()
        run.start(number, "measure_model", other)
    for width, height in ((80, 24), (40, 10), (80, 3)):
        console = Console(file=io.StringIO(), width=width, height=height)
        console.print(view(run.handler.progress, height, run.now + 65))
        lines = console.file.getvalue().splitlines()
        assert len(lines) < height
        assert all(len(line) <= width for line in lines)
        if (width, height) == (80, 24):
            assert "train_network vgg8/digits/FA-0.50/seed-0" in lines[1]
            assert "1:05" in lines[1]
            assert "epoch 12/40" in lines[2]
            assert "93.00" in lines[2]
            assert "12,346 images/s" in lines[2]
            assert "UserWarning" not in console.file.getvalue()
            assert re.search(r"and \d+ more", lines[-1])


def test_jobs_in_the_queue_of_a_cluster_are_counted_not_timed(tmp_path):
    from rich.console import Console

    from snakemake_logger_plugin_edgeprune.view import view

    run = Run()
    run.plan(JOBS)
    for number in range(40):
        run.start(number, "train_network", tmp_path / f"logs/quick/train_network/vgg8/digits/dense/seed-{number}.log")
    (tmp_path / "logs/quick/train_network/vgg8/digits/dense").mkdir(parents=True)
    (tmp_path / "logs/quick/train_network/vgg8/digits/dense/seed-30.log").touch()
    console = Console(file=io.StringIO(), width=80)
    console.print(view(run.handler.progress, 24, run.now + 20))
    _, runs, wait = console.file.getvalue().splitlines()
    assert "0:20  train_network vgg8/digits/dense/seed-30" in runs
    assert "39 wait in the cluster's queue" in wait


def test_an_old_log_is_not_taken_for_this_run(tmp_path):
    log = tmp_path / "old.log"
    log.write_text("epoch 3/4  loss 1  0:10 left\nerror: of yesterday\n")
    os.utime(log, (0, 0))
    run = Run()
    run.plan(JOBS)
    run.start(1, "train_network", log)
    assert run.handler.progress.running[1].says() == ""


def test_a_failure_is_told_with_the_scripts_error_and_the_command_to_repeat_it(tmp_path, said, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["snakemake", "--config", "preset=tiny", "targets=[0.5]", "--logger", "edgeprune"])
    log = tmp_path / "train_network" / "vgg8.log"
    log.parent.mkdir()
    log.write_text("epoch 1/4\nerror: recipes.vgg8.lr: the loss is no number any more\n  remedy: a smaller lr\n")
    run = Run()
    run.plan(JOBS)
    said()
    run.start(1, "train_network", log)
    run.fail(1, "train_network", log)
    lines = said()
    assert lines[0] == "train_network vgg8 failed"
    assert lines[1:4] == [
        "  error: recipes.vgg8.lr: the loss is no number any more",
        "    remedy: a smaller lr",
        f"  log: {log}",
    ]
    assert lines[4].endswith("snakemake --config preset=tiny 'targets=[0.5]' -- results/quick/x.json")
    assert len(lines) == 5
    log.write_text("Traceback (most recent call last):\n  File x\nRuntimeError: out of memory\n")
    run.fail(2, "train_network", log)
    assert said()[1] == "  RuntimeError: out of memory"
    run.event(
        LogEvent.ERROR, "Command 'x' died with <Signals.SIGKILL: 9>.\nCalledProcessError", logging.ERROR, exception="x"
    )
    run.fail(3, "train_network", tmp_path / "none.log", rule_msg="for details see the queue")
    assert said()[1] == "  killed by SIGKILL"
    run.event(None, "Trying to restart job 3.")
    assert said() == ["  it is tried again"]
    run.fail(4, "sample_plan", tmp_path / "none.log", indent=True)  # of a group that another one ended
    for number in range(5, 30):
        run.fail(number, "train_network", log)
    assert said() == []
    run.event(None, "Exiting because a job execution failed.", logging.ERROR)
    run.event(LogEvent.ERROR, "WorkflowError", logging.ERROR, exception="WorkflowError")
    run.handler.close()
    assert "27 jobs failed" in "".join(said())


def test_what_is_no_job_is_told_as_it_is_and_a_lock_with_its_remedy(said):
    run = Run()
    run.event(LogEvent.ERROR, "MissingInputException: there is no x", logging.ERROR, exception="MissingInputException")
    run.event(LogEvent.ERROR, "Directory cannot be locked", logging.ERROR, exception="LockException")
    for _ in range(2):
        run.event(None, "the clock is wrong", logging.WARNING)
    run.event(None, "Select jobs to execute...")
    run.event(None, "Nothing to be done (all requested files are present and up to date).")
    run.handler.close()
    lines = said()
    assert lines[:2] == ["the clock is wrong", "Nothing to be done (all requested files are present and up to date)."]
    assert lines[2] == "MissingInputException: there is no x"
    assert "cannot be locked" in lines[3]
    assert "make unlock" in lines[4]


def test_after_ctrl_c_no_exception_of_an_ended_job_is_shown(said):
    run = Run()
    run.plan({"train_network": 2})
    run.handler._interrupted = True
    run.event(LogEvent.ERROR, "RuleException:\nCalledProcessError", logging.ERROR, exception="RuleException")
    run.handler.close()
    assert not [line for line in said() if "Exception" in line]


def test_the_display_never_breaks_a_run(said, monkeypatch):
    run = Run()
    run.event(LogEvent.RUN_INFO)  # no statistics in it
    run.plan(JOBS)
    assert len(said()) == 1
    run = Run()
    monkeypatch.setattr(sys, "stderr", open(os.devnull))  # cannot be written to  # noqa: SIM115
    run.plan(JOBS)
    run.handler.close()


def test_quiet_leaves_the_failures_and_a_dry_run_all_to_snakemake(tmp_path, said):
    run = Run(quiet={"progress"})
    run.whole({"train_network": 3})
    assert said() == []
    run = Run(quiet={"progress"})
    run.fail(1, "train_network", tmp_path / "x.log")
    assert said()
    run = Run(dryrun=True)
    assert not run.handler.writes_to_stream
    run.plan(JOBS)
    assert said() == []


SNAKEFILE = """
rule all:
    input: expand("results/quick/train_network/{n}.txt", n=range(6)), "results/quick/write_table/done.txt"

rule train_network:
    output: "results/quick/train_network/{n}.txt"
    log: "logs/quick/train_network/{n}.log"
    shell: "exec > {log};"
        " for i in 1 2 3; do echo \\"epoch $i/3  val Accuracy (%) 9$i  1,234 images/s  0:0$i left\\"; sleep 0.25; done;"
        " test {wildcards.n} != \\"$(cat bad 2>&1)\\" || {{ echo 'error: 3: is bad'; exit 1; }}; touch {output}"

rule write_table:
    output: "results/quick/write_table/done.txt"
    shell: "touch {output}"

onsuccess: print("from a hook", file=sys.stderr)
"""
COMMAND = [sys.executable, "-m", "snakemake", "--cores", "2", "--keep-going", "--logger", "edgeprune"]


@pytest.fixture
def workflow(tmp_path):
    (tmp_path / "Snakefile").write_text("import sys\n" + SNAKEFILE)
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "SNAKEMAKE_PROFILE")}
    return {"cwd": tmp_path, "env": {**environment, "PYTHONPATH": str(ROOT), "TERM": "xterm"}}


@pytest.fixture
def forking(workflow):
    """As ``workflow``, with the command for it; Snakemake is forked."""
    workflow["env"], python = forked.environment(workflow["env"])
    return [python, *COMMAND[1:]], workflow


@pytest.fixture
def bystander():
    """A child of these tests that is none of the workflow's, as an earlier test may have left one."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.communicate(b"\n")


def test_without_a_terminal(forking):
    command, workflow = forking
    done = subprocess.run(command, capture_output=True, text=True, **workflow)
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert lines[0] == "8 jobs: 6 train_network, 1 write_table, 1 all"
    assert "\x1b" not in done.stderr
    log = Path(re.search(r"^what Snakemake says: (.*)$", done.stderr, re.M)[1])
    kept = (workflow["cwd"] / log).read_text()
    assert kept.count("Finished jobid") == 8
    assert "rule train_network:" in kept
    assert sum(" of 8 jobs" in line for line in lines) == 7
    assert len(lines) == 11  # and the hook's line, and the last
    again = subprocess.run(command, capture_output=True, text=True, **workflow)
    assert again.stderr.startswith("Nothing to be done")
    dry = subprocess.run([*command, "-n", "--forceall"], capture_output=True, text=True, **workflow)
    assert "rule train_network:" in dry.stdout


def test_a_pipe_that_closes_early_does_not_end_the_run(forking):
    command, workflow = forking
    (workflow["cwd"] / "Snakefile").write_text(SNAKEFILE.partition("onsuccess")[0])  # a hook that prints would
    workflow["env"].pop("PYTHONUNBUFFERED", None)  # what is left in the buffer would be an error at the end
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, **workflow) as process:
        process.stderr.readline()
        process.stderr.close()
        assert process.wait(120) == 0


def test_a_failing_job(forking):
    command, workflow = forking
    (workflow["cwd"] / "bad").write_text("3")
    done = subprocess.run(command, capture_output=True, text=True, **workflow)
    assert done.returncode == 1
    told = done.stderr[done.stderr.index("train_network 3 failed") :]
    assert "train_network 3 failed\n  error: 3: is bad\n  log: logs/quick/train_network/3.log\n  again: " in told
    assert re.search(r"1 job failed, 6 of 8 are done", told)
    for noise in ("Error in rule", "Traceback", "WorkflowError", "Exiting because", "CalledProcess"):
        assert noise not in done.stderr


@pytest.mark.parametrize(("width", "height"), [(80, 24), (34, 5)])
def test_on_a_terminal_one_display_changes_in_place(forking, width, height):
    command, workflow = forking
    screen = recording.Screen(width, height)
    status, frames = recording.run(command, screen, **workflow)
    assert status == 0
    shown = "\n".join(text for _, text in frames)
    if (width, height) == (80, 24):
        assert not screen.scrolled
        assert re.search(r"train_network \d\n.*epoch [123]/3  val Accuracy", shown)
        assert re.search(r"^ *[1-6] of 8 jobs", shown, re.M)
        assert len(screen.text().splitlines()) == 4, screen.text()
        assert screen.text().splitlines()[-2] == "from a hook"
    assert "8 jobs done in" in screen.text()
    assert "epoch" not in screen.text()


def test_on_a_terminal_that_can_move_nothing_lines_are_told(forking):
    command, workflow = forking
    workflow["env"]["TERM"] = "dumb"
    status, frames = recording.run(command, recording.Screen(), **workflow)
    assert status == 0
    assert sum(" of 8 jobs" in line for line in frames[-1][1].splitlines()) == 7


def test_no_colour_where_none_is_wanted(forking):
    command, workflow = forking
    workflow["env"]["NO_COLOR"] = "1"
    raw = []

    class Keeping(recording.Screen):
        def feed(self, text):
            raw.append(text)
            super().feed(text)

    assert recording.run(command, Keeping(), **workflow)[0] == 0
    assert not re.search(r"\x1b\[[\d;]*3\dm", "".join(raw))
    assert "".join(raw).count("\x1b[?25h") >= 1  # the cursor is back


@pytest.mark.parametrize("whole_group", [False, True], ids=["Snakemake alone", "its jobs too, as on a terminal"])
def test_ctrl_c_puts_the_terminal_back_and_calls_no_job_failed(workflow, whole_group, bystander):
    class Interrupting(recording.Screen):
        def feed(self, text):
            super().feed(text)
            if "epoch 2" in self.text() and not getattr(self, "sent", None):
                self.sent = True
                snakemake = psutil.Process(self.process.pid)
                for process in [*(snakemake.children(recursive=True) if whole_group else []), snakemake]:
                    process.send_signal(signal.SIGINT)

    screen = Interrupting()
    status, _ = recording.run(COMMAND, screen, **workflow)
    assert status
    assert "the same command goes on" in screen.text()
    assert "failed" not in screen.text()
    assert "CalledProcessError" not in screen.text()
    assert bystander.poll() is None


def test_the_plugin_leaves_the_package_to_the_workflow():
    """Snakemake imports plugins first: the installed package would be taken in every other checkout."""
    code = "import sys, snakemake_logger_plugin_edgeprune as _; sys.exit('edgeprune' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
