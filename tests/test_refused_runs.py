"""What `snakemake` and `make` say of a configuration or a folder that they cannot work with."""

import os
import shutil
import subprocess
import sys

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
    if not (workspace.root / ".venv").exists():
        (workspace.root / ".venv").symlink_to(sys.prefix)
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


def test_an_unknown_figure_is_told_likewise(undone):
    undone.edit("presets/quick.yaml", "figures: []", "figures: [tradeof]")
    said = undone.snakemake("-n", ok=False)
    assert_told_once(said, "error: figures: there is no figure 'tradeof' (did you mean 'tradeoff'?)")


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


@pytest.fixture
def locked(undone):
    """A lock that a killed run left."""
    lock = undone.root / ".snakemake/locks/0.output.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.write_text("results/quick/config.yaml\n")
    yield undone
    lock.unlink()


@pytest.mark.skipif(not shutil.which("make"), reason="there is no make")
def test_make_blames_no_lock_for_a_wrong_key(locked):
    locked.edit("presets/quick.yaml", "modes:", "mods:")
    assert_told_once(make(locked), "error: presets/quick.yaml: mods: unknown key")


@pytest.mark.skipif(not shutil.which("make"), reason="there is no make")
def test_make_says_how_to_unlock_a_locked_folder(locked):
    for _ in range(2):  # nothing says that it is not another machine's
        said = make(locked)
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


def read_only(workspace, bound, paths, *targets):
    """What a run of ``targets`` says where nothing may be written at ``paths``."""
    modes = {path: path.stat().st_mode for path in paths}
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    command = [*bound, sys.executable, "-m", "snakemake", "--cores", "1", *targets]
    try:
        done = subprocess.run(command, cwd=workspace.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    finally:
        for path, mode in modes.items():
            path.chmod(mode)
    assert done.returncode == 1
    assert not list((workspace.root / ".snakemake").glob("locks/*"))
    return done.stdout


def test_results_that_cannot_be_written_are_told_before_the_first_job(undone, bound):
    said = read_only(undone, bound, [undone.root / "results"], "store_config")
    assert_told_once(said, "error: results: cannot be written: Permission denied")


def test_results_that_cannot_be_written_are_told_before_snakemake_speaks_of_protected_files(undone, bound):
    undone.snakemake("store_config")
    results = undone.root / "results/quick"
    undone.edit("presets/quick.yaml", "title:", "title: Another\n#")
    said = read_only(undone, bound, [results, *results.rglob("*")], "store_config")
    assert_told_once(said, "error: results/quick: cannot be written: Permission denied")
    assert "Protected" not in said
    shutil.rmtree(results)


@pytest.mark.parametrize("folder", ["results", "logs"])
def test_a_file_where_a_folder_is_wanted_is_told_once(undone, folder):
    place = undone.root / folder / "quick"
    place.parent.mkdir(exist_ok=True)
    shutil.rmtree(place, ignore_errors=True)
    place.write_text("")
    said = undone.snakemake("store_config", ok=False)
    place.unlink()
    assert_told_once(said, f"error: {folder}/quick: is no folder")


def test_a_networks_file_that_is_missing_is_told_once_with_the_networks_key(undone):
    undone.edit("presets/quick.yaml", "title:", "networks: {vgg8: {factory: 'gone.py:build'}}\ntitle:")
    assert_told_once(undone.snakemake("-n", ok=False), "gone.py: networks.vgg8.factory: cannot be read: No such file")


def test_jobs_left_in_a_queue_are_told_once(undone, tmp_path):
    squeue = tmp_path / "squeue"
    squeue.write_text(f"#!/bin/sh\necho '7|RUNNING|me|edgeprune_1|{undone.root}'\n")
    squeue.chmod(0o755)
    (undone.root / "state").mkdir(exist_ok=True)
    (undone.root / "state/cluster.json").write_text("{}")
    said = undone.snakemake("store_config", ok=False, PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    (undone.root / "state/cluster.json").unlink()
    assert_told_once(said, "error: 1 jobs of this folder are in Slurm's queue")
