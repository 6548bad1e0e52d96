"""Tables, pages, figures and captions of tasks other than classification, from made-up runs."""

import csv
import json
import re
import subprocess
from pathlib import Path

import pytest

from edgeprune import tasks
from edgeprune.errors import EdgepruneError
from edgeprune.plotting import cost, style, tradeoff
from edgeprune.reporting import baseline, captions, choice, comparison, pairs, runs, table, units
from helpers import forked, synthetic_runs

ROOT = Path(__file__).parents[1]
BASELINES = {"super-resolution": "bicubic", "segmentation": "majority class", "denoising": "noisy input"}


@pytest.fixture(scope="module", params=["super-resolution", "segmentation"])
def made(request, tmp_path_factory):
    """Files of a task's grid, its rows and the baseline."""
    folder, task = tmp_path_factory.mktemp("grid"), request.param
    places = [("local", runtime) for runtime in ("fp32", "int8")]
    metrics, measurements, _ = synthetic_runs.grid(folder, task=task, places=places)
    path = folder / "score_baseline" / "digits" / "baseline.json"
    synthetic_runs.baseline(path, "digits", task, BASELINES[task], 0.25)
    return metrics, measurements, path


@pytest.fixture
def rows(made):
    return runs.read(made[0], made[1])


@pytest.fixture
def baselines(made):
    return baseline.read([made[2]])


def cells(text):
    """The cells of Markdown's tables, line by line."""
    return [re.split(r" (?<!\\)\| ", line[2:-2]) for line in text.splitlines() if line.startswith("| ")]


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("classification", "accuracy (%)"), ("denoising", "PSNR (dB)"), ("segmentation", "mIoU (%)"),
        ("detection", "AP50 (%)"), ("centroids", "F1 of centres (%)"),
    ],
)  # fmt: skip
def test_an_abbreviation_stays_in_capitals_within_a_sentence(name, label):
    assert units.inside(tasks.get(name).headline.label) == label


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [("classification", 0.97041, "97.04 %"), ("denoising", 28.414, "28.41 dB"), ("segmentation", 0.6, "60.00 %")],
)
def test_scores_have_their_unit_and_decimals(name, value, shown):
    assert units.score(value, tasks.get(name).headline) == shown
    ssim = tasks.get("super-resolution").metrics[1]
    assert (units.score(0.9123, ssim), units.score(0.9123, ssim, 0.01)) == ("0.9123", "0.9123 ± 0.0100")


def test_the_table_has_all_metrics_in_their_units(rows, made):
    groups = runs.group(rows)
    heads, _, first, *_ = cells(table.markdown(groups))
    dense = groups[0]
    if dense["task"] == "segmentation":
        assert heads[3:6] == ["Test mIoU (%)", "95 % interval (±)", "Test pixel accuracy (%)"]
        assert first[5] == f"{100 * dense['test_pixel_accuracy']:.1f} ± {100 * dense['test_pixel_accuracy_std']:.1f}"
    else:
        assert heads[3:6] == ["Test luma PSNR (dB)", "95 % interval (±)", "Test luma SSIM"]
        assert first[3] == f"{dense['test']:.2f} ± {dense['test_std']:.2f}"
        assert first[5] == f"{dense['test_ssim']:.4f} ± {dense['test_ssim_std']:.4f}"
    value = json.loads(made[0][0].read_text())
    summary = table.summary(groups)
    for metric in tasks.get(dense["task"]).metrics:
        assert {metric.name, f"{metric.name}_std"} <= summary["vgg8/digits/dense"].keys()
        assert metric.name in value["val"]


def test_of_a_quantised_model_only_its_own_score_is_shown(rows):
    for row in rows:
        other = "ssim" if row["task"] == "super-resolution" else "pixel_accuracy"
        assert row[f"score_{other}"] == (None if row["runtime"] == "int8" else row[f"test_{other}"])
    again = runs.once(rows)
    assert not any(row["score"] is None for row in again)


def test_the_iou_of_each_class_stands_below_the_section(rows, baselines):
    groups = runs.group(rows)
    sections = table.sections(groups, baselines)
    per_class = [section for section in sections if "IoU per class" in section.title]
    if groups[0]["task"] != "segmentation":
        assert not per_class
        return
    assert [section.title for section in sections[:2]] == [
        "vgg8 on digits, measured on local (fp32)",
        "vgg8 on digits, measured on local (fp32): IoU per class (%), means",
    ]
    assert len(per_class) == 1  # int8 files have none of their own
    (section,) = per_class
    assert section.heads == ("Method", "Target", "n", "road", "a|b", "absent")
    assert section.rows[0] == ("majority class", "–", "–", "27.0", "23.0", "–")
    runs_of = [row for row in rows if row["variant"] == "dense" and row["runtime"] == "fp32"]
    assert section.rows[1][3] == f"{100 * sum(row['test_iou_road'] for row in runs_of) / 3:.1f}"
    assert "IoU per class" not in table.latex(groups, baselines)
    assert "| a\\|b |" in table.markdown(groups, baselines)


def test_a_baseline_is_the_first_row_everywhere_and_no_run(rows, baselines):
    groups = runs.group(rows)
    name, metric = baselines[0]["method"], runs.headline(rows)
    shown = units.score(baselines[0]["score"], metric)
    for text in (table.markdown(groups, baselines), comparison.sections(rows, baselines)):
        first = [after for line, after in zip(cells(text), cells(text)[2:]) if line[0] == "Method"]
        assert {line[0] for line in first} == {name}
        assert all(set(line[1:3]) == {"–"} and line[-1] == "–" for line in first)
        assert f"The first row, {name}, learnt nothing" in text
        assert f"against {name}" not in text
    assert f"{name} & -- & -- & " in table.latex(groups, baselines)
    assert f">{name}</td>" in table.page(groups, baselines)
    for text in (tradeoff.caption(groups, baselines), captions.results(groups, baselines)):
        assert f"{name} {shown}" in text
    for text in (table.markdown(groups), captions.results(groups), tradeoff.caption(groups)):
        assert name not in text
    other = [{**baselines[0], "dataset": "letters"}, {**baselines[0], "task": "classification"}]
    assert table.markdown(groups, other) == table.markdown(groups)


def test_a_baseline_is_a_dashed_line_of_the_trade_off(rows, baselines):
    metric, lowest = runs.headline(rows), min(row["score"] for row in rows)
    figure = tradeoff.draw(rows, "made up", [near := {**baselines[0], "score": lowest - 0.001}])
    label = units.inside(metric.label)
    assert figure.axes[0].get_ylabel() == f"Test {label}"
    for axes in (axes for axes in figure.axes if axes.axison):
        level = [line for line in axes.lines if line.get_linestyle() == "--"]
        assert [line.get_ydata()[0] for line in level] == [pytest.approx(near["score"] * metric.scale)]
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names[-1] == baseline.words(near, metric)
    style.plt.close(figure)
    figure = tradeoff.draw(rows, "made up", baselines)  # far below, where a line would squeeze the networks together
    assert not any(line.get_linestyle() == "--" for axes in figure.axes for line in axes.lines)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names[-1] == f"↓ {baseline.words(baselines[0], metric)}"
    style.plt.close(figure)
    figure = cost.draw(rows)
    assert figure.axes[0].get_ylabel() == f"Test {label}"
    style.plt.close(figure)


def test_differences_are_in_the_metrics_unit(rows):
    groups, metric = runs.group(rows), runs.headline(rows)
    unit = {"segmentation": "points", "super-resolution": "dB"}[groups[0]["task"]]
    text = comparison.sections(rows)
    assert f"| Difference ({unit}) |" in text
    assert ("points" in text) == (unit == "points")
    compared = pairs.compare([g for g in groups if g["runtime"] == "fp32"], metric)
    assert all(re.match(rf"(\+|−|)\d\.\d\d {unit}[ ,]", pairs.against(c, metric)) for c in compared)
    assert "accuracy" not in (tradeoff.caption(groups) + captions.results(groups) + cost.caption(groups)).lower()


def test_only_of_percentages_there_is_a_largest_difference():
    psnr, found = tasks.get("denoising").headline, pairs.difference.Difference(1.0, None, None, smallest=150.0)
    assert comparison._could_have(found, psnr, 2) == "150.00"
    assert comparison._could_have(found, tasks.get("segmentation").headline, 2) == "nothing"


def test_runs_of_several_tasks_share_a_table_of_runs(made, rows, tmp_path):
    other = runs.read(synthetic_runs.grid(tmp_path, dataset="letters", seeds=(0,))[0])
    (tmp_path / "runs.csv").write_text(table.to_csv([*other, *rows]))
    back = runs.read_csv(tmp_path / "runs.csv")
    assert back[len(other) :] == [{**dict.fromkeys(other[0]), **row} for row in rows]
    assert table.sections(runs.group(back)) == table.sections(runs.group(rows)) + table.sections(runs.group(other))


def test_a_baseline_that_cannot_be_read_is_refused(made, tmp_path):
    with pytest.raises(EdgepruneError, match="second file"):
        baseline.read([made[2], made[2]])
    with pytest.raises(EdgepruneError, match="not of the format"):
        baseline.read(made[0][:1])
    value = json.loads(made[2].read_text()) | {"test": {}}
    (tmp_path / "baseline.json").write_text(json.dumps(value))
    with pytest.raises(EdgepruneError, match="lacks a key"):
        baseline.read([tmp_path / "baseline.json"])


def test_the_scripts_take_baselines(made, tmp_path):
    metrics, measurements, path = made
    files = ["--metrics", *map(str, metrics), "--measurements", *map(str, measurements)]
    forms = ("csv", "md", "tex", "html", "caption")
    out = [part for form in forms for part in (f"--out-{form}", str(tmp_path / f"results.{form}"))]
    env, python = forked.environment({"PYTHONPATH": str(ROOT)})
    collected = ["--runs", tmp_path / "collected.csv"]
    command = [python, "scripts/collect_runs.py", *files, "--out", collected[1]]
    subprocess.run(command, check=True, env=env, cwd=ROOT)
    command = [python, "scripts/write_table.py", *collected, "--baselines", path, *out]
    subprocess.run(command, check=True, env=env, cwd=ROOT)
    name = json.loads(path.read_text())["name"]
    for form in ("md", "tex", "html", "caption"):
        assert name in (tmp_path / f"results.{form}").read_text()
    for file in ("runs.csv", "results.csv"):
        assert name not in (tmp_path / file).read_text()
    with open(tmp_path / "runs.csv") as stream:
        read = next(csv.DictReader(stream))
    assert float(read["test_ssim" if "test_ssim" in read else "test_iou_road"]) > 0
    drawn = [python, "scripts/draw_figure.py", "tradeoff", *collected, "--baseline", path]
    drawn += ["--out-png", tmp_path / "t.png", "--out-caption", tmp_path / "t.rst", "--out-csv", tmp_path / "t.csv"]
    subprocess.run(drawn, check=True, env=env, cwd=ROOT)
    assert f"Below the axis lies {name} " in (tmp_path / "t.rst").read_text()
    assert name not in (tmp_path / "t.csv").read_text()


def test_a_quantised_file_has_its_own_further_metrics_where_they_are_on_record(tmp_path):
    metrics, measurements, _ = synthetic_runs.grid(
        tmp_path, task="segmentation", seeds=(0,), places=(("local", "fp32"), ("local", "int8"))
    )
    for path in measurements:
        value = json.loads(path.read_text())
        if value["runtime"] == "int8":
            test = {"miou": value["accuracy"], "pixel_accuracy": 0.5, "iou": {"road": 0.4, "a|b": 0.3, "absent": None}}
            uncertain = {"images": 40, "standard_error": {"miou": 0.01}, "left_out": [0.6, 0.62]}
            val = {"miou": 0.61, "pixel_accuracy": 0.7}
            value["scores"] = {"test": test, "val": val, "val_uncertainty": uncertain}
            path.write_text(json.dumps(value))
    rows = runs.read(metrics, measurements)
    quantised = [row for row in rows if row["runtime"] == "int8"]
    own = {(row["score_pixel_accuracy"], row["score_iou_road"], row["own_val"]) for row in quantised}
    assert own == {(0.5, 0.4, 0.61)}
    assert all(row["val"] > 0.61 for row in quantised)  # the run's
    chosen = choice.at_place(rows, "local", "int8")
    assert {(row["val"], row["val_left_out"]) for row in chosen} == {(0.61, "0.6 0.62")}
    section = next(s for s in table.sections(runs.group(rows)) if s.title.endswith("(int8)"))
    assert {row[section.heads.index("Test pixel accuracy (%)")] for row in section.rows} == {"50.0"}
