"""Figures: that they show the data, keep names apart, and come out the same bit for bit. (They were also looked at.)"""

import csv
import math
import subprocess
import sys
from pathlib import Path

import pytest
from matplotlib.collections import PathCollection

from edgeprune.errors import EdgepruneError
from edgeprune.plotting import cost, labels, layer_complexity, speed, style, tradeoff, widths
from edgeprune.reporting import runs, table
from helpers import forked, synthetic_runs

sys.path.append(str(Path(__file__).parents[1] / "scripts"))

import draw_figure

pytestmark = pytest.mark.long
SCRIPTS = Path(__file__).parents[1] / "scripts"


@pytest.mark.parametrize("network", ["vgg16", "resnet50", "mobilenetv2"])
def test_bubbles_show_every_layer_and_names_do_not_collide(network):
    rows = getattr(synthetic_runs, network)().layer_table()
    figure = layer_complexity.draw(rows, network)
    axes = figure.axes[0]
    circles = {tuple(map(float, line.get_xydata()[0])) for line in axes.lines if line.get_marker() == "o"}
    divisor = max(x for x, _ in circles) / max(row["flops"] for row in rows)
    memory = max(y for _, y in circles) / max(row["memory"] for row in rows)
    wanted = {(row["flops"] * divisor, row["memory"] * memory) for row in rows}
    assert all(any(c == pytest.approx(w) for c in circles) for w in wanted)

    renderer, frame = figure.canvas.get_renderer(), axes.get_window_extent()
    boxes = [text.get_window_extent(renderer) for text in axes.texts]
    assert len(boxes) >= 5
    for index, box in enumerate(boxes):
        assert frame.x0 - 1 <= box.x0 <= box.x1 <= frame.x1 + 1
        assert frame.y0 - 1 <= box.y0 <= box.y1 <= frame.y1 + 1
        assert not any(box.overlaps(other) for other in boxes[:index])
    if network == "vgg16":
        names = " ".join(text.get_text() for text in axes.texts)
        assert all(name in names for name in ("conv1_1", "conv1_2", "conv4_1", "conv5_1", "fc1", "fc3"))
    assert "FLOPs" in axes.get_xlabel()
    assert "iB" in axes.get_ylabel()
    style.plt.close(figure)


def test_area_of_a_bubble_is_its_parameters():
    big, small = layer_complexity._radius(4_000_000, 4_000_000), layer_complexity._radius(1_000_000, 4_000_000)
    assert (big / small) ** 2 == pytest.approx(4)
    assert layer_complexity._radius(0, 0) > 0


def test_axes_follow_the_range():
    rows = synthetic_runs.vgg16().layer_table()
    scales = {}
    for name, chosen, scale in (("all", rows, "auto"), ("few", rows[1:4], "auto"), ("log", rows, "log")):
        figure = layer_complexity.draw(chosen, scale=scale)
        scales[name] = figure.axes[0].get_xscale()
        assert ("square-root" in figure.axes[0].get_xlabel()) == (name == "all")
        style.plt.close(figure)
    assert scales == {"all": "function", "few": "linear", "log": "log"}


def test_names_lose_what_tells_nothing():
    assert layer_complexity.short_names(["net.features.a", "net.head.b"]) == ["a", "b"]
    assert layer_complexity.short_names(["a.conv", "b.conv"]) == ["a.conv", "b.conv"]
    assert layer_complexity.short_names(["features.0", "features.1"]) == ["features.0", "features.1"]


def test_a_name_that_finds_no_place_is_left_out():
    figure = style.plt.figure(figsize=(1, 1))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 1), ylim=(0, 1))
    figure.canvas.draw()
    points, names = [(0.5, 0.5)] * 12, [f"a long name {i}" for i in range(12)]
    written = labels.place(axes, points, names, [3] * 12, list(range(12)))
    assert 1 <= len(written) < 12
    assert written[0] == "a long name 0"
    style.plt.close(figure)


def test_pareto_front():
    points = [(1, 0.5), (2, 0.7), (3, 0.6), (3, 0.9), (4, 0.9), (1, 0.4)]
    assert tradeoff.pareto(points) == [(1, 0.5), (2, 0.7), (3, 0.9)]
    assert tradeoff.pareto([(1, 9.0), (2, 3.0), (3, 5.0)], higher_is_better=False) == [(1, 9.0), (2, 3.0)]


def test_tradeoff_has_a_panel_for_each_resource_with_a_unit(rows):
    figure = tradeoff.draw(rows, "made up")
    titles = [axes.get_xlabel() for axes in figure.axes if axes.axison]
    assert len(titles) == 7  # energy was not measured, CPU utilisation is the same everywhere
    assert all(title.endswith(")") for title in titles)
    assert figure.axes[0].get_ylabel() == "Test accuracy (%)"
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == [
        "dense", "PA", "FA", "MA", "uniform (PA)", "uniform (FA)", "uniform (MA)", "Pareto front",
    ]  # fmt: skip
    params = figure.axes[0]
    dots = [tuple(o) for c in params.collections if isinstance(c, PathCollection) for o in c.get_offsets()]
    wanted = [(row["params"] / 1e6, 100 * row["test"]) for row in rows]
    assert sorted(dots) == [pytest.approx(point) for point in sorted(wanted)]
    low, high = params.get_xlim()
    assert low < min(wanted)[0] < max(wanted)[0] < high
    style.plt.close(figure)


def test_tradeoff_without_measurements_and_with_one_seed(grid):
    figure = tradeoff.draw(runs.read([path for path in grid[0] if "seed-0" in str(path)]))
    titles = [axes.get_xlabel() for axes in figure.axes if axes.axison]
    assert len(titles) == 5
    assert not any("Latency" in title or "Energy" in title for title in titles)
    style.plt.close(figure)


def test_a_run_that_one_device_lacks_is_still_counted_once(rows):
    here = [row for row in rows if row["variant"] != "PA-0.50"]
    board = [{**row, "device": "board"} for row in rows]
    figure = tradeoff.draw(here + board)
    dots = [len(c.get_offsets()) for c in figure.axes[0].collections if isinstance(c, PathCollection)]
    assert sum(dots) == 39
    measured = [axes for axes in figure.axes if "Latency" in axes.get_xlabel()]
    assert [axes.get_title("left") for axes in measured] == ["on board (fp32)", "on local (fp32)"]
    style.plt.close(figure)


@pytest.mark.parametrize(("sources", "label"), [("u", "mJ"), ("e", "mJ, estimated"), ("ue", "mJ, partly estimated")])
def test_energy_has_a_panel_once_it_was_measured_and_says_if_it_was_guessed(rows, sources, label):
    names = {"u": "rapl", "e": "estimated"}
    measured = [
        {**row, "energy_mj": 1.0 + row["flops"] / 1e7, "energy_source": names[sources[index % len(sources)]]}
        for index, row in enumerate(rows)
    ]
    figure = tradeoff.draw(measured)
    assert f"Energy ({label})" in [axes.get_xlabel() for axes in figure.axes]
    style.plt.close(figure)


def test_series_differ_without_colour():
    looks = set()
    for method in ("complexity", "uniform", "random", "l1"):
        for mode in ("PA", "FA", "MA", "LA", "EA"):
            look = style.marker(method, mode)
            looks.add((look["marker"], look["fillstyle"]))
    assert len(looks) == 20


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Rows of a grid on two devices with two runtimes, one device not reached, with a baseline of three stages."""
    made = synthetic_runs.grid(
        tmp_path_factory.mktemp("places"),
        places=[(device, runtime) for device in ("local", "board", "gone") for runtime in ("fp32", "int8")],
        baselines=("l1",),
        absent=("gone",),
    )
    return runs.read(made[0], made[1], synthetic_runs.timings(made[0]))


def test_each_place_has_its_row_with_the_score_of_what_ran_there(places):
    figure = tradeoff.draw(places)
    latency = [axes for axes in figure.axes if "Latency" in axes.get_xlabel()]
    titles = [axes.get_title("left").removeprefix("on ") for axes in latency]
    assert titles == ["board (fp32)", "board (int8)", "local (fp32)", "local (int8)"]
    for axes, title in zip(latency, titles):
        dots = [tuple(o) for c in axes.collections if isinstance(c, PathCollection) for o in c.get_offsets()]
        here = [row for row in places if runs.place(row) == title]
        assert sorted(y for _, y in dots) == pytest.approx(sorted(100 * row["score"] for row in here))
    assert any(row["score"] < row["test"] for row in places if row["runtime"] == "int8" and row["score"])
    style.plt.close(figure)


def test_bars_add_up_stage_by_stage(places):
    figure = cost.draw(places)
    panels = {axes.get_xlabel().partition(" (")[0]: axes for axes in figure.axes[1:]}
    assert list(panels) == ["Training compute, estimated", "Training time", "Training energy"]
    groups = runs.group(runs.once(places))
    for column, axes in zip(("training_flops", "training_seconds", "training_joules"), panels.values()):
        ends = {}
        for bar in axes.patches:
            place = round(bar.get_y() + bar.get_height() / 2)
            ends[place] = max(ends.get(place, 0), bar.get_x() + bar.get_width())
        factor = groups[0][column] / ends[0]
        assert [end * factor for _, end in sorted(ends.items())] == pytest.approx([g[column] for g in groups])
    baseline = next(index for index, g in enumerate(groups) if g["method"] == "l1")
    bars = [b for b in panels["Training time"].patches if round(b.get_y() + b.get_height() / 2) == baseline]
    assert len(bars) == 3  # dense training, pruning, fine-tuning
    assert len({b.get_hatch() for b in bars}) == 3
    style.plt.close(figure)


def test_cost_without_joules_has_no_panel_of_them(grid):
    figure = cost.draw(runs.read(grid[0]))
    assert [axes.get_xlabel().partition(" (")[0] for axes in figure.axes[1:]] == ["Training compute, estimated"]
    style.plt.close(figure)


def test_speed_has_the_line_of_proportion_and_a_place_that_was_not_reached_says_why(places):
    figure = speed.draw(places)
    panels = {axes.get_title("left"): axes for axes in figure.axes}
    assert list(panels) == [f"{d} ({r})" for d in ("board", "gone", "local") for r in ("fp32", "int8")]
    assert "gone does not answer" in panels["gone (int8)"].texts[0].get_text()
    dense = next(g for g in runs.group(places) if runs.place(g) == "local (fp32)" and g["method"] == "dense")
    line = next(
        line for line in panels["local (fp32)"].lines if len(line.get_xdata()) == 2 and line.get_xdata()[0] == 0
    )
    slope = line.get_ydata()[1] / line.get_xdata()[1]
    assert slope == pytest.approx(dense["latency_ms"] / (dense["macs"] / 1e6))
    style.plt.close(figure)
    nothing = [{**row, "device": None} for row in places]
    style.plt.close(speed.draw(nothing))


def test_lighter_svg_keeps_transforms():
    text = (
        '<g transform="scale(0.015625)">\n   <path d="M 1.23456 2 L 3.99999 4"/><!-- 1.2 --><use x="7.123" y="1"/></g>'
    )
    assert style._lighter(text) == (
        '<g transform="scale(0.015625)">\n<path d="M 1.23 2 L 3.99 4"/><use x="7.12" y="1"/></g>'
    )


def test_widths_show_means_over_the_seeds(grid, tmp_path):
    rows = widths.read(grid[2])
    assert len(rows) == 39 * 8
    figure = widths.draw(rows, "made up")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["target −50 %", "target −70 %"]
    first = figure.axes[0]
    kept = [r["kept"] for r in rows if (r["series"], r["target"], r["layer"]) == ("PA", 0.5, "features.7.conv")]
    heights = [line.get_ydata()[7] for line in first.lines if len(line.get_ydata()) == 8]
    assert len(kept) == 3
    assert any(math.isclose(height, sum(kept) / 3) for height in heights)
    style.plt.close(figure)
    with pytest.raises(EdgepruneError, match="not a plan"):
        widths.read(grid[0][:1])


def test_scripts_write_the_same_files_twice(grid, tmp_path):
    profile = tmp_path / "profile.json"
    synthetic_runs.vgg16().save(profile)
    (tmp_path / "plans.txt").write_text("\n".join(map(str, grid[2])))
    (tmp_path / "runs.csv").write_text(table.to_csv(runs.read(*grid[:2])))
    jobs = {
        "layer_complexity": ["--profile", profile],
        "tradeoff": ["--runs", tmp_path / "runs.csv"],
        "cost": ["--runs", tmp_path / "runs.csv"],
        "speed": ["--runs", tmp_path / "runs.csv"],
        "widths": ["--plans", f"@{tmp_path}/plans.txt", "--network", "vgg8", "--dataset", "digits"],
    }
    made, running = {}, []
    environment, python = forked.environment({"PYTHONPATH": str(SCRIPTS.parent)})
    for turn in ("a", "b"):  # one after the other in this process, each in its own
        for figure, arguments in jobs.items():
            forms = ("svg", "png", "pdf", "csv", "caption")
            out = [f"--out-{form}={tmp_path}/{turn}/{figure}.{form}" for form in forms]
            if turn == "a":
                draw_figure.main([figure, *map(str, arguments), *out])
            else:
                command = [python, "scripts/draw_figure.py", figure, *arguments, *out]
                running.append(subprocess.Popen(command, env=environment, cwd=SCRIPTS.parent))
        assert all(process.wait() == 0 for process in running)
        made[turn] = {path.name: path.read_bytes() for path in (tmp_path / turn).iterdir()}
    assert len(made["a"]) == 25
    assert made["a"] == made["b"]
    for name, content in made["a"].items():
        assert len(content) < 300_000, name
    with open(tmp_path / "a" / "layer_complexity.csv") as stream:
        assert len(list(csv.DictReader(stream))) == 16
