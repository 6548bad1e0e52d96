"""Rows and groups: what is read of runs and their measurements."""

import json
import statistics

import pytest

from edgeprune.errors import EdgepruneError
from edgeprune.reporting import columns, macs_latency, runs, table


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


def drifted(grid, folder):
    """Measurements in which the machine was up to twice as slow from one to the next, and ratios are what they were."""
    files = []
    for number, path in enumerate(grid[1]):
        value, slower = json.loads(path.read_text()), 1 + number % 7 / 6
        for model in (value, value["reference"]):
            model["latency_ms"]["p50"] *= slower
        files.append(folder / f"{number}.json")
        files[-1].write_text(json.dumps(value))
    return files


def test_latencies_side_by_side_are_one_dense_latency_over_the_speed_up(grid, tmp_path):
    rows = runs.read(grid[0], drifted(grid, tmp_path))
    (dense,) = {row["dense_latency_ms"] for row in rows}
    assert dense == pytest.approx(0.9 * 1.5)  # the median of the machine's states
    for row in (*rows, *runs.group(rows)):
        ends = [dense / row[f"speedup{end}"] for end in ("", "_high", "_low")]
        assert [row[f"latency_ms{end}"] for end in ("", "_low", "_high")] == pytest.approx(ends)
        if row in rows:
            value = json.loads((tmp_path / row["measurement_file"]).read_text())
            assert row["latency_p50_ms"] == value["latency_ms"]["p50"]
    plain = runs.read(*grid[:2])
    assert macs_latency.of(runs.group(rows)).ratios == pytest.approx(macs_latency.of(runs.group(plain)).ratios)
    (tmp_path / "runs.csv").write_text(table.to_csv(rows))
    assert runs.read_csv(tmp_path / "runs.csv") == rows


def test_a_table_of_before_has_one_dense_latency_too(grid, rows, tmp_path):
    """What was measured beside a network was not on record then: about its own latency times the speed-up."""
    earlier = [{key: row[key] for key in row if key not in columns.COMPARED} for row in rows]
    (tmp_path / "runs.csv").write_text(table.to_csv(earlier))
    found = runs.read_csv(tmp_path / "runs.csv")
    dense = statistics.median(row["latency_p50_ms"] * row["speedup"] for row in rows)
    assert [row["dense_latency_ms"] for row in found] == pytest.approx([dense] * len(rows))
    for row in found:
        assert row["latency_ms_low"] <= row["latency_ms"] == dense / row["speedup"] <= row["latency_ms_high"]


def test_without_a_speed_up_a_latency_is_what_was_measured(grid, tmp_path):
    value = json.loads(grid[1][0].read_text()) | dict.fromkeys(("speedup", "speedup_low", "speedup_high", "reference"))
    (tmp_path / "alone.json").write_text(json.dumps(value))
    (row,) = (row for row in runs.read(grid[0], [tmp_path / "alone.json"]) if row["device"])
    assert row["latency_ms"] == row["latency_p50_ms"] == value["latency_ms"]["p50"]
    assert row["latency_ms_low"] is row["latency_ms_high"] is row["dense_latency_ms"] is None
    earlier = table.to_csv([{key: row[key] for key in row if key not in columns.COMPARED}])
    (tmp_path / "runs.csv").write_text(earlier)
    assert runs.read_csv(tmp_path / "runs.csv")[0]["latency_ms"] == row["latency_p50_ms"]


def test_tables_of_several_networks_are_one_and_none_counts_twice(grid, rows, tmp_path):
    other = [row | {"network": "a-network"} for row in rows]
    for name, part in (("own", rows), ("other", other)):
        (tmp_path / f"{name}.csv").write_text(table.to_csv(part))
    assert runs.read_tables([tmp_path / "own.csv", tmp_path / "other.csv"]) == [*other, *rows]
    with pytest.raises(EdgepruneError, match="as another table has") as caught:
        runs.read_tables([tmp_path / "own.csv"] * 2)
    assert caught.value.file == tmp_path / "own.csv"


def test_a_warning_that_differs_in_a_number_only_is_said_once():
    base = dict.fromkeys(runs.GROUP, "x") | {"target": 0.5, "method": "complexity", "mode": "PA"}
    made = [{**base, "seed": n, "measuring_warning": f"had {n + 26} % of a core; too long"} for n in range(2)]
    assert runs.group(made)[0]["measuring_warning"] == "had 26 % of a core; too long"
