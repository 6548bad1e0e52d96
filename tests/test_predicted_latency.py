"""Predicted beside measured latency: the rows, the mean error, the figure, and what is refused."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from edgeprune.errors import EdgepruneError
from edgeprune.plotting import prediction, style
from edgeprune.sampling.sample import sample
from helpers import tables
from helpers.profiles import ALL

SCRIPT = Path(__file__).parents[1] / "scripts" / "draw_figure.py"
OFF = {"dense": 1.0, "LA-0.50": 1.1, "FA-0.50": 0.8}  # measured / predicted


@pytest.fixture
def grid(tmp_path):
    """``(table, profile, plans, measurements)``: files of three made-up runs and one that was not measured."""
    profile = ALL["vgg16"]()
    profile.save(tmp_path / "profile.json")
    table = tables.write(tmp_path / "table.json", profile, tables.products, device="board")
    plans, measurements = [], []
    for variant, off in {**OFF, "MA-0.50": None}.items():
        mode, target = (None, None) if variant == "dense" else (variant[:2], 0.5)
        plan = sample(profile, method="dense") if mode is None else sample(profile, mode, target, table=table)
        plan.save(tmp_path / f"{variant}.json")
        said = prediction.latency(profile, table, plan.widths)
        run = {"network": "vgg16", "dataset": "cifar10", "variant": variant, "method": plan.method, "mode": mode}
        value = {"format": "edgeprune.measurement", "device": "board", "run": {**run, "target": target, "seed": 0}}
        value["latency_ms"] = {"p50": said * off} if off else None
        (tmp_path / f"{variant}.measured.json").write_text(json.dumps(value))
        plans.append(tmp_path / f"{variant}.json")
        measurements.append(tmp_path / f"{variant}.measured.json")
    return tmp_path / "table.json", tmp_path / "profile.json", plans, measurements


def test_rows_and_mean_error_are_those_of_the_runs(grid):
    rows = prediction.read(*grid)
    assert [row["variant"] for row in rows] == ["dense", "FA-0.50", "LA-0.50"]
    for row in rows:
        assert row["measured_ms"] == pytest.approx(OFF[row["variant"]] * row["predicted_ms"])
        assert row["error"] == pytest.approx(1 / OFF[row["variant"]] - 1, abs=1e-9)
    wanted = (0 + abs(1 / 1.1 - 1) + abs(1 / 0.8 - 1)) / 3
    assert prediction.mean_error(rows) == pytest.approx(wanted)
    said = prediction.caption("vgg16", "cifar10", "board", rows)
    assert f"{100 * wanted:.1f} %" in said
    assert "Largest: FA-0.50 of seed 0" in said
    assert "(+25.0 %)" in said


def test_a_drift_of_the_machine_is_no_error_of_the_prediction(grid):
    """Each measured at another state of the machine, beside a dense network that is as slow."""
    for slower, path in enumerate(grid[3], 1):
        value = json.loads(path.read_text())
        if value["latency_ms"]:
            speedup = 2 / value["latency_ms"]["p50"]
            value |= {"speedup": speedup, "speedup_low": 0.9 * speedup, "speedup_high": 1.1 * speedup}
            value["reference"] = {"latency_ms": {"p50": {1: 1.0, 2: 2.0, 3: 4.0}[slower]}}
            value["latency_ms"]["p50"] = 17.0
            path.write_text(json.dumps(value))
    for row in prediction.read(*grid):
        assert row["measured_ms"] == 17.0
        assert row["error"] == pytest.approx(1 / OFF[row["variant"]] - 1)


def test_figure_shows_each_run_and_states_the_error(grid):
    rows = prediction.read(*grid)
    drawn = prediction.draw(rows)
    axes = drawn.axes[0]
    points = {tuple(map(float, line.get_xydata()[0])) for line in axes.lines if len(line.get_xydata()) == 1}
    factor = max(x for x, _ in points) / max(row["predicted_ms"] for row in rows)
    for row in rows:
        wanted = (row["predicted_ms"] * factor, row["latency_ms"] * factor)
        assert any(point == pytest.approx(wanted) for point in points)
    assert any("mean absolute error 11.4 %" in text.get_text() for text in axes.texts)
    style.save(drawn)


def test_script_writes_the_figure_its_data_and_its_caption(grid, tmp_path):
    table, profile, plans, measurements = grid
    out = {kind: tmp_path / f"figure.{kind}" for kind in ("svg", "png", "csv", "caption")}
    command = [
        sys.executable,
        SCRIPT,
        "prediction",
        "--table",
        table,
        "--profile",
        profile,
        "--plans",
        *plans,
        "--measurements",
    ]
    command += [*measurements, "--network", "vgg16", "--dataset", "cifar10", "--device", "board"]
    for kind, path in out.items():
        command += [f"--out-{kind}", path]
    subprocess.run(command, check=True)
    with open(out["csv"], newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["variant"] for row in rows] == ["dense", "FA-0.50", "LA-0.50"]
    assert all(path.stat().st_size > 100 for path in out.values())


def test_refusals(grid):
    table, profile, plans, measurements = grid
    with pytest.raises(EdgepruneError, match="whose plan was not given"):
        prediction.read(table, profile, plans[1:], measurements)
    value = json.loads(measurements[0].read_text())
    measurements[0].write_text(json.dumps({**value, "device": "another"}))
    with pytest.raises(EdgepruneError, match="measurement on board"):
        prediction.read(table, profile, plans, measurements)
    assert "No run was measured" in prediction.caption("n", "d", "board", [])
    style.save(prediction.draw([]))
