"""Predicted beside measured latency: the rows, the mean error, the figure, and what is refused."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from edgeprune import identity
from edgeprune.errors import EdgepruneError
from edgeprune.plotting import prediction, style
from edgeprune.reporting import columns, latency, table
from edgeprune.sampling.sample import sample
from helpers import tables
from helpers.profiles import ALL

SCRIPT = Path(__file__).parents[1] / "scripts" / "draw_figure.py"
OFF = {"dense": 1.0, "LA-0.50": 1.1, "FA-0.50": 0.8}  # measured / predicted


@pytest.fixture
def grid(tmp_path):
    """``(table, profile, plans, rows)``: files, and the rows of three made-up runs and of one that was not measured."""
    profile = ALL["vgg16"]()
    profile.save(tmp_path / "profile.json")
    costs = tables.write(tmp_path / "table.json", profile, tables.products, device="board")
    plans, rows = [], []
    for variant, off in {**OFF, "MA-0.50": None}.items():
        mode, target = (None, None) if variant == "dense" else (variant[:2], 0.5)
        plan = sample(profile, method="dense") if mode is None else sample(profile, mode, target, table=costs)
        plan.save(tmp_path / f"{variant}.json")
        said = prediction.latency(profile, costs, plan.widths)
        run = {"network": "vgg16", "dataset": "cifar10", "variant": variant, "method": plan.method, "mode": mode}
        run |= {"target": target, "seed": 0, "task": "classification", "device": "board", "runtime": "fp32"}
        run |= {"measurement_file": f"{variant}.json", "latency_p50_ms": said * off if off else None}
        plans.append(tmp_path / f"{variant}.json")
        rows.append(columns.UNMEASURED | identity.completed(run))
    return tmp_path / "table.json", tmp_path / "profile.json", plans, latency.comparable(rows)


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
    drifted = []
    for beside, row in zip((1.0, 2.0, 4.0, None), grid[3]):
        speedup = 2 / row["latency_p50_ms"] if beside else None
        ends = {"speedup_low": 0.9 * speedup, "speedup_high": 1.1 * speedup} if beside else {}
        told = {"speedup": speedup, "dense_latency_ms": beside, "latency_p50_ms": 17.0 if beside else None}
        drifted.append(row | told | ends)
    for row in prediction.read(*grid[:3], latency.comparable(drifted)):
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
    costs, profile, plans, rows = grid
    (tmp_path / "runs.csv").write_text(table.to_csv(rows))
    out = {kind: tmp_path / f"figure.{kind}" for kind in ("svg", "png", "csv", "caption")}
    command = [
        sys.executable,
        SCRIPT,
        "prediction",
        "--table",
        costs,
        "--profile",
        profile,
        "--plans",
        *plans,
        "--runs",
    ]
    command += [tmp_path / "runs.csv", "--network", "vgg16", "--dataset", "cifar10", "--device", "board"]
    for kind, path in out.items():
        command += [f"--out-{kind}", path]
    subprocess.run(command, check=True)
    with open(out["csv"], newline="") as stream:
        drawn = list(csv.DictReader(stream))
    assert [row["variant"] for row in drawn] == ["dense", "FA-0.50", "LA-0.50"]
    assert all(path.stat().st_size > 100 for path in out.values())


def test_refusals(grid):
    costs, profile, plans, rows = grid
    with pytest.raises(EdgepruneError, match="whose plan was not given") as caught:
        prediction.read(costs, profile, plans[1:], rows)
    assert caught.value.file == "dense.json"
    for elsewhere in ({"device": "another"}, {"runtime": "int8"}):
        with pytest.raises(EdgepruneError, match="device board, on which no run was measured") as caught:
            prediction.read(costs, profile, plans, [row | elsewhere for row in rows])
        assert caught.value.file == costs
    assert "No run was measured" in prediction.caption("n", "d", "board", [])
    style.save(prediction.draw([]))
