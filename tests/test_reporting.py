"""Tables and captions, from made-up runs whose means are known."""

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import jinja2
import pytest

from edgeprune.plotting import cost, layer_complexity, speed, tradeoff
from edgeprune.reporting import (
    captions,
    difference,
    environment,
    macs_latency,
    pairs,
    runs,
    table,
    templates,
    units,
)
from helpers import synthetic_runs

SCRIPT = Path(__file__).parents[1] / "scripts" / "write_table.py"


def test_numbers_read_well():
    assert units.scale([3, 2_500_000, None], "flops") == (1e6, "MFLOPs")
    assert units.scale([512, 2048], "bytes") == (1024, "KiB")
    assert units.scale([], "params") == (1, "")
    assert units.one(2_750_000, "params") == "2.75 million"
    assert units.one(1_572_864, "bytes") == "1.50 MiB"
    assert [units.one(v, "time") for v in (2500, 12.34, 0.5, 0.0137)] == ["2.50 s", "12.3 ms", "0.500 ms", "13.7 µs"]
    assert units.one(950, "macs") == "950 MACs"
    assert [units.digits(v) for v in (0, 0.0123456, 9.996, 99.96, 1234.5)] == ["0", "0.0123", "10.0", "100", "1234"]
    assert units.spread(1.26, 0.14, 1) == "1.3 ± 0.1"
    assert units.spread(1.26, 0.04, 1) == "1.3 ± <0.1"
    assert units.spread(1.26, 0.0, 1) == "1.3 ± 0.0"
    assert (units.spread(1, None, 2), units.spread(None, None, 2)) == ("1.00", "–")


def test_markdown_has_a_row_for_each_group_with_units_in_the_head(rows):
    groups = runs.group(rows)
    lines = table.markdown(groups).splitlines()
    assert lines[0] == "## vgg8 on digits, measured on local (fp32)"
    body = [line for line in lines if line.startswith("|")]
    assert len(body) == 2 + 13
    assert len({line.count("|") for line in body}) == 1
    assert "Test accuracy (%)" in body[0]
    assert "FLOPs (MFLOPs)" in body[0]
    assert "Energy" not in body[0]  # nobody measured it
    dense = groups[0]
    assert f"{100 * dense['test']:.1f} ± {100 * dense['test_std']:.1f}" in body[2]
    heads = [cell.strip() for cell in body[0].split("|")]
    cells = [cell.strip() for cell in body[2].split("|")]
    assert cells[heads.index("n")] == "3"
    half = float(cells[heads.index("95 % interval (±)")])
    assert half == pytest.approx(100 * dense["test_std"] * 4.3027 / 3**0.5, abs=0.0051)
    flops = [cell.strip() for cell in body[0].split("|")].index("FLOPs (MFLOPs)")
    assert float(body[2].split("|")[flops]) == pytest.approx(dense["flops"] / 1e6, rel=5e-3)


def test_latex_has_no_sign_that_latex_cannot_read(rows):
    text = table.latex(runs.group(rows))
    assert text.count("\\toprule") == text.count("\\end{tabular}") == 1
    assert text.isascii()
    body = [line for line in text.splitlines() if line.endswith("\\\\")]
    assert len(body) == 14
    assert len({line.count(" & ") for line in body}) == 1
    assert not any(re.search(r"(?<!\\)[%#_]", line) for line in body)


def test_the_html_page_sorts_by_numbers_and_needs_nothing_else(rows):
    text = table.page(runs.group(rows))
    assert text.count("<tr>") == 1 + 13
    assert "http" not in text
    values = re.findall(r'data-value="([^"]*)"', text)
    assert float(values[3]) == pytest.approx(runs.group(rows)[0]["test"])


def test_names_with_signs_of_the_format_are_shown_as_they_are(rows):
    groups = [{**group, "network": "<b>_", "reference": "a|b&c"} for group in runs.group(rows)]
    text = table.page(groups)
    assert "<h2>&lt;b&gt;_ on digits" in text
    assert "a|b&amp;c (FA)</td>" in text
    assert "<b>" not in text
    assert "| a\\|b&c (FA) |" in table.markdown(groups)
    assert "a|b\\&c (FA) & $-$50 \\% &" in table.latex(groups)


def test_a_template_that_names_what_it_was_not_given_fails():
    with pytest.raises(jinja2.UndefinedError, match="title"):
        templates.render("results.html", sections=())


def test_a_section_without_measurements_has_no_measured_columns(grid):
    text = table.markdown(runs.group(runs.read(grid[0])))
    assert text.startswith("## vgg8 on digits\n")
    assert "Latency" not in text.partition("\n\nMeans")[0]


def test_tables_and_captions_say_who_is_ahead_in_the_same_words(places):
    _, groups = places
    here = [g for g in groups if runs.place(g) == "board (fp32)"]
    metric = runs.headline(here)
    compared = pairs.compare(here, metric)
    assert len(compared) == 2 * (3 + 3 + 1)  # each plan with dense and uniform, FA also with L1, at two targets
    behind = [c for c in compared if c.found.verdict == "behind"]
    assert 0 < len(behind) < len(compared)
    section = next(s for s in table.sections(groups) if s.title.endswith("board (fp32)"))
    assert section.compared.startswith("14 comparisons of test scores: ours is ")
    assert f"behind in {len(behind)} (" in section.compared
    for text in (
        table.markdown(groups),
        table.page(groups),
        table.latex(groups).replace("$-$", "−").replace("\\%", "%"),
    ):
        assert section.compared in text
    dense = next(c for c in behind if c.baseline["method"] == "dense")
    amount = difference.signed(100 * (dense.ours["score"] - dense.baseline["score"]))
    assert pairs.against(dense, metric).startswith(f"{amount} points [−")
    assert pairs.against(dense, metric).endswith("], behind dense")
    best = max((c for c in compared if c.baseline["method"] == "dense"), key=lambda c: c.ours["val"])
    for text in (captions.results(here), tradeoff.caption(here)):
        assert captions.escape(f"; {pairs.against(best, metric)}.") in text
    l1 = next(c for c in compared if c.baseline["method"] == "l1")
    assert captions.escape(f"; {pairs.against(l1, metric)}.") in cost.caption(here)


def test_captions_carry_the_numbers(rows):
    groups = runs.group(rows)
    text = tradeoff.caption(groups)
    assert f"{100 * groups[0]['test']:.2f}" in text
    assert text.count("\n- ") == 7 + 1  # and why there is no energy
    assert "Energy was not measured on local (fp32): no sensor can be read." in text
    assert "Results of 39 runs" in captions.results(groups)
    profile = synthetic_runs.vgg16()
    layers = profile.layer_table()
    text = layer_complexity.caption("my_net*", layers, profile.totals)
    assert "16 convolutional and linear layers" in text
    assert units.one(profile.totals["flops"], "flops") in text
    assert "my\\_net\\*" in text


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Groups of a grid on two devices with two runtimes, one of them not reached, with a baseline of three stages."""
    made = synthetic_runs.grid(
        tmp_path_factory.mktemp("places"),
        places=[(device, runtime) for device in ("board", "gone") for runtime in ("fp32", "int8")],
        baselines=("l1",),
        absent=("gone",),
    )
    return made, runs.group(runs.read(made[0], made[1], synthetic_runs.timings(made[0])))


def test_a_place_has_a_section_and_one_that_was_not_reached_says_why(places):
    _, groups = places
    sections = {section.title: section for section in table.sections(groups)}
    assert list(sections) == [
        f"vgg8 on digits, measured on {d} ({r})" for d in ("board", "gone") for r in ("fp32", "int8")
    ]
    there, gone = (
        sections["vgg8 on digits, measured on board (int8)"],
        sections["vgg8 on digits, measured on gone (int8)"],
    )
    assert "Energy (mJ), estimated" in there.heads
    speedup = there.heads.index("Speed-up")
    assert re.fullmatch(r"\d\.\d\d ± \d\.\d\d \[\d\.\d\d, \d\.\d\d\]", there.rows[0][speedup])
    assert not there.notes
    assert {row[gone.heads.index("Latency")] for row in gone.rows} == {"–"}
    assert {row[gone.heads.index("Test accuracy (%)")] for row in gone.rows} == {
        "–"
    }  # the int8 model's own is not known
    assert gone.notes == ("Latency was not measured on gone (int8): gone does not answer.",)
    for text in (table.markdown(groups), table.latex(groups), table.page(groups)):
        assert "gone does not answer" in text


def test_a_warning_of_the_measuring_stands_in_captions_and_tables(grid, tmp_path):
    value = json.loads(grid[1][0].read_text()) | {"warnings": ["other work took the CPU"]}
    (tmp_path / "warned.json").write_text(json.dumps(value))
    groups = runs.group(runs.read(grid[0], [tmp_path / "warned.json", *grid[1][1:]]))
    sentence = "Mind, measured on local (fp32) with a warning in 1 of 13 rows: other work took the CPU."
    for text in (table.markdown(groups), tradeoff.caption(groups), speed.caption(groups)):
        assert sentence in text


def test_int8_has_its_own_score_and_size(places):
    _, groups = places
    chosen = {runs.place(g): g for g in groups if g["variant"] == "PA-0.50"}
    fp32, int8 = chosen["board (fp32)"], chosen["board (int8)"]
    assert fp32["score"] == fp32["test"] == int8["test"]
    assert int8["score"] < int8["test"]
    assert int8["file_bytes"] < fp32["file_bytes"] / 3
    assert chosen["gone (fp32)"]["score"] == fp32["test"]
    assert chosen["gone (int8)"]["score"] is None


def test_runs_come_back_from_their_csv(places, tmp_path):
    made, groups = places
    rows = runs.read(made[0], made[1], synthetic_runs.timings(made[0]))
    (tmp_path / "runs.csv").write_text(table.to_csv(rows))
    back = runs.read_csv(tmp_path / "runs.csv")
    assert back == rows
    assert runs.group(back) == groups


def test_a_row_names_the_files_that_its_numbers_are_from(grid, tmp_path):
    metrics, measurements, _ = grid
    rows = runs.read(metrics, measurements[1:])
    for row in rows:
        assert json.loads(Path(row["metrics_file"]).read_text())["test"]["accuracy"] == row["test"]
        if row["device"]:
            assert json.loads(Path(row["measurement_file"]).read_text())["latency_ms"]["p50"] == row["latency_p50_ms"]
    assert {row["metrics_file"] for row in rows} == set(map(str, metrics))
    assert {row["measurement_file"] for row in rows} == {None, *map(str, measurements[1:])}
    assert not {"metrics_file", "measurement_file"} & runs.group(rows)[0].keys()
    (tmp_path / "runs.csv").write_text(table.to_csv(rows))
    assert runs.read_csv(tmp_path / "runs.csv") == rows
    assert {row["measurement_file"] for row in runs.once(rows)} == {None}


def test_stages_of_a_peer_add_up(places):
    baseline = next(g for g in places[1] if g["method"] == "l1")
    for name in ("training_flops", "training_seconds", "training_joules"):
        assert sum(baseline[f"stage_{s}_{name}"] for s in ("train", "prune", "finetune")) == pytest.approx(
            baseline[name]
        )
    single = next(g for g in places[1] if (g["method"], g["mode"]) == ("complexity", "FA"))
    assert single["stage_train_training_flops"] == single["training_flops"]
    assert single["stage_finetune_training_flops"] is None
    text = cost.caption(places[1])
    less = 100 * (1 - single["training_seconds"] / baseline["training_seconds"])
    assert less > 0
    assert f"{less:.0f} % less time" in text


def test_macs_predict_time_as_far_as_they_do(places):
    dense = {"method": "dense", "macs": 100, "latency_ms": 10.0}
    others = [{"method": "complexity", "macs": m, "latency_ms": t} for m, t in ((50, 5.0), (25, 5.0), (80, 16.0))]
    found = macs_latency.of([dense, *others])
    assert found.ratios == pytest.approx((1.0, 2.0, 2.0))
    assert found.rank == pytest.approx(3.5 / 22.5**0.5)  # ranks 4 2 1 3 and 3 1.5 1.5 4
    assert macs_latency.of(others[:1]).rank is None
    assert macs_latency.of([{**row, "latency_ms": 1.0} for row in others]).rank is None
    text = speed.caption(places[1])
    assert text.count("\n- ") == 3  # two places, and why not the third
    assert "gone does not answer" in text


def test_the_environment_is_a_page_with_devices_packages_commit_and_configuration(places, tmp_path):
    (tmp_path / "config.yaml").write_text("title: <made up>\n")
    (tmp_path / "requirements.in").write_text("numpy==1\n-r other.in\nno-such-package-of-ours\n")
    metrics, measurements, _ = places[0]
    timings = synthetic_runs.timings(metrics)
    files = (tmp_path / "requirements.in", tmp_path / "config.yaml")
    text = environment.page(metrics, measurements, timings, *files, root=tmp_path)
    for part in (
        "made up for board",
        "gone does not answer",
        "not in this environment",
        "&lt;made up&gt;",
        "no git rep",
    ):
        assert part in text, part
    assert "http" not in text
    assert "board (fp32), board (int8), gone (fp32)" in environment.caption(measurements, tmp_path)


def test_captions_are_valid_restructured_text(rows, places):
    from docutils.core import publish_parts

    profile = synthetic_runs.vgg16()
    for text in (
        tradeoff.caption(runs.group(rows)),
        tradeoff.caption(places[1]),
        cost.caption(places[1]),
        speed.caption(places[1]),
        environment.caption(places[0][1]),
        captions.results(runs.group(rows)),
        layer_complexity.caption("a_*b`", profile.layer_table(), profile.totals),
    ):
        settings = {"halt_level": 2, "report_level": 2, "warning_stream": io.StringIO()}
        assert "<strong>" in publish_parts(text, writer="html", settings_overrides=settings)["body"]


def test_the_script_writes_every_form_from_lists_of_files(grid, rows, tmp_path):
    for name, paths in (("m.txt", grid[0]), ("x.txt", grid[1])):
        (tmp_path / name).write_text("\n".join(map(str, paths)))
    env = {"PYTHONPATH": str(SCRIPT.parents[1])}
    files = ["--metrics", f"@{tmp_path}/m.txt", "--measurements", f"@{tmp_path}/x.txt"]
    collect = [sys.executable, str(SCRIPT.with_name("collect_runs.py")), *files, "--out", str(tmp_path / "all.csv")]
    subprocess.run(collect, check=True, env=env)
    command = [sys.executable, str(SCRIPT), "--runs", str(tmp_path / "all.csv")]
    for form in ("csv", "md", "tex", "html", "caption"):
        command += [f"--out-{form}", str(tmp_path / f"results.{form}")]
    subprocess.run(command, check=True, env=env)
    with open(tmp_path / "runs.csv") as stream:
        read = list(csv.DictReader(stream))
    assert len(read) == 39
    assert float(read[0]["test"]) == rows[0]["test"]
    assert read[0]["energy_mj"] == ""
    with open(tmp_path / "results.csv") as stream:
        assert [int(row["n"]) for row in csv.DictReader(stream)] == [3] * 13


def test_the_summary_has_each_variants_means(rows):
    summary = {name.rpartition("/")[2]: values for name, values in table.summary(runs.group(rows)).items()}
    assert set(summary) == {row["variant"] for row in rows}
    assert summary["dense"]["accuracy"] == pytest.approx(sum(r["test"] for r in rows[:3]) / 3, abs=1e-6)
    assert summary["dense"]["local_fp32_latency_ms"] > 0


def changed(grid, folder, change):
    """Groups of a grid whose measurements are changed by ``change(value)``."""
    measured = []
    for number, path in enumerate(grid[1]):
        value = json.loads(path.read_text())
        change(value)
        measured.append(folder / f"{number}.json")
        measured[-1].write_text(json.dumps(value))
    return runs.group(runs.read(grid[0], measured))


def test_a_speed_up_that_the_device_cannot_resolve_is_marked(grid, tmp_path):
    def change(value):
        value["resolution"] = 0.03
        if value["run"]["variant"] == "PA-0.50":
            value |= {"speedup": 1.02, "speedup_low": 1.01, "speedup_high": 1.03}

    groups = changed(grid, tmp_path, change)
    (section,) = table.sections(groups)
    column = section.heads.index("Speed-up")
    cells = {row[:2]: row[column] for row in section.rows}
    assert cells["PA", "−50 %"] == "1.02 ± 0.00 [1.01, 1.03] ≈"
    assert not any("≈" in cell for (_, target), cell in cells.items() if target == "−70 %")
    assert "≈: no difference that local can resolve (3.0 %)." in section.notes
    assert "≈" not in table.markdown(changed(grid, tmp_path, lambda value: None))


def test_where_int8_is_slower_the_table_says_so(tmp_path):
    made = synthetic_runs.grid(tmp_path, places=(("local", "fp32"), ("local", "int8")))

    def change(value):
        if value["runtime"] == "int8" and value["run"]["variant"] in ("FA-0.50", "FA-0.70"):
            value |= {"speedup": 0.4, "speedup_low": 0.39, "speedup_high": 0.41}

    plain, quantised = table.sections(changed(made, tmp_path, change))
    (said,) = [note for note in quantised.notes if "slower" in note]
    assert said.startswith("int8 is slower than fp32 in 2 of 13 networks on local, most in FA-0.70 (2.25 ms against")
    assert not any("slower" in note for note in plain.notes)
