"""How commands and scripts end: a message for what the user can mend, and none of Python's for Ctrl-C."""

import errno
import importlib
import os
import signal
import subprocess
import sys
import time

import pytest

from edgeprune import entrypoint, files
from edgeprune.errors import EdgepruneError
from helpers.workflow import ROOT


@pytest.mark.parametrize(
    "command", ["-m edgeprune sample {pipe}", "scripts/sample_plan.py --profile {pipe} --out {pipe}.json"]
)
def test_an_interrupt_ends_a_command_without_a_traceback(tmp_path, command):
    os.mkfifo(tmp_path / "pipe")
    words = [word.format(pipe=tmp_path / "pipe") for word in command.split()]
    process = subprocess.Popen(
        [sys.executable, *words],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored in the background of a shell
    )
    with process, open(tmp_path / "pipe", "w"):  # waits until the command reads
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
    assert process.returncode == 130
    assert said.strip() == "interrupted"


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_what_the_system_forbids_is_a_message_with_file_and_remedy(capsys, number):
    def main(argv):
        raise OSError(number, os.strerror(number), "/results/quick/timing.json")

    assert entrypoint.run(main) == 1
    told = capsys.readouterr().err
    assert f"error: /results/quick/timing.json: {os.strerror(number)}" in told
    assert "remedy: " in told


@pytest.mark.parametrize(
    ("package", "extra"), [("torch", "train"), ("matplotlib.figure", "report"), ("yaml", "pipeline")]
)
def test_a_package_that_is_missing_is_a_message_with_the_way_to_get_it(capsys, monkeypatch, package, extra):
    monkeypatch.setitem(sys.modules, package, None)
    assert entrypoint.run(lambda argv: importlib.import_module(package)) == 1
    name = package.partition(".")[0]
    told = f"error: the {name} package is not installed\n  remedy: pip install 'edgeprune[{extra}]'\n"
    assert capsys.readouterr().err == told


def test_a_module_that_no_extra_has_keeps_its_traceback():
    with pytest.raises(ModuleNotFoundError):
        entrypoint.run(lambda argv: importlib.import_module("no_such_module"))


def test_an_error_of_the_program_keeps_its_traceback():
    def main(argv):
        raise FileNotFoundError(errno.ENOENT, "No such file", "/x")

    with pytest.raises(FileNotFoundError):
        entrypoint.run(main)


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_done(tmp_path, monkeypatch):
    files.check_writable(tmp_path / "results" / "new")
    assert not (tmp_path / "results").exists()
    monkeypatch.setattr(files.os, "access", lambda path, mode: False)  # as root every folder is writable
    with pytest.raises(EdgepruneError, match="cannot be written") as caught:
        files.check_writable(tmp_path / "results" / "new")
    assert caught.value.file == tmp_path
    assert "writable" in caught.value.remedy
