"""Rows and groups: what is read of runs and their measurements."""

import json

import pytest

from edgeprune.errors import EdgepruneError
from edgeprune.reporting import (
    runs,
)


def test_one_row_for_each_run_in_a_fixed_order(grid, rows):
    assert len(rows) == 13 * 3
    assert rows == runs.read(grid[0][::-1], grid[1][::-1])
    names = list(dict.fromkeys(runs.label(row) for row in rows))
    assert names == ["dense", "PA", "FA", "MA", "uniform (PA)", "uniform (FA)", "uniform (MA)"]
    first = json.loads(next(p for p in grid[0] if "dense/seed-0" in str(p)).read_text())
    assert (rows[0]["variant"], rows[0]["seed"]) == ("dense", 0)
    assert rows[0]["test"] == first["test"]["accuracy"]
    assert rows[0]["latency_p50_ms"] > 0
    assert rows[0]["energy_mj"] is None


def test_groups_are_means_and_sample_standard_deviations():
    base = dict.fromkeys(runs.GROUP, "x") | {"target": 0.5, "method": "complexity", "mode": "PA"}
    made = [{**base, "seed": seed, "params": value, "energy_mj": None} for seed, value in enumerate((1, 2, 6))]
    (group,) = runs.group(made)
    assert (group["n"], group["params"], group["energy_mj"], group["energy_mj_std"]) == (3, 3, None, None)
    assert group["params_std"] == pytest.approx(7**0.5)
    (single,) = runs.group(made[:1])
    assert (single["n"], single["params"], single["params_std"]) == (1, 1, None)


def test_groups_have_n_and_the_interval_of_the_mean_score():
    base = dict.fromkeys(runs.GROUP, "x") | {"target": 0.5, "method": "complexity", "mode": "PA"}
    made = [{**base, "seed": seed, "score": value, "val": 0.9} for seed, value in enumerate((0.8, 0.82, None))]
    (group,) = runs.group(made)
    assert (group["n"], group["score_n"], group["val_n"]) == (3, 2, 3)
    assert group["score_half"] == pytest.approx(12.7062 * 0.01, rel=1e-4)  # t(1) times sd / sqrt(2), which is 0.01
    assert runs.group(made[:1])[0]["score_half"] is None
    nothing = runs.group(made[2:])[0]
    assert (nothing["score_n"], nothing["score_half"]) == (0, None)


def test_each_device_has_its_rows(grid, tmp_path):
    metrics = grid[0][:3]
    other = json.loads(grid[1][0].read_text()) | {"device": "board"}
    (tmp_path / "other.json").write_text(json.dumps(other))
    made = runs.read(metrics, [grid[1][0], tmp_path / "other.json"])
    assert sorted((row["device"] or "-", row["seed"]) for row in made) == [
        ("-", 1),
        ("-", 2),
        ("board", 0),
        ("local", 0),
    ]


def test_what_does_not_fit_is_refused(grid, tmp_path):
    metrics, measurements, plans = grid
    with pytest.raises(EdgepruneError, match="second file"):
        runs.read([metrics[0], metrics[0]])
    with pytest.raises(EdgepruneError, match="second measurement"):
        runs.read(metrics, [measurements[0], measurements[0]])
    with pytest.raises(EdgepruneError, match="metrics were not given"):
        runs.read(metrics[:1], measurements[1:2])
    with pytest.raises(EdgepruneError, match="not of the format edgeprune"):
        runs.read(plans[:1])
    value = json.loads(metrics[0].read_text())
    for key in ("cost", "network"):
        (tmp_path / "m.json").write_text(json.dumps({name: value[name] for name in value if name != key}))
        with pytest.raises(EdgepruneError, match="lacks a key") as caught:
            runs.read([tmp_path / "m.json"])
        assert caught.value.key == key
    value = json.loads(measurements[0].read_text()) | {"run": None}
    (tmp_path / "x.json").write_text(json.dumps(value))
    with pytest.raises(EdgepruneError, match="which run it measured"):
        runs.read(metrics, [tmp_path / "x.json"])
    with pytest.raises(EdgepruneError, match="one network on one dataset"):
        runs.select([{"network": "a", "dataset": "d"}, {"network": "b", "dataset": "d"}])


def test_metrics_with_and_without_a_recipe_are_read_alike(grid, rows, tmp_path):
    value = json.loads(grid[0][0].read_text()) | {"recipe": {"epochs": 20}}
    (tmp_path / "metrics.json").write_text(json.dumps(value))
    (row,) = runs.read([tmp_path / "metrics.json"])
    (plain,) = runs.read([grid[0][0]])
    assert {key for key in row if row[key] != plain[key]} == {"metrics_file"}
