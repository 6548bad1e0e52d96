"""Which network a preset's `limits` make one take, in words; wrong limits are refused with file, key and remedy."""

import re

import pytest
import yaml

from edgeprune.config.load import effective, read_yaml
from edgeprune.errors import EdgepruneError
from edgeprune.reporting import answer, runs
from helpers import synthetic_runs
from helpers.workflow import ROOT


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("answer")
    places = [("board", "fp32"), ("local", "fp32"), ("local", "int8")]
    synthetic_runs.grid(folder, places=places, absent=("board",))
    return folder


def asked(results, measure_on=("local",), **limits):
    config = {"pairs": [{"dataset": "digits"}], "measure_on": list(measure_on), "limits": limits}
    (found,) = answer.answers(results, config)
    return found, answer.text([found])


def test_without_limits_it_loses_at_most_a_point(results):
    found, said = asked(results)
    assert [str(c) for c in found.choice.constraints] == ["validation accuracy ≥ 96.44 %"]
    assert "at most 1 point less than the dense network has" in said
    assert said.splitlines()[0] == "digits on local (fp32): validation accuracy ≥ 96.44 %"
    assert found.command.endswith("--dataset digits --device local --score '96.44 %'")


@pytest.mark.parametrize(
    ("limits", "place"),
    [
        ({"latency": "0.7ms", "score": 0.9}, "local (fp32)"),
        ({"runtime": "int8", "memory": "4MB", "score": {"digits": "90%"}}, "local (int8)"),
    ],
)
def test_limits_decide_and_the_lines_are_few(results, limits, place):
    found, said = asked(results, **limits)
    assert found.place == place
    assert found.model["onnx"].endswith("model.onnx")
    assert all(c.holds(found.row) for c in found.choice.constraints)
    lines = said.splitlines()
    assert lines[1].startswith(f"Take vgg8 {found.row['variant']}, ")
    assert len(lines) <= 17
    assert max(map(len, lines[:-1])) <= 80
    assert {cost.title for cost in found.costs} == {"test score", "latency", "parameters", "FLOPs", "memory", "file"}
    assert re.fullmatch(r"\d+\.\d\d % \[\d+\.\d\d, \d+\.\d\d\]", found.costs[0].value)  # "±" is an SD in the table
    changes = {cost.title: cost.against for cost in found.costs}
    assert "times as fast [" in changes["latency"]
    assert changes["parameters"].startswith("−")
    assert "dense" in changes["test score"]


def test_nothing_that_satisfies_names_the_nearest_and_what_would_admit_it(results):
    found, said = asked(results, latency="1us")
    assert found.model is None
    assert f"Nothing satisfies. Nearest is vgg8 {found.row['variant']} (median latency" in said
    assert "To admit one: --latency " in said.replace("\n ", "")
    assert "ONNX" not in said


def test_a_doubt_of_the_measuring_is_told_with_or_without_an_answer(results):
    doubtful = [{**row, "measuring_warning": "other work took the CPU"} for row in runs.of_folder(results)]
    for latency in ("0.7ms", "1us"):
        config = {"pairs": [{"dataset": "digits"}], "measure_on": ["local"], "limits": {"latency": latency}}
        (found,) = answer.answers(results, config, doubtful)
        assert "Mind: other work took the CPU." in found.notes


def test_what_was_not_measured_is_said_and_not_decided_by(results):
    found, said = asked(results, ["board", "local"], latency="1ms", score="90%")
    assert found.place == "board (fp32)"
    assert "board does not answer" in said
    assert [c.column for c in found.choice.constraints] == ["val"]
    assert found.model


def test_the_dense_network_is_compared_with_the_nearest_other(results):
    found, said = asked(results, score="97.4%")
    assert found.row["variant"] == "dense"
    assert not any(cost.against for cost in found.costs)
    assert "Nearest of the others: vgg8 " in said


@pytest.fixture
def preset(tmp_path):
    (tmp_path / "presets").mkdir()
    (tmp_path / "config.yaml").write_text((ROOT / "config.yaml").read_text())
    quick = read_yaml(ROOT / "presets" / "quick.yaml")

    def write(**changes):
        (tmp_path / "presets" / "quick.yaml").write_text(yaml.safe_dump(quick | changes))
        return effective(tmp_path)

    return write


@pytest.mark.parametrize(
    ("limits", "key", "words"),
    [
        ({"speed": "1ms"}, "limits.speed", "unknown key"),
        ({"device": "pi"}, "limits.device", "'pi' is not there\n  remedy: one of measure_on: local"),
        ({"runtime": "int8"}, "limits.runtime", "one of devices.local.runtimes: fp32"),
        ({"latency": "5"}, "limits.latency", "has no unit\n  remedy: write e.g. latency: 10ms"),
        ({"latency": 5}, "limits.latency", "must be of type string"),
        ({"memory": "2dB"}, "limits.memory", "unknown unit 'dB'"),
        ({"score": "90%"}, "limits.score", "for each data set its own: {digits: …, noisy: …}"),
        ({"score": {"mnist": "90%"}}, "limits.score", "one of pairs: digits, noisy"),
    ],
)
def test_a_wrong_limit_is_refused(preset, limits, key, words):
    with pytest.raises(EdgepruneError) as caught:
        preset(limits=limits)
    assert caught.value.key == key
    assert "presets/quick.yaml" in str(caught.value.file)
    assert words in str(caught.value)


def test_a_limit_on_what_nothing_measures_is_refused(preset):
    with pytest.raises(EdgepruneError, match="name a device under measure_on"):
        preset(limits={"latency": "5ms"}, measure_on=[])


def test_limits_of_each_data_set_are_taken(preset):
    limits = {"device": "local", "latency": "5ms", "score": {"digits": "90%", "noisy": 28}}
    assert preset(limits=limits)["limits"] == limits
