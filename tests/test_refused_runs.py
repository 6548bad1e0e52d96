"""What `snakemake` and `make` say of a configuration or a folder that they cannot work with."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.workflow import Workspace


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    return Workspace(tmp_path_factory.mktemp("fresh"))


@pytest.fixture
def undone(fresh):
    yield fresh
    fresh._git(fresh.root, "checkout", "--quiet", ".")


def make(workspace, *arguments):
    """`make` with this environment for the workspace's own."""
    (workspace.root / ".venv").mkdir(exist_ok=True)
    if not (workspace.root / ".venv/bin").exists():
        (workspace.root / ".venv/bin").symlink_to(Path(sys.executable).parent)
    command = ["make", "-o", "env", *arguments]
    done = subprocess.run(command, cwd=workspace.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode
    return done.stdout


def assert_told_once(said, words):
    assert said.count(words) == 1, said
    assert said.count("remedy:") == 1
    for noise in (".smk", "Traceback", "WorkflowError", "locked"):
        assert noise not in said


def test_wrong_key_is_told_once_and_without_the_workflows_own_lines(undone):
    undone.edit("presets/quick.yaml", "modes:", "mods:")
    assert_told_once(undone.snakemake("-n", ok=False), "error: presets/quick.yaml: mods: unknown key")


def test_broken_yaml_is_told_likewise(undone):
    (undone.root / "config.yaml").write_text("a: [b\nc: 1\n")
    assert_told_once(undone.snakemake("-n", ok=False), "config.yaml: is not valid YAML: line 2")


def test_images_that_are_not_there_are_told_likewise(undone):
    digits = "datasets: {digits: {source: images, task: classification, path: /nowhere}}\n"
    undone.edit("presets/quick.yaml", "title:", f"{digits}title:")
    assert_told_once(undone.snakemake("-n", ok=False), "error: datasets.digits.path: there is no '/nowhere'")


@pytest.mark.skipif(not shutil.which("make"), reason="there is no make")
def test_make_guesses_no_locked_folder(undone):
    undone.edit("presets/quick.yaml", "modes:", "mods:")
    assert_told_once(make(undone), "error: presets/quick.yaml: mods: unknown key")


@pytest.mark.skipif(not shutil.which("make"), reason="there is no make")
def test_make_says_how_to_unlock_a_locked_folder(undone):
    locks = undone.root / ".snakemake/locks"
    locks.mkdir(parents=True, exist_ok=True)
    (locks / "0.output.lock").write_text("results/quick/config.yaml\n")
    said = make(undone)
    (locks / "0.output.lock").unlink()
    assert "cannot be locked" in said
    assert "make unlock" in said


@pytest.fixture
def bound():
    """How a command begins that permissions bind: root passes them all unless it gives that up."""
    if os.geteuid():
        return []
    words = ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner", "--inh-caps=-all"]
    if not shutil.which("setpriv") or subprocess.run([*words, "true"], capture_output=True).returncode:
        pytest.skip("root cannot give up its rights here")
    return words


def test_results_that_cannot_be_written_are_told_before_the_first_job(undone, bound):
    results = undone.root / "results"
    results.chmod(0o555)
    command = [*bound, sys.executable, "-m", "snakemake", "--cores", "1", "store_config"]
    try:
        done = subprocess.run(command, cwd=undone.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    finally:
        results.chmod(0o755)
    assert done.returncode == 1
    assert_told_once(done.stdout, "error: results: cannot be written: Permission denied")
    assert not list((undone.root / ".snakemake").glob("locks/*"))
