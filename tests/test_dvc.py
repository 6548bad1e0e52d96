"""Recording presets side by side."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from edgeprune.errors import EdgepruneError
from edgeprune.provenance import dvc, inputs
from snakeledger.record import record

ROOT = Path(__file__).parents[1]


@pytest.fixture
def project(tmp_path):
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    return tmp_path


def test_default_preset_is_at_the_top_and_others_beside_their_results(project):
    quick, paper = (dvc.pipeline(preset, project) for preset in ("quick", "paper"))
    assert (quick.path, quick.lock) == ("dvc.yaml", "dvc.lock")
    assert (paper.path, paper.lock) == ("results/paper/dvc.yaml", "results/paper/dvc.lock")
    assert [p.replace("paper", "quick") for p in paper.ledgers] == list(quick.ledgers)


def test_derived_pipeline_differs_in_its_variables_only(project):
    before = (project / "dvc.yaml").read_bytes()
    for preset in ("quick", "paper"):
        dvc.pipeline(preset, project).derive()
    assert (project / "dvc.yaml").read_bytes() == before
    original = yaml.safe_load((ROOT / "dvc.yaml").read_text())
    derived = yaml.safe_load((project / "results/paper/dvc.yaml").read_text())
    assert derived.pop("vars") == [{"preset": "paper", "root": "../..", "package": "edgeprune"}]
    del original["vars"], original["artifacts"]
    assert derived == original


def test_a_pipeline_without_its_variables_is_an_error(project):
    (project / "dvc.yaml").write_text("stages: {}\n")
    with pytest.raises(EdgepruneError, match="preset"):
        dvc.pipeline("paper", project)


def test_nothing_is_recorded_inside_dvc_or_without_it(project, monkeypatch):
    said = []
    monkeypatch.delenv("DVC_STAGE", raising=False)
    record(dvc.pipeline("quick", project), say=said.append)
    assert "not a DVC project" in said.pop()
    (project / ".dvc").mkdir()
    monkeypatch.setenv("DVC_STAGE", "train")
    record(dvc.pipeline("quick", project), say=said.append)
    assert said == []


def test_what_the_command_line_changed_is_not_recorded(project, monkeypatch):
    monkeypatch.delenv("DVC_STAGE", raising=False)
    (project / ".dvc").mkdir()
    said = []
    record(dvc.pipeline("quick", project), overridden=["modes"], say=said.append)
    assert "not recorded" in said[0]
    assert "modes" in said[0]
    assert len(said) == 1


@pytest.mark.parametrize(
    ("status", "stderr", "told"),
    [
        (-15, "WARNING: 'results/x' is empty.", "dvc: not recorded: `dvc commit` was ended by SIGTERM\n"),
        (1, "WARNING: 'results/x' is empty.\nERROR: no space", "dvc: not recorded: ERROR: no space\n"),
        (1, "WARNING: 'results/x' is empty.", "dvc: not recorded: `dvc commit` failed\n"),
    ],
)
def test_a_commit_that_was_ended_says_so_and_not_what_it_warned_of(project, monkeypatch, status, stderr, told):
    monkeypatch.delenv("DVC_STAGE", raising=False)
    (project / ".dvc").mkdir()
    done = subprocess.CompletedProcess([], status, "", stderr)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    said = []
    assert not record(dvc.pipeline("quick", project), say=said.append)
    assert said[0].startswith(told)


def test_results_that_the_grid_no_longer_makes_are_told_of(project, monkeypatch):
    monkeypatch.delenv("DVC_STAGE", raising=False)
    (project / ".dvc").mkdir()
    said = []
    record(dvc.pipeline("quick", project), orphans=["results/quick/old.json"], say=said.append)
    assert "results/quick/old.json" in said[0]


def test_the_users_own_files_are_found_and_missing_ones_named(project, monkeypatch):
    (project / "my-images").mkdir()
    config = {
        "pairs": [{"network": "vgg8", "dataset": "mine"}],
        "networks": {"vgg8": {"factory": "edgeprune.networks.vgg:vgg8"}},
        "datasets": {"mine": {"source": "images", "path": "my-images"}},
    }
    assert inputs.of_user(config, project) == ["my-images"]
    assert not dvc.pipeline("quick", project).lists("my-images")
    assert dvc.pipeline("paper", project).lists("rules/fetch.smk")
    config["datasets"]["mine"]["path"] = "other"
    with pytest.raises(EdgepruneError, match=r"datasets\.mine\.path"):
        inputs.of_user(config, project)


def test_an_edited_image_changes_the_listing(tmp_path):
    (tmp_path / "train" / "cat").mkdir(parents=True)
    (tmp_path / "train" / "cat" / "1.png").write_bytes(b"a")
    before = inputs.listing(tmp_path)
    assert inputs.listing(tmp_path) == before
    (tmp_path / "train" / "cat" / "1.png").write_bytes(b"bc")
    edited = inputs.listing(tmp_path)
    (tmp_path / "train" / "cat" / "2.png").write_bytes(b"a")
    assert len({before, edited, inputs.listing(tmp_path)}) == 3


def test_recording_a_second_preset_leaves_the_first(project, monkeypatch):
    """Real DVC on a pipeline of one stage."""
    monkeypatch.delenv("DVC_STAGE", raising=False)
    (project / "dvc.yaml").write_text(
        "vars:\n  - preset: quick\n    root: .\nstages:\n  train:\n    wdir: ${root}\n    cmd: 'true'\n"
        "    outs:\n      - results/${preset}/train: {persist: true}\n"
    )

    def run(*args):
        return subprocess.run(
            [sys.executable, "-m", *args], cwd=project, check=True, capture_output=True, text=True
        ).stdout

    subprocess.run(["git", "init", "--quiet", "."], cwd=project, check=True)
    shutil.copy(ROOT / ".gitignore", project)  # DVC leaves out what it takes for ignored
    run("dvc", "init", "--quiet")
    locks = {}
    for preset in ("quick", "paper"):
        (project / "results" / preset / "train").mkdir(parents=True)
        (project / "results" / preset / "train" / "metrics.json").write_text(f'{{"name": "{preset}"}}')
        record(dvc.pipeline(preset, project), say=print)
        lock = project / dvc.pipeline(preset, project).lock
        locks[preset] = lock.read_text()
        assert f"results/{preset}/train" in locks[preset]
    assert (project / "dvc.lock").read_text() == locks["quick"]
    listed = run("dvc", "stage", "list", "--all", "--name-only").split()
    assert sorted(listed) == ["results/paper/dvc.yaml:train", "train"]
    assert "up to date" in run("dvc", "repro", "results/paper/dvc.yaml")
    assert "up to date" in run("dvc", "status")
    plain = run("dvc", "repro")
    assert "paper" not in plain
    assert "up to date" in plain
