"""`make` on a terminal and without one: how much it says, and what its last screen holds."""

import dataclasses
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import yaml

from edgeprune.config.load import effective, read_yaml
from edgeprune.reporting import answer
from helpers import synthetic_runs
from helpers.workflow import ROOT, TINY, Workspace

sys.path += [str(ROOT / "docs"), str(ROOT / "scripts")]

import recording
import say_results


@pytest.fixture
def made(monkeypatch):
    """A folder with made-up results that `make` could have left; its name is as short as people's, its URL counts."""
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.chdir(folder)
        yield _made(Path(folder))
        monkeypatch.undo()


def _made(folder):
    results = Path("results/demo")
    synthetic_runs.grid(results, places=[("local", "fp32")])
    shutil.copytree(ROOT / "presets", "presets")
    shutil.copy(ROOT / "config.yaml", "config.yaml")
    config = effective(folder) | {"limits": {"model-size": "3MB"}}  # the preset's are for its own networks
    (results / "config.yaml").write_text(yaml.safe_dump(config))
    (results / "draw_figures").mkdir()
    for name in ("draw_figures/results.md", "index.html"):
        (results / name).write_text("")
    return results


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_last_screen_fits(made, capsys, monkeypatch, count):
    (one,) = answer.answers(made, read_yaml(made / "config.yaml"))
    other = dataclasses.replace(one, command="another")
    monkeypatch.setattr(answer, "answers", lambda *_: [one] + (count - 1) * [other])
    say_results.main(["--results", str(made)])
    said = capsys.readouterr().out
    assert say_results.rows(said.splitlines()) <= 22
    for words in (one.asked, f"Take {one.row['network']} {one.row['variant']}", one.model["onnx"], "index.html"):
        assert words in said
    assert said.splitlines()[-1].strip() == one.command
    assert ("Best on validation" in said) == (count == 1)
    assert "and, in the report: " in said or count < 5


def test_without_results_it_names_what_is_missing(made, capsys):
    (made / "index.html").unlink()
    with pytest.raises(Exception, match=r"index\.html: was not made"):
        say_results.main(["--results", str(made)])


@pytest.mark.skipif(not shutil.which("make"), reason="there is no make")
def test_make_never_says_more_than_a_screen(tmp_path):
    workspace = Workspace(tmp_path)
    workspace.write_preset("quick", {**TINY, "pairs": TINY["pairs"][:1], "references": {"dense": {}}})
    (tmp_path / ".venv").symlink_to(sys.prefix)
    screen = recording.Screen()
    status, frames = recording.run(["make", "-o", "env"], screen, cwd=tmp_path)
    assert status == 0, screen.text()
    shown = "\n".join(text for _, text in frames)
    first = next(text for _, text in frames).partition("\n")[0]
    assert all(text.startswith(first) for _, text in frames if "Take vgg8" not in text)  # nothing has left at the top
    assert re.search(r"train_network vgg8/digits/dense/seed-0\n +epoch [12]/2 .* images/s", shown)
    last = screen.text()
    assert "Take vgg8 " in last
    unwrapped = last.replace("\n", "")
    assert "results/quick/index.html" in unwrapped
    assert "edgeprune recommend --results results/quick" in unwrapped
    log = min((tmp_path / ".snakemake/log").glob("*.log"))  # a later one is of the report
    assert log.read_text().count("rule train_network:") == 2
    again = subprocess.run(["make", "-o", "env"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "Nothing to be done" in again.stderr
    assert len((again.stderr + again.stdout).splitlines()) < 30
    verbose = subprocess.run(
        ["make", "-o", "env", "VERBOSE=1"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "Building DAG of jobs" in verbose.stderr
