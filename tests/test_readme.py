"""Every block of the README is run: here, or by the test that stands beside its command."""

import shlex
import subprocess

import pytest
import yaml

import edgeprune
from edgeprune.cli import main
from edgeprune.config.load import merge
from helpers import readme, synthetic_runs
from helpers.workflow import ROOT, TINY, Workspace

#: Beginning of a command, and what runs it.
RUN_BY = {
    "git clone": "every test in a Workspace begins with a clone",
    "make": "test_make.test_make_never_says_more_than_a_screen",
    "make test": "this suite",
    "edgeprune fit": "test_fit.test_from_a_folder_to_a_network",
    "edgeprune recommend": "test_recommend_as_it_stands",
    "snakemake --cores all --config preset=paper": "test_the_papers_grid_is_planned",
}


def test_every_command_is_run_somewhere():
    assert set(readme.commands()) == {command for start in RUN_BY for command in readme.commands(start)}
    assert {language for language, _ in readme.blocks()} == {"console", "python", "yaml"}
    targets = shlex.split(
        subprocess.run(["make", "-n", "-o", "env-dev", "test"], cwd=ROOT, capture_output=True, text=True).stdout
    )
    assert "pytest" in targets


def test_the_network(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_network.py").write_text(readme.network())
    assert main(["profile", "my_network.py:build", "--input", "3x32x32"]) == 0


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


def test_configuration(workspace):
    """The blocks of YAML go into config.yaml as they stand."""
    path = workspace.root / "config.yaml"
    config = yaml.safe_load(path.read_text())
    for language, code in readme.blocks():
        config = merge(config, yaml.safe_load(code)) if language == "yaml" else config
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    (workspace.root / "my_network.py").write_text(readme.network())
    pairs = [{"network": "mine", "dataset": "digits"}]
    workspace.write_preset(
        "quick", {**TINY, "pairs": pairs, "references": {"dense": {}}, "measure_on": ["local", "pi"]}
    )
    assert "profile_network" in workspace.snakemake("-n")


def test_the_papers_grid_is_planned(workspace):
    (command,) = readme.commands("snakemake")
    assert "528" in workspace.run(*shlex.split(command), "-n", "--quiet", "rules")


def test_recommend_as_it_stands(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    synthetic_runs.grid(tmp_path / "results/quick", places=[("local", "fp32")])
    (command,) = readme.commands("edgeprune recommend")
    assert main(shlex.split(command)[1:]) in (0, 3)  # 3: nothing satisfies
    assert "Wanted on local" in capsys.readouterr().out


def test_names_from_python():
    for name in ("profile", "sample", "prune"):
        assert callable(getattr(edgeprune, name))
