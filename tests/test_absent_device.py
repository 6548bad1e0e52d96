"""A grid on a device that is not there: the rest gets done, it is told of, and made up for later."""

import json
import sys
from importlib.util import find_spec

import pytest

from edgeprune.cli import main
from edgeprune.errors import EdgepruneError
from edgeprune.measuring import absence
from edgeprune.measuring.measure import VERSION
from edgeprune.reporting import columns
from helpers.sshserver import Server, find_server
from helpers.workflow import BRIEF, TINY, Workspace


def write(path, **values):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))
    return path


@pytest.fixture
def results(tmp_path):
    lost = {"unreachable": True, "reasons": {"unreachable": "devices.pi.host: nothing listens there"}}
    folder = tmp_path / "results/quick"
    for device, run, value in (
        ("pi", "a", lost),
        ("pi", "b", lost),
        ("pi", "c", {"unreachable": False}),
        ("board", "a", lost),
        ("local", "a", {"version": VERSION}),
    ):
        write(folder / f"measure_model/{device}/fp32/vgg8/digits/{run}/seed-0.json", **value)
    return folder


def left(folder):
    return sorted("/".join(p.relative_to(folder / "measure_model").parts[::4]) for p in folder.rglob("*.json"))


def test_remeasure_removes_only_what_was_not_measured(results, capsys):
    assert main(["remeasure", "--results", str(results), "--device", "pi"]) == 0
    assert left(results) == ["board/a", "local/a", "pi/c"]
    said = capsys.readouterr().out
    assert "pi: 2 measurements" in said
    assert "preset=quick" in said
    assert main(["remeasure", "--results", str(results)]) == 0
    assert left(results) == ["local/a", "pi/c"]
    assert main(["remeasure", "--results", str(results)]) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert main(["remeasure", "--results", str(results.parent)]) == 1


def test_remeasure_removes_what_is_of_an_earlier_version_and_all_if_asked(results, capsys):
    write(results / "measure_model/local/fp32/vgg8/digits/b/seed-0.json", version=VERSION - 1)
    assert main(["remeasure", "--results", str(results), "--device", "local"]) == 0
    assert left(results) == ["board/a", "local/a", "pi/a", "pi/b", "pi/c"]
    assert main(["remeasure", "--results", str(results), "--device", "local", "--all"]) == 0
    assert left(results) == ["board/a", "pi/a", "pi/b", "pi/c"]


def test_a_measurement_of_an_earlier_version_is_refused_with_the_command(tmp_path):
    path = write(tmp_path / "m.json", format="edgeprune.measurement", version=VERSION - 1)
    with pytest.raises(EdgepruneError, match=f"version {VERSION - 1}, this program reads {VERSION}") as caught:
        columns.load(path, "edgeprune.measurement")
    assert "edgeprune remeasure" in caught.value.remedy


def test_the_notice_names_devices_causes_and_the_command(results):
    said = absence.notice(results, ["local", "pi"])
    assert "device pi: not there for 2 measurements" in said
    assert "nothing listens there" in said
    assert f"edgeprune remeasure --results {results} --device pi" in said
    assert "board" not in said
    assert absence.notice(results, ["local"]) == ""
    assert absence.notice(results.parent / "none") == ""


def test_a_runtime_that_a_device_has_not_is_told_and_made_up_for_alike(results, capsys):
    lost = {"unsupported": True, "reasons": {"unsupported": "openvino: install openvino for python3"}}
    write(results / "measure_model/pi/openvino-fp32/vgg8/digits/a/seed-0.json", **lost)
    said = absence.notice(results, ["pi"])
    assert "device pi (openvino-fp32): not there for 1 measurement, without numbers now\n  openvino: install" in said
    assert said.count("--device pi`") == 2
    assert main(["remeasure", "--results", str(results), "--device", "pi"]) == 0
    assert "pi (openvino-fp32): 1 measurement" in capsys.readouterr().out
    assert absence.notice(results, ["pi"]) == ""


def test_a_workflow_goes_on_without_a_device_or_a_runtime_and_makes_up_for_it_later(tmp_path):
    find_server()
    server = Server(tmp_path / "server")
    workspace = Workspace(tmp_path / "workspace")
    grid = {
        **TINY,
        "pairs": TINY["pairs"][:1],
        "references": {"dense": {}},
        "figures": ["tradeoff"],
        "measure_on": ["local", "board"],
        "recipes": {"vgg8": {"epochs": 1, "warmup_epochs": 0}},
        "devices": {
            "local": {**BRIEF, "runtimes": ["fp32", "openvino-fp32"]},
            "board": {**server.settings, **BRIEF, "python": sys.executable},
        },
    }
    workspace.write_preset("quick", grid)
    said = workspace.snakemake()
    other = workspace.root / "results/quick/measure_model/local/openvino-fp32/vgg8/digits/dense/seed-0.json"
    lacks = find_spec("openvino") is None
    assert ("install openvino" in json.loads(other.read_text())["reasons"].get("unsupported", "")) == lacks
    assert ("device local (openvino-fp32): not there for 2 measurements" in said) == lacks
    board = workspace.root / "results/quick/measure_model/board/fp32/vgg8/digits/dense/seed-0.json"
    measured = json.loads(board.read_text())
    assert measured["unreachable"]
    assert measured["latency_ms"] is measured["speedup"] is None
    assert "nothing listens" in measured["reasons"]["unreachable"]
    assert "device board: not there for 2 measurements" in said
    for picture in ("tradeoff.png", "tradeoff.svg"):
        assert (workspace.root / "results/quick/draw_figures/vgg8/digits" / picture).stat().st_size > 1000
    assert "Nothing to be done" in workspace.snakemake()
    try:
        server.start()
        workspace.run("edgeprune", "remeasure", "--results", "results/quick", "--device", "board")
        said = workspace.snakemake()
    finally:
        server.stop()
    assert "device board" not in said
    assert json.loads(board.read_text())["latency_ms"]["p50"] > 0
