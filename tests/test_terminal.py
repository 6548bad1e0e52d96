"""What the commands print: within the terminal's width, names by both ends, and JSON where a script wants it."""

import json
import subprocess
import sys

import pytest

from edgeprune.cli import main
from edgeprune.reporting import terminal
from edgeprune.sampling.plan import Plan
from edgeprune.sampling.sample import sample
from helpers import synthetic_runs
from helpers.profiles import vgg16
from helpers.workflow import ROOT

DEEP = "a_network.with_an_encoder.of_many_stages.each_of_blocks.and_in_them.layers.conv_number"


@pytest.fixture
def files(tmp_path):
    """A profile whose layers have long names, and eight plans of a network."""
    long = synthetic_runs.profile("deep", [(f"{DEEP}.{i}.0", 3, 16, 3, 32) for i in range(3)], [(f"{DEEP}.9", 16, 10)])
    long.save(tmp_path / "profile.json")
    sample(long, method="dense").save(tmp_path / "long.json")
    vgg16().save(tmp_path / "vgg16.json")
    for index in range(8):
        sample(vgg16(), "FA", 0.1 * (index + 1), 0).save(tmp_path / f"plan-{index}.json")
    return tmp_path


@pytest.mark.parametrize("columns", [None, 72, 160])
def test_tables_fit_and_lose_nothing(files, capsys, monkeypatch, columns):
    if columns:
        monkeypatch.setenv("COLUMNS", str(columns))
    else:
        monkeypatch.delenv("COLUMNS", raising=False)
    plans = sorted(map(str, files.glob("plan-*.json")))
    for words in ([files / "profile.json"], [files / "long.json"], plans):
        assert main(["show", *map(str, words)]) == 0
        out = capsys.readouterr().out
        assert max(map(len, out.splitlines())) <= (columns or 100)
    for index, path in enumerate(plans):
        plan = Plan.load(path)
        assert f"FA {10 * (index + 1)}% seed 0" in out
        assert out.count(f"{-100 * plan.reduction['flops']:.1f} %") >= 1
    assert main(["show", str(files / "profile.json")]) == 0
    shown = [line.split()[0] for line in capsys.readouterr().out.splitlines() if "…" in line]
    assert len(set(shown)) == 4
    assert all(
        name.startswith("a_net") and name.endswith(end) for name, end in zip(shown, (".0.0", ".1.0", ".2.0", ".9"))
    )


def test_a_name_keeps_both_ends():
    assert terminal.shorten("features.12.conv.0", 11) == "featu…onv.0"
    assert len(terminal.shorten("x" * 30, 12)) == 12
    assert terminal.shorten("short", 5) == "short"


def test_why_a_layer_is_kept_stands_below_once(files, capsys):
    assert main(["show", str(files / "profile.json")]) == 0
    out = capsys.readouterr().out
    assert out.count("kept: ") == out.count("kept: its") <= 2


@pytest.mark.parametrize("width", [None, "60"])
def test_json_is_whole_whatever_the_width(files, capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", width or "100")
    plan = str(files / "long.json")
    assert main(["show", plan, "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found == json.loads((files / "long.json").read_text())
    assert main(["show", str(files / "profile.json"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads((files / "profile.json").read_text())
    assert main(["sample", str(files / "profile.json"), "--method", "dense", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == found
    assert main(["runtimes", "--json"]) == 0
    assert {"name": "fp32", "packages": {"onnxruntime": pytest.importorskip("onnxruntime").__version__}} in json.loads(
        capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["sample", "p.json", "--seed", "x"], "--seed: 'x' is not a whole number"),
        (["sample", "p.json", "--target", "lots"], "--target: 'lots' is not a number"),
        (["prune", "a.py:b", "plan.json", "--out", "x", "--seed", "1.5"], "--seed: '1.5' is not a whole number"),
        (["calibrate", "--device", "local", "--repeat", "0"], "--repeat: '0' is not a whole number of at least 1"),
    ],
)
def test_a_wrong_number_is_told_with_its_remedy(capsys, words, told):
    assert main(words) == 1
    said = capsys.readouterr().err
    assert told in said
    assert "remedy: e.g. --" in said
    assert "usage" not in said


def test_a_target_may_be_in_per_cent(files, capsys):
    out = str(files / "half.json")
    assert main(["sample", str(files / "vgg16.json"), "--target", "10%", "--out", out]) == 0
    assert Plan.load(out).target == 0.1


def test_a_reader_that_stops_early_is_no_error(files):
    command = f"{sys.executable} -m edgeprune show {files / 'vgg16.json'} --json | head -1"
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("{\n", "")
