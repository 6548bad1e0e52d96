"""Calibration of a device: coverage, resolution, and how a measurement gets it."""

import json
import math

import numpy
import pytest

from edgeprune.cli import main
from edgeprune.errors import EdgepruneError
from edgeprune.measuring import calibration, resolution
from edgeprune.measuring.measure import measure
from edgeprune.measuring.standalone.interval import ratio_interval
from edgeprune.measuring.standalone.rounds import ROUNDS
from test_measuring import FAST, write_model


def simulated(random, count, truth=1.0, spread=0.02, apart=0.0):
    """Measurements whose rounds differ by ``spread`` and which differ by ``apart`` themselves."""
    found = []
    for shift in random.normal(0, apart, count):
        ratios = [truth * math.exp(shift + spread * value) for value in random.normal(size=ROUNDS)]
        speedup, low, high = ratio_interval(ratios)
        found.append({"speedup_rounds": ratios, "speedup": speedup, "speedup_low": low, "speedup_high": high})
    return found


def test_a_difference_of_the_resolution_is_told_nine_times_of_ten():
    random = numpy.random.default_rng(0)
    found = calibration.summary(simulated(random, 400))
    assert found["covered"] / found["measurements"] == pytest.approx(0.95, abs=0.03)
    assert found["resolution"] == pytest.approx(3.78 * 0.02 / math.sqrt(8), rel=0.1)
    slower = simulated(random, 400, truth=1 / (1 + found["resolution"]))
    assert sum(each["speedup_high"] < 1 for each in slower) / 400 == pytest.approx(0.9, abs=0.04)


def test_measurements_that_differ_by_more_than_their_rounds_tell_have_less_resolution():
    random = numpy.random.default_rng(0)
    found = calibration.summary(simulated(random, 100, spread=0.005, apart=0.02))
    assert found["covered"] < 60
    assert found["resolution"] > 0.06


def test_the_command_writes_what_measurements_then_carry(tmp_path, monkeypatch, capsys):
    model = write_model(tmp_path / "m.onnx", 4)
    (tmp_path / "presets").mkdir()
    device = FAST | {"seconds": 0.02, "iterations": 8}
    monkeypatch.setattr("edgeprune.config.load.effective", lambda *ignored: {"devices": {"here": device}})
    words = ["calibrate", "--results", str(tmp_path), "--device", "here", "--repeat", "2"]
    assert main(words) == 1
    assert "holds no dense network" in capsys.readouterr().err
    assert main([*words, "--models", str(model)]) == 0
    assert "of 2 intervals" in capsys.readouterr().out
    path = tmp_path / "calibrate_device/here.json"
    written = json.loads(path.read_text())
    assert written["resolution"] > 0
    assert len(written["speedups"]) == written["measurements"] == 2
    measured = measure("here", device, model, model, calibration=path)
    assert measured["resolution"] == written["resolution"]
    assert "resolution" not in measured["reasons"]
    other = measure("here", device | {"seconds": 0.03}, model, None, calibration=path)
    assert other["resolution"] is None
    assert "calibrated with seconds 0.02, this is 0.03" in other["reasons"]["resolution"]
    never = measure("here", device, model, None, calibration=tmp_path / "none.json")
    assert "edgeprune calibrate --device here" in never["reasons"]["resolution"]


def test_what_is_no_calibration_is_refused(tmp_path):
    path = tmp_path / "c.json"
    path.write_text("{}")
    with pytest.raises(EdgepruneError, match="is no edgeprune"):
        resolution.read(path, "here", {})


def test_a_folder_that_is_not_there_is_blamed_itself(capsys):
    assert main(["calibrate", "--device", "local", "--results", "results/nosuch"]) == 1
    said = capsys.readouterr().err
    assert "results/nosuch: --results: there is no such folder" in said
    assert "--config" not in said
