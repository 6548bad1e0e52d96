"""The benchmark of the single pass: its arithmetic, and that it runs. No time is asserted."""

import importlib
import json

import numpy
import pytest

from helpers.workflow import ROOT


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("single_pass")


def test_stages_are_composed_of_their_parts(benchmark):
    spent = {"plan": 1.0, "single": 0.002, "dense": 0.004, "ranking": 3.0, "tuning": 0.0025}
    found = benchmark.compose(spent, {"single": 6, "dense": 6, "tuning": 2}, 1000)
    assert found == pytest.approx(
        {"single": 13, "stages": 24 + 3 + 5, "at_hand": 8, "ratio": 13 / 32, "ratio_at_hand": 13 / 8}
    )


def test_the_interval_of_the_median_holds_it_as_often_as_it_says(benchmark):
    random = numpy.random.default_rng(0)
    found = [benchmark.median_interval(list(values)) for values in random.lognormal(size=(2000, 40))]
    assert 0.94 < sum(low <= 1 <= high for low, high in found) / 2000 < 0.985  # the median of a log-normal is 1
    assert benchmark.median_interval([3, 1, 2, 5, 4, 6]) == (1, 6)  # outside with probability 2/64
    assert benchmark.median_interval([1, 2, 3, 4, 5]) == (None, None)


def test_what_is_saved_is_told_with_its_sign_and_spread(benchmark):
    assert benchmark.less([0.4]) == "60.0 % less"
    assert benchmark.less([0.4, 0.5, 0.45]) == "55.0 % less (range 50.0 to 60.0)"
    assert benchmark.less([1.1, 1.2, 1.3]) == "20.0 % more (range 10.0 to 30.0)"
    nine = [round(0.40 + 0.01 * i, 2) for i in range(9)]  # the second from either end, see median_interval
    assert benchmark.less(nine) == "56.0 % less (53.0 to 59.0)"
    assert benchmark.between(nine) == "0.44 (0.41 to 0.47)"


def test_it_runs_and_its_figures_agree_with_its_rounds(benchmark, tmp_path, capsys):
    out = tmp_path / "rounds.json"
    benchmark.main(
        ["--images", "70", "--rounds", "2", "--epochs", "6", "200", "--target", "0.5", "--out", str(out)],
    )
    told, value = capsys.readouterr().out, json.loads(out.read_text())
    (row,) = value["rows"]
    assert [each["epochs"] for each in row["composed"]] == [
        {"single": 6, "dense": 6, "tuning": 2},
        {"single": 200, "dense": 200, "tuning": 50},
    ]
    assert len(row["rounds"]) == 2
    assert 0.4 < row["flops"]["single"] / row["flops"]["dense"] <= 0.5
    assert 0.4 < row["flops"]["tuning"] / row["flops"]["dense"] <= 0.5
    for each in row["composed"]:
        for clock in ("cpu", "wall"):
            for found, spent in zip(each[clock], row["rounds"], strict=True):
                parts = {part: spent[part][clock] for part in benchmark.PARTS}
                assert min(parts.values()) > 0
                assert found == benchmark.compose(parts, each["epochs"], 45_000)
        (flops,) = each["flops"]
        by_hand = each["epochs"]["single"] * row["flops"]["single"]
        by_hand /= each["epochs"]["dense"] * row["flops"]["dense"] + each["epochs"]["tuning"] * row["flops"]["tuning"]
        assert flops["ratio"] == pytest.approx(by_hand)
        assert benchmark.less([flops["ratio"]]) in told
    assert "at hand already" in told


def test_a_network_that_the_preset_lacks_is_refused(benchmark, tmp_path):
    with pytest.raises(benchmark.EdgepruneError, match="vgg99"):
        benchmark.main(["--images", "70", "--networks", "vgg99"])
