"""Recommendations, on made-up results of two devices and two runtimes: who is chosen, why, and where to search next."""

import json
import re
from pathlib import Path

import pytest
import yaml

from edgeprune import tasks
from edgeprune.cli import main
from edgeprune.config import limits
from edgeprune.config.load import effective, read_yaml
from edgeprune.reporting import choice, runs, standing, table
from edgeprune.tasks.base import Metric
from helpers import synthetic_runs
from helpers.workflow import ROOT


@pytest.fixture(autouse=True)
def width(monkeypatch):
    """Whatever the test runner's is."""
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """``results/demo`` of a folder with a configuration; as files of runs, without the table."""
    root = tmp_path_factory.mktemp("recommend")
    folder = root / "results" / "demo"
    synthetic_runs.grid(
        folder, places=[(d, r) for d in ("local", "board") for r in ("fp32", "int8")], baselines=("l1",)
    )
    (root / "presets").mkdir()
    (root / "config.yaml").write_text((ROOT / "config.yaml").read_text())
    grid = read_yaml(ROOT / "presets/quick.yaml") | {
        "pairs": [{"network": "vgg8", "dataset": "digits"}],
        "devices": {"board": {"kind": "local", "runtimes": ["fp32", "int8"]}},
        "measure_on": ["local", "board"],
        "seeds": [0, 1, 2],
    }
    (root / "presets/quick.yaml").write_text(yaml.safe_dump(grid))
    (folder / "config.yaml").write_text(yaml.safe_dump(effective(root)))
    return folder


@pytest.fixture(scope="module")
def groups(results):
    rows = runs.read(results.glob("train_network/*/*/*/*/metrics.json"), results.glob("measure_model/*/*/*/*/*/*.json"))
    return runs.group(choice.at_place(rows, "board", "fp32"))


def ask(results, capsys, *options):
    code = main(["recommend", "--results", str(results), *options])
    out, err = capsys.readouterr()
    return code, out, err


def as_json(results, capsys, *options):
    code, out, err = ask(results, capsys, "--json", *options)
    return code, json.loads(out) if out else err


ACCURACY = tasks.get("classification").headline
ERROR = Metric("error", "Error of the centre", higher_is_better=False, unit="px", decimals=1)


def test_scores_in_decibels(capsys, tmp_path):
    synthetic_runs.grid(tmp_path, task="denoising", places=())
    code, said, _ = ask(tmp_path, capsys, "--score", "27.6dB")
    assert code == 0
    assert "Wanted: validation PSNR ≥ 27.60 dB" in said
    assert re.search(r"Best on validation: vgg8 dense, \d\d\.\d\d dB \(3 runs each, 400 validation images\)\.", said)
    assert re.search(r"= vgg8 \S+-0\.\d0 +3 .* \d\.\d\d ± \d\.\d\d dB", said)
    assert ask(tmp_path, capsys, "--accuracy", "27.6")[1].replace("--accuracy", "--score") == said
    for word in ("%", "points", "accuracy"):
        assert word not in said.partition("What excludes")[0].replace("± 95 %", "")
    code, said, _ = ask(tmp_path, capsys, "--score", "29dB")
    (option,) = (line.split(" admits")[0].split() for line in said.splitlines() if " admits " in line)
    assert (code, ask(tmp_path, capsys, *option)[0]) == (3, 0)
    code, _, err = ask(tmp_path, capsys, "--score", "90%")
    assert code == 1
    assert "units: dB" in err


def test_where_less_is_better_a_score_is_an_upper_limit(groups):
    limit = choice.Constraint("--score", "val", "error", limits.parse_score("3px", ERROR, "--score"))
    made = [{**groups[0], "variant": str(error), "val": error} for error in (4.0, 3.5, 2.0, 1.0)]
    chosen = choice.choose(made, [limit], ERROR)
    assert [row["val"] for row in (*chosen.satisfying, *chosen.failing)] == [1.0, 2.0, 3.5, 4.0]
    assert str(limit) == "error ≤ 3.0 px"
    assert limit.relaxed(made[1]) == "--score 3.5px"
    nothing = choice.Constraint("--score", "val", "mIoU", limits.parse_score("1%", ACCURACY, "--score"), at_least=True)
    assert nothing.relaxed({"val": 0.0}) == "--score 0%"


def test_the_best_on_validation_of_those_that_satisfy(results, capsys, groups):
    code, said = as_json(results, capsys, "--device", "board", "--latency", "5ms", "--memory", "3MB")
    assert code == 0
    fit = [g for g in groups if g["latency_ms"] <= 5 and g["peak_memory"] <= 3e6]
    assert 1 < len(fit) < len(groups)
    assert [row["variant"] for row in said["satisfying"]] == [
        g["variant"] for g in sorted(fit, key=lambda g: -g["val"])
    ]
    assert said["best"].items() < said["satisfying"][0].items()
    level = [row["variant"] for row in said["level"]]
    assert level == ["PA-0.70"] or said["chosen"]["variant"] in level
    assert level[0] == said["best"]["variant"]
    assert level[1:] == [other["variant"] for other in said["best_against"] if not other["told_apart"]]
    assert said["place"] == "board (fp32)"
    for limit, column in ((5, "latency_ms"), (3e6, "peak_memory")):
        (found,) = (part for part in said["excluded"] if part["option"] == {5: "--latency", 3e6: "--memory"}[limit])
        others = {5: lambda g: g["peak_memory"] <= 3e6, 3e6: lambda g: g["latency_ms"] <= 5}[limit]
        out = [g for g in groups if g[column] > limit]
        assert (found["fails"], found["fails_only_this"]) == (len(out), sum(map(others, out)))
        assert found["nearest"] == min(out, key=lambda g: g[column])["variant"]


def test_validation_decides_and_not_the_test_split(groups):
    limit = choice.Constraint("--memory", "peak_memory", "memory", limits.parse("9MB", "bytes", "--memory"))
    metric = runs.headline(groups)
    turned = [{**g, "test": 1 - g["val"], "score": 1 - g["val"]} for g in groups]
    best = max(groups, key=lambda g: g["val"])["variant"]
    assert choice.choose(turned, [limit], metric).best["variant"] == best
    level = [{**g, "val": 0.5} for g in groups]
    fastest = min(groups, key=lambda g: -g["speedup"])
    chosen = choice.choose(level, [limit], metric)
    assert not standing.slower(chosen.chosen, fastest)
    assert chosen.chosen["flops"] == min(g["flops"] for g in level if not standing.slower(g, fastest))


@pytest.mark.parametrize("method", ["dense", "complexity", "uniform", "random", "l1"])
def test_every_method_is_chosen_alike(groups, method):
    """Whichever is best on validation of those that satisfy, ours has no head start, and dense is no mere reference."""
    limit = choice.Constraint("--memory", "peak_memory", "memory", limits.parse("9MB", "bytes", "--memory"))
    methods = ("dense", "complexity", "uniform", "random", "l1")
    made = [{**groups[0], "method": m, "variant": m, "val": 0.9 if m == method else 0.8} for m in methods]
    assert choice.choose(made, [limit], runs.headline(made)).best["method"] == method
    too_large = [{**row, "peak_memory": 1e7 if row["method"] == method else 1e6} for row in made]
    chosen = choice.choose(too_large, [limit], runs.headline(made))
    assert [row["method"] for row in chosen.failing] == [method]


def write_runs(folder, vals):
    """A table of runs at ``folder``: each variant with these validation scores, the other numbers of a made-up grid."""
    metrics, _, _ = synthetic_runs.grid(folder / "files", seeds=(0,))
    first = {row["variant"]: row for row in runs.read(metrics)}
    rows = [
        {**first[variant], "seed": seed, "plan_seed": seed, "val": val}
        for variant, found in vals.items()
        for seed, val in enumerate(found)
    ]
    (folder / "draw_figures").mkdir(parents=True)
    (folder / "draw_figures" / "runs.csv").write_text(table.to_csv(rows))
    return folder


def test_it_says_from_which_others_the_best_cannot_be_told_and_what_would_tell(capsys, tmp_path):
    vals = {"PA-0.50": (0.90, 0.92, 0.91), "uniform-PA-0.50": (0.905, 0.91, 0.90), "FA-0.50": (0.60, 0.61, 0.62)}
    folder = write_runs(tmp_path / "demo", vals)
    code, said, _ = ask(folder, capsys, "--memory", "9MB")
    assert code == 0
    assert "It cannot be told from 1 of 2 others, marked = below." in said
    assert re.search(r"0\.50 ± \d\.\d\d points", said)
    _, found = as_json(folder, capsys, "--memory", "9MB")
    near, far = found["best_against"]
    assert (near["variant"], near["told_apart"], far["variant"], far["told_apart"]) == (
        "uniform-PA-0.50", False, "FA-0.50", True,
    )  # fmt: skip
    assert near["low"] < 0 < near["high"]
    assert (near["low"] + near["high"]) / 2 == pytest.approx(0.5)
    assert [row["variant"] for row in found["level"]] == ["PA-0.50", "uniform-PA-0.50"]
    (cheaper,) = {"PA-0.50", "uniform-PA-0.50"} & {min(found["level"], key=lambda row: row["flops"])["variant"]}
    assert found["chosen"]["variant"] == cheaper
    assert f"Take vgg8 {cheaper}, with the fewest FLOPs of the 2 that cannot be told from" in said
    if cheaper != "PA-0.50":
        assert f'"seeds=[$(seq -s, 0 {near["runs_to_tell"] - 1})]"' in said or "number of runs would tell" in said


def test_the_best_is_told_apart_from_all_or_nothing_says_how_far_scores_spread(capsys, tmp_path):
    folder = write_runs(tmp_path / "clear", {"PA-0.50": (0.90, 0.92, 0.91), "FA-0.50": (0.60, 0.61, 0.62)})
    said = ask(folder, capsys, "--memory", "9MB")[1]
    assert "Take vgg8 PA-0.50, the best on validation." in said
    assert "It is told from the 1 other." in said
    folder = write_runs(tmp_path / "single", {"PA-0.50": (0.9,), "FA-0.50": (0.6,)})
    assert "It is told from the 1 other." in ask(folder, capsys, "--memory", "9MB")[1]  # the images say so
    table_file = folder / "draw_figures" / "runs.csv"
    rows = [{**row, "val_left_out": None} for row in runs.read_csv(table_file)]
    table_file.write_text(table.to_csv(rows))
    said = ask(folder, capsys, "--memory", "9MB")[1]
    assert "Take vgg8 PA-0.50, the best on validation." in said
    assert "no ties" in said
    assert as_json(folder, capsys, "--memory", "9MB")[1]["best_against"][0]["low"] is None


def test_the_answer_tells_how_to_get_the_model_and_which_seed(results, capsys, groups):
    limit = min(group["latency_ms"] for group in groups) + 1e-3  # one mean satisfies, not each of its runs
    options = ("--device", "board", "--latency", f"{limit}ms")
    _, said = as_json(results, capsys, *options)
    path = said["model"]["onnx"]
    assert said["model"]["pull"].startswith(f"dvc pull {Path(path).parent} ")
    rows = [
        json.loads(p.read_text())
        for p in results.glob(f"measure_model/board/fp32/*/*/{said['chosen']['variant']}/*.json")
    ]
    latency = {row["run"]["seed"]: row["latency_ms"]["p50"] for row in rows}
    assert max(latency.values()) > limit
    assert latency[said["model"]["seed"]] <= limit
    code, text, _ = ask(results, capsys, *options)
    assert code == 0
    assert re.search(r"not every run satisfies .*--latency", text)
    assert f"--model {path} \\\n" in text
    for name in ("onnx", "checkpoint", "dense_onnx"):
        file = results / said["model"][name]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")
    assert "dvc pull" not in ask(results, capsys, *options)[1]


def test_what_is_counted_is_runs_and_not_seeds(capsys, tmp_path):
    synthetic_runs.grid(tmp_path, seeds=((1, 0), (2, 0)), places=())
    code, said, _ = ask(tmp_path, capsys, "--memory", "2.5MB")
    assert code == 0
    assert "satisfy all (means over the runs):" in said
    assert re.search(r"^ +runs +validation", said, re.MULTILINE)
    assert re.search(r"Its model \(seed [12]-0, the best .* of its runs", said)
    assert "seeds" not in said.replace("seeds=[", "")  # but in the command for more


def test_int8_is_another_file_and_its_validation_score_is_not_its_own(results, capsys):
    options = ("--device", "board", "--runtime", "int8", "--latency", "2ms")
    _, said = as_json(results, capsys, *options)
    assert "quantize_model" in said["model"]["onnx"]
    assert "The validation score is the fp32 network's" in ask(results, capsys, *options)[1]


def test_nothing_satisfies(results, capsys, groups):
    code, said, err = ask(results, capsys, "--device", "board", "--memory", "1.3MB")
    assert code == 3  # an answer, and no wrong option
    assert "0 of 15 satisfy all" in said
    assert "no run satisfies" in err
    nearest = min(groups, key=lambda g: g["peak_memory"])
    option = next(line.split(" admits")[0].split() for line in said.splitlines() if "admits" in line)
    assert nearest["variant"] in said
    assert ask(results, capsys, *option)[0] == 0  # what it says would help does help
    code, said, _ = ask(results, capsys, "--device", "board", "--memory", "1.3MB", "--accuracy", "99%")
    options = next(line.split(", together")[0].split() for line in said.splitlines() if "together" in line)
    assert code == 3
    assert ask(results, capsys, "--device", "board", *options)[0] == 0


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--latency", "5ms"], "one of board, local"),
        (["--device", "bord", "--latency", "5ms"], "one of board, local"),
        (["--device", "local", "--runtime", "fp16", "--latency", "5ms"], "one of fp32, int8"),
        (["--device", "local", "--energy", "5mJ"], "no sensor can be read"),
        (["--network", "vgg", "--memory", "2MB"], "one of vgg8"),
        (["--device", "local"], "no constraint is given"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_what_can(results, capsys, options, problem):
    code, out, err = ask(results, capsys, *options)
    assert (code, out) == (1, "")
    assert problem in err


def test_a_wrong_amount_is_told_before_what_the_results_lack(results, capsys, tmp_path):
    for folder in (results, tmp_path / "none"):
        code, _, err = ask(folder, capsys, "--dataset", "nowhere", "--latency", "5")
        assert code == 1
        assert "--latency: '5' has no unit" in err
        assert "no constraint is given" in ask(folder, capsys, "--dataset", "nowhere")[2]


def test_the_answer_fits_100_columns_but_for_what_is_copied(results, capsys, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    for options in (("--latency", "5ms", "--memory", "3MB", "--score", "90%"), ("--memory", "1.3MB", "--score", "99%")):
        said = ask(results, capsys, "--device", "board", *options)[1]
        copied = ("snakemake ", "ONNX ", "checkpoint ", "get it ", "measure ", "--model ", "--reference ")
        assert all(len(line) <= 100 or line.strip().startswith(copied) for line in said.splitlines())
        for head in ("validation (± 95 %)", "speed-up", "median latency" if "--latency" in options else "memory"):
            assert said.count(f"  {head}") >= 1


def test_limits_out_of_reach_write_no_preset(results, capsys, tmp_path):
    for limit in (["--latency", "1us"], ["--memory", "1kB"]):
        file = tmp_path / "hopeless.yaml"
        code, said, err = ask(results, capsys, "--device", "board", *limit, "--config", str(file))
        assert code == 3
        assert "no preset is written: nothing that removes 95 % or less" in err
        assert "What to change" in said
        assert not file.exists()
        code, found = as_json(results, capsys, "--device", "board", *limit, "--config", str(file))
        assert (code, found["preset"]) == (3, None)


def test_results_of_two_datasets_are_not_mixed_and_a_table_is_enough(results, capsys, tmp_path):
    made = [synthetic_runs.grid(tmp_path / "files", dataset=name, seeds=(0,)) for name in ("digits", "letters")]
    rows = [row for metrics, measurements, _ in made for row in runs.read(metrics, measurements)]
    (tmp_path / "draw_figures").mkdir()
    (tmp_path / "draw_figures" / "runs.csv").write_text(table.to_csv(rows))
    code, _, err = ask(tmp_path, capsys, "--memory", "3MB")
    assert code == 1
    assert "choose one of digits, letters" in err
    code, said = as_json(tmp_path, capsys, "--memory", "3MB", "--latency", "1ms", "--dataset", "letters")
    assert (code, said["best"]["dataset"], said["place"]) == (0, "letters", "local (fp32)")
    code, _, err = ask(tmp_path / "none", capsys, "--memory", "3MB")
    assert code == 1
    assert "holds no results" in err


def test_a_preset_between_the_last_that_fails_and_the_first_that_satisfies(results, capsys, tmp_path):
    root = results.parents[1]
    file = root / "presets" / "refined.yaml"
    options = ("--device", "board", "--latency", "4.5ms", "--config", str(file))
    code, said, _ = ask(results, capsys, *options)
    assert code == 0
    assert "−50 % fails, −70 % satisfies" in " ".join(said.split())
    config = effective(root, {"preset": "refined"})
    assert all(0.5 < target < 0.7 for target in config["targets"])
    assert len(config["targets"]) == 3
    assert (config["measure_on"], config["seeds"]) == (["board"], [0, 1, 2])
    before = effective(root)
    assert config["recipes"]["vgg8"] == before["recipes"]["vgg8"]
    assert config["sampling"]["vgg8"] == before["sampling"]["vgg8"]
    text = file.read_text()
    code, _, err = ask(results, capsys, *options)
    assert code == 1
    assert "--force" in err
    assert file.read_text() == text
    assert ask(results, capsys, *options, "--force")[0] == 0
    code, _, err = ask(results, capsys, "--device", "board", "--latency", "1s", "--config", str(tmp_path / "x.yaml"))
    assert code == 1
    assert "nothing to search for" in err
    assert not (tmp_path / "x.yaml").exists()


def test_a_preset_along_a_reference_names_it(results, capsys, tmp_path):
    root = results.parents[1]
    file = root / "presets" / "along.yaml"
    rows = runs.read(results.glob("train_network/*/*/*/*/metrics.json"))
    better = [row | ({"val": row["val"] + 0.02} if row["method"] == "uniform" else {}) for row in rows]
    folder = tmp_path / "demo"
    (folder / "draw_figures").mkdir(parents=True)
    (folder / "draw_figures" / "runs.csv").write_text(table.to_csv(better))
    (folder / "config.yaml").write_text((results / "config.yaml").read_text())
    code, said, _ = ask(folder, capsys, "--memory", "2.2MB", "--accuracy", "90%", "--config", str(file))
    assert code == 0
    config = effective(root, {"preset": "along"})
    assert "uniform" in said.partition("Wrote")[2]
    assert config["references"]["uniform"]["targets"] == config["targets"]
    assert config["references"]["uniform"]["modes"] == config["modes"]
