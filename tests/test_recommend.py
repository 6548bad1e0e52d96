"""Recommendations, on made-up results of two devices and two runtimes: who is chosen, why, and where to search next."""

import json
import random
import re
from pathlib import Path
from statistics import fmean, stdev

import pytest
import yaml
from scipy import stats

from edgeprune import tasks
from edgeprune.cli import main
from edgeprune.config.load import effective, read_yaml
from edgeprune.errors import EdgepruneError
from edgeprune.reporting import choice, difference, pairs, refine, runs, table, units
from edgeprune.tasks.base import Metric
from helpers import synthetic_runs
from helpers.workflow import ROOT


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


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("10ms", "time", 10), ("0.5 s", "time", 500), ("200us", "time", 0.2), ("2MB", "bytes", 2e6),
        ("1e3kB", "bytes", 1e6), ("2MiB", "bytes", 2**21), ("5mJ", "energy", 5), (".5J", "energy", 500),
    ],
)  # fmt: skip
def test_amounts_with_units(text, kind, value):
    assert units.parse(text, kind, "--x").value == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "kind", "problem"),
    [
        ("10", "time", "no unit"), ("10m", "time", "unknown unit"), ("fast", "time", "not an amount"),
        ("0ms", "time", "range"), ("2Mb", "bytes", "unknown unit"), ("1.2.3s", "time", "not an amount"),
    ],
)  # fmt: skip
def test_a_wrong_amount_names_the_option_and_the_units(text, kind, problem):
    with pytest.raises(EdgepruneError, match=problem) as caught:
        units.parse(text, kind, "--option")
    assert caught.value.key == "--option"
    assert "write e.g. --option" in caught.value.remedy


ACCURACY = tasks.get("classification").headline
PSNR = tasks.get("denoising").headline
SSIM = tasks.get("super-resolution").metrics[1]
ERROR = Metric("error", "Error of the centre", higher_is_better=False, unit="px", decimals=1)


@pytest.mark.parametrize(
    ("text", "metric", "value", "shown"),
    [
        ("90%", ACCURACY, 0.9, "90.00 %"), ("0.9", ACCURACY, 0.9, "90.00 %"), ("28.5dB", PSNR, 28.5, "28.50 dB"),
        ("27", PSNR, 27, "27.00 dB"), ("0.9", SSIM, 0.9, "0.9000"), ("3 px", ERROR, 3, "3.0 px"),
        ("0%", ACCURACY, 0, "0.00 %"),
    ],
)  # fmt: skip
def test_a_score_has_the_unit_of_its_metric_or_none(text, metric, value, shown):
    limit = units.parse_score(text, metric, "--score")
    assert limit.value == pytest.approx(value)
    assert limit.show(limit.value) == shown


@pytest.mark.parametrize(
    ("text", "metric", "problem", "remedy"),
    [
        ("90", ACCURACY, "range", "--score 0.9 or 90%"), ("28dB", ACCURACY, "unknown unit 'dB'", "units: %"),
        ("-1%", ACCURACY, "not an amount", "units: %"), ("90%", PSNR, "unknown unit '%'", "--score 28.5dB; units: dB"),
        ("90%", SSIM, "unknown unit '%'", "it has no unit"),
    ],
)  # fmt: skip
def test_a_unit_that_is_not_the_metrics_is_refused_with_what_fits(text, metric, problem, remedy):
    with pytest.raises(EdgepruneError, match=problem) as caught:
        units.parse_score(text, metric, "--score")
    assert caught.value.key == "--score"
    assert remedy in caught.value.remedy


def test_scores_in_decibels(capsys, tmp_path):
    synthetic_runs.grid(tmp_path, task="denoising", places=())
    code, said, _ = ask(tmp_path, capsys, "--score", "27.6dB")
    assert code == 0
    assert "Wanted: validation PSNR ≥ 27.60 dB" in said
    assert re.search(r"with a validation score of \d\d\.\d\d dB\.", said)
    assert re.search(r"-0\.\d0: \+\d\.\d\d dB \[", said)
    assert ask(tmp_path, capsys, "--accuracy", "27.6")[1].replace("--accuracy", "--score") == said
    for word in ("%", "points", "accuracy"):
        assert word not in said.partition("What excludes")[0]
    code, said, _ = ask(tmp_path, capsys, "--score", "29dB")
    (option,) = (line.split(" admits")[0].split() for line in said.splitlines() if " admits " in line)
    assert (code, ask(tmp_path, capsys, *option)[0]) == (1, 0)
    code, _, err = ask(tmp_path, capsys, "--score", "90%")
    assert code == 1
    assert "units: dB" in err


def test_where_less_is_better_a_score_is_an_upper_limit(groups):
    limit = choice.Constraint("--score", "val", "error", units.parse_score("3px", ERROR, "--score"))
    made = [{**groups[0], "variant": str(error), "val": error} for error in (4.0, 3.5, 2.0, 1.0)]
    chosen = choice.choose(made, [limit], ERROR)
    assert [row["val"] for row in (*chosen.satisfying, *chosen.failing)] == [1.0, 2.0, 3.5, 4.0]
    assert str(limit) == "error ≤ 3.0 px"
    assert limit.relaxed(made[1]) == "--score 3.5px"
    nothing = choice.Constraint("--score", "val", "mIoU", units.parse_score("1%", ACCURACY, "--score"), at_least=True)
    assert nothing.relaxed({"val": 0.0}) == "--score 0%"


def test_the_best_on_validation_of_those_that_satisfy(results, capsys, groups):
    code, said = as_json(results, capsys, "--device", "board", "--latency", "5ms", "--memory", "3MB")
    assert code == 0
    fit = [g for g in groups if g["latency_p50_ms"] <= 5 and g["peak_memory"] <= 3e6]
    assert 1 < len(fit) < len(groups)
    assert [row["variant"] for row in said["satisfying"]] == [
        g["variant"] for g in sorted(fit, key=lambda g: -g["val"])
    ]
    assert said["best"] == said["satisfying"][0]
    assert said["place"] == "board (fp32)"
    for limit, column in ((5, "latency_p50_ms"), (3e6, "peak_memory")):
        (found,) = (part for part in said["excluded"] if part["option"] == {5: "--latency", 3e6: "--memory"}[limit])
        others = {5: lambda g: g["peak_memory"] <= 3e6, 3e6: lambda g: g["latency_p50_ms"] <= 5}[limit]
        out = [g for g in groups if g[column] > limit]
        assert (found["fails"], found["fails_only_this"]) == (len(out), sum(map(others, out)))
        assert found["nearest"] == min(out, key=lambda g: g[column])["variant"]


def test_validation_decides_and_not_the_test_split(groups):
    limit = choice.Constraint("--memory", "peak_memory", "memory", units.parse("9MB", "bytes", "--memory"))
    metric = runs.headline(groups)
    turned = [{**g, "test": 1 - g["val"], "score": 1 - g["val"]} for g in groups]
    best = max(groups, key=lambda g: g["val"])["variant"]
    assert choice.choose(turned, [limit], metric).best["variant"] == best
    level = [{**g, "val": 0.5} for g in groups]
    assert choice.choose(level, [limit], metric).best["latency_p50_ms"] == min(g["latency_p50_ms"] for g in groups)


@pytest.mark.parametrize("method", ["dense", "complexity", "uniform", "random", "l1"])
def test_every_method_is_chosen_alike(groups, method):
    """Whichever is best on validation of those that satisfy, ours has no head start, and dense is no mere reference."""
    limit = choice.Constraint("--memory", "peak_memory", "memory", units.parse("9MB", "bytes", "--memory"))
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
    (folder / "draw_figures").mkdir()
    (folder / "draw_figures" / "runs.csv").write_text(table.to_csv(rows))
    return folder


def test_it_says_from_which_others_the_best_cannot_be_told(capsys, tmp_path):
    vals = {"PA-0.50": (0.90, 0.92, 0.91), "uniform-PA-0.50": (0.905, 0.91, 0.90), "FA-0.50": (0.60, 0.61, 0.62)}
    folder = write_runs(tmp_path, vals)
    code, said, _ = ask(folder, capsys, "--memory", "9MB")
    assert code == 0
    assert "not told apart from 1 of 2 others (Welch, unpaired; Holm over 3 pairs):" in said
    line = next(line for line in said.splitlines() if "uniform-PA-0.50: +0.50 points [" in line)
    assert "vgg8 FA-0.50: +" not in said
    _, found = as_json(folder, capsys, "--memory", "9MB")
    near, far = found["best_against"]
    assert (near["variant"], near["told_apart"], far["variant"], far["told_apart"]) == (
        "uniform-PA-0.50", False, "FA-0.50", True,
    )  # fmt: skip
    test = stats.ttest_ind(*(vals[v] for v in ("PA-0.50", "uniform-PA-0.50")), equal_var=False)
    assert near["p_holm"] == pytest.approx(test.pvalue)  # the largest of three is not multiplied
    assert f"corrected p {test.pvalue:.3f}" in line
    bounds = test.confidence_interval()
    assert (near["low"], near["high"]) == pytest.approx((100 * bounds.low, 100 * bounds.high))


def test_the_best_of_many_alike_is_not_told_apart_for_being_the_best():
    """It is compared *because* it is best: only over all pairs do at most 5 of 100 tables of equals claim anything."""
    made, trials, claims, by_the_best_alone = random.Random(5), 400, 0, 0
    for _ in range(trials):
        vals = [[made.gauss(0.8, 0.01) for _ in range(10)] for _ in range(8)]
        ranked = sorted(({"val": fmean(v), "val_std": stdev(v), "val_n": 10} for v in vals), key=lambda g: -g["val"])
        compared = pairs.with_best(ranked, tasks.get("classification").headline)
        assert [c.baseline for c in compared] == ranked[1:]
        claims += any(c.found.verdict for c in compared)
        by_the_best_alone += any(found.verdict for found in difference.family([c.found for c in compared]))
    assert claims / trials <= 0.05
    assert by_the_best_alone / trials > 0.06


def test_the_best_is_told_apart_from_all_or_there_is_one_run_each(capsys, tmp_path):
    (tmp_path / "clear").mkdir()
    folder = write_runs(tmp_path / "clear", {"PA-0.50": (0.90, 0.92, 0.91), "FA-0.50": (0.60, 0.61, 0.62)})
    assert (
        "told apart from the 1 other (Welch, unpaired; Holm over 1 pair)" in ask(folder, capsys, "--memory", "9MB")[1]
    )
    (tmp_path / "single").mkdir()
    folder = write_runs(tmp_path / "single", {"PA-0.50": (0.9,), "FA-0.50": (0.6,)})
    _, said, _ = ask(folder, capsys, "--memory", "9MB")
    assert "not told apart from 1 of 1 other (" in said
    assert "FA-0.50: +30.00 points (n = 1: no interval)" in said
    assert as_json(folder, capsys, "--memory", "9MB")[1]["best_against"][0]["low"] is None


def test_the_answer_tells_how_to_get_the_model_and_which_seed(results, capsys):
    options = ("--device", "board", "--latency", "5ms")
    _, said = as_json(results, capsys, *options)
    path = said["model"]["onnx"]
    assert said["model"]["pull"].startswith(f"dvc pull {Path(path).parent} ")
    rows = [
        json.loads(p.read_text())
        for p in results.glob(f"measure_model/board/fp32/*/*/{said['best']['variant']}/*.json")
    ]
    latency = {row["run"]["seed"]: row["latency_ms"]["p50"] for row in rows}
    assert max(latency.values()) > 5  # the mean satisfies, not every run
    assert latency[said["model"]["seed"]] <= 5
    code, text, _ = ask(results, capsys, *options)
    assert code == 0
    assert "not every run satisfies --latency" in text
    assert f"--model {path} --reference" in text
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
    assert "seeds" not in said


def test_int8_is_another_file_and_its_validation_score_is_not_its_own(results, capsys):
    options = ("--device", "board", "--runtime", "int8", "--latency", "2ms")
    _, said = as_json(results, capsys, *options)
    assert "quantize_model" in said["model"]["onnx"]
    assert "The validation score is the fp32 network's" in ask(results, capsys, *options)[1]


def test_nothing_satisfies(results, capsys, groups):
    code, said, err = ask(results, capsys, "--device", "board", "--memory", "1.3MB")
    assert code == 1
    assert "0 of 15 satisfy all" in said
    assert "no run satisfies" in err
    nearest = min(groups, key=lambda g: g["peak_memory"])
    option = next(line.split(" admits")[0].split() for line in said.splitlines() if "admits" in line)
    assert nearest["variant"] in said
    assert ask(results, capsys, *option)[0] == 0  # what it says would help does help
    code, said, _ = ask(results, capsys, "--device", "board", "--memory", "1.3MB", "--accuracy", "99%")
    options = next(line.split(", together")[0].split() for line in said.splitlines() if "together" in line)
    assert code == 1
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
    assert "−50 % fails, −70 % satisfies" in said
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


def group_at(target, **values):
    return {"method": "complexity" if target else "dense", "mode": "PA" if target else None, "target": target, **values}


def memory(limit):
    return choice.Constraint("--memory", "m", "memory", units.parse(f"{limit}B", "bytes", "--memory"))


def test_targets_meet_a_straight_line():
    line = [group_at(t, m=100 * (1 - (t or 0))) for t in (None, 0.2, 0.6)]
    targets, _ = refine.between(line, "PA", [memory(60)])
    assert targets == [0.3, 0.4, 0.5]  # the middle one is where the memory is 60
    targets, how = refine.between(line, "PA", [memory(25)])  # beyond what was tried
    assert targets == pytest.approx([0.675, 0.75, 0.85], abs=0.0051)
    assert "largest target tried" in how
    flat = [group_at(t, m=100) for t in (None, 0.25, 0.5)]
    assert refine.between(flat, "PA", [memory(30)])[0] == pytest.approx([0.61, 0.72, 0.84], abs=0.011)
    without_dense = [group_at(t, m=100 * (1 - t)) for t in (0.25, 0.5)]
    assert refine.between(without_dense, "PA", [memory(80)])[0] == pytest.approx([0.06, 0.12, 0.19], abs=0.011)
    with pytest.raises(EdgepruneError, match="nothing to search"):
        refine.between(line, "PA", [memory(200)])
    with pytest.raises(EdgepruneError, match="no cost"):
        refine.between(line, "PA", [])
