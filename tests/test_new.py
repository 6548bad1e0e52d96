"""`edgeprune new`: what it makes, what it refuses, and that it leaves nothing half made."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from edgeprune import cli
from edgeprune.commands.new import VERSION


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty folder; git knows nobody."""
    monkeypatch.chdir(tmp_path)
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, os.devnull)
    for name, value in (("COUNT", "1"), ("KEY_0", "user.useConfigOnly"), ("VALUE_0", "true")):
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    return tmp_path


def git(folder, *words):
    return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("there", [False, True])
def test_a_project_is_staged_where_git_knows_nobody(place, capsys, there):
    if there:
        Path("mine").mkdir()
    assert cli.main(["new", "mine"]) == 0
    assert "not committed yet (`git commit` failed: " in capsys.readouterr().out
    assert os.listdir() == ["mine"]
    staged = set(git("mine", "diff", "--cached", "--name-only").split())
    assert {"Snakefile", "rules/train.smk", "presets/quick.yaml", ".dvc/config", ".dvc/plots/costs.json"} <= staged
    assert not git("mine", "status", "--porcelain", "--untracked-files=all").count("??")
    assert Path("mine/requirements.in").read_text().startswith(VERSION)
    assert "package: requirements.in" in Path("mine/dvc.yaml").read_text()


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        (".", "FOLDER: '.' cannot be the name of a project"),
        ("..", "cannot be the name"),
        ("-x y", "cannot be the name"),
        ("full", "full: is there already, and no empty folder"),
        ("file", "file: is there already"),
        ("link", "link: is there already"),
        ("nowhere/mine", "nowhere: there is no such folder"),
        ("file/mine", "file: is no folder"),
        ("locked/mine", "locked: cannot be written"),
    ],
)
def test_what_cannot_be_made_is_refused(place, capsys, monkeypatch, folder, words):
    Path("full").mkdir()
    Path("full/mine.txt").touch()
    Path("file").touch()
    Path("link").symlink_to("nowhere")
    Path("locked").mkdir()
    access = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: Path(path).name != "locked" and access(path, mode)
    )  # also root
    before = sorted(place.rglob("*"))
    assert cli.main(["new", "--", folder]) == 1
    said = capsys.readouterr().err
    assert words in said
    assert "remedy: " in said
    assert sorted(place.rglob("*")) == before


def test_without_git_it_says_so(place, capsys, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert cli.main(["new", "mine"]) == 1
    assert "git is not installed\n  remedy: install it" in capsys.readouterr().err
    assert not os.listdir()


def test_a_failure_leaves_nothing(place, capsys, monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_COUNT", "x")  # no git command works
    assert cli.main(["new", "mine"]) == 1
    assert "`git init` failed: " in capsys.readouterr().err
    assert not os.listdir()
