"""Recording presets side by side."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from edgeprune.errors import EdgepruneError
from edgeprune.provenance import dvc

ROOT = Path(__file__).parents[1]


@pytest.fixture
def project(tmp_path):
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    return tmp_path


def test_default_preset_is_at_the_top_and_others_beside_their_results(project):
    assert dvc.pipeline_file("quick", project) == "dvc.yaml"
    assert dvc.pipeline_file("paper", project) == "results/paper/dvc.yaml"


def test_derived_pipeline_differs_in_its_variables_only(project):
    path = dvc.write_pipeline_file("paper", project)
    original = yaml.safe_load((ROOT / "dvc.yaml").read_text())
    derived = yaml.safe_load((project / path).read_text())
    assert derived.pop("vars") == [{"preset": "paper", "root": "../.."}]
    original.pop("vars")
    assert derived == original
    assert dvc.write_pipeline_file("quick", project) == "dvc.yaml"


def test_a_pipeline_without_its_variables_is_an_error(project):
    (project / "dvc.yaml").write_text("stages: {}\n")
    with pytest.raises(EdgepruneError, match="preset"):
        dvc.pipeline_file("paper", project)


def test_nothing_is_recorded_for_a_part_inside_dvc_or_without_it(project, monkeypatch):
    said = []
    monkeypatch.delenv("DVC_STAGE", raising=False)
    dvc.record_run("quick", complete=False, root=project, say=said.append)
    assert said == []
    dvc.record_run("quick", complete=True, root=project, say=said.append)
    assert "not a DVC project" in said.pop()
    (project / ".dvc").mkdir()
    monkeypatch.setenv("DVC_STAGE", "train")
    dvc.record_run("quick", complete=True, root=project, say=said.append)
    assert said == []


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
    run("dvc", "init", "--quiet")
    locks = {}
    for preset in ("quick", "paper"):
        (project / "results" / preset / "train").mkdir(parents=True)
        (project / "results" / preset / "train" / "metrics.json").write_text(f'{{"name": "{preset}"}}')
        dvc.record_run(preset, complete=True, root=project, say=print)
        lock = project / dvc.pipeline_file(preset, project).replace("yaml", "lock")
        locks[preset] = lock.read_text()
        assert f"results/{preset}/train" in locks[preset]
    assert (project / "dvc.lock").read_text() == locks["quick"]
    assert "up to date" in run("dvc", "status")
    plain = run("dvc", "repro")
    assert "paper" not in plain
    assert "up to date" in plain
