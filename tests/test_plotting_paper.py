"""Figures as a journal wants them: axes that tell something, targets by name, files that can be printed."""

import re

import pytest

from edgeprune.plotting import cost, style, tradeoff
from edgeprune.reporting import latency, resolved, runs
from helpers import synthetic_runs


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    made = synthetic_runs.grid(tmp_path_factory.mktemp("grid"), baselines=("l1",))
    return runs.read(made[0], made[1], synthetic_runs.timings(made[0]))


def titles(figure):
    return [axes.get_xlabel().partition(" (")[0] for axes in figure.axes if axes.axison]


def group(mean, std, count=2, **others):
    return {"cpu_percent": mean, "cpu_percent_std": std, "n": count, "resolution": None, **others}


def test_a_measured_resource_is_told_by_its_scatter_and_by_what_the_device_resolves():
    assert resolved.differs([group(50, 1), group(60, 1), group(61, 1)], "cpu_percent")
    assert not resolved.differs([group(50, 9), group(60, 9), group(61, 9)], "cpu_percent")  # scatters as much
    assert not resolved.differs([group(98, 0.01), group(99, 0.01)], "cpu_percent")  # told, but 1 %
    assert resolved.differs([group(98, 0.01), group(99, 0.01, resolution=0.005)], "cpu_percent")
    assert not resolved.differs([group(50, 1), group(60, 1, resolution=0.3)], "cpu_percent")
    assert resolved.differs([group(50, None, 1), group(60, None, 1)], "cpu_percent")  # of one run each
    assert resolved.differs([group(50, 0), group(60, 0)], "cpu_percent")
    assert not resolved.differs([group(50, 1)], "cpu_percent")


def test_latency_is_told_by_the_intervals_and_a_count_by_any_difference():
    def fast(speedup, low, high, **others):
        named = {"dense_latency_ms": 1, "speedup": speedup, "speedup_low": low, "speedup_high": high}
        return {"resolution": None, "n": 1, **latency.of(named), **others}

    assert resolved.differs([fast(1, 0.95, 1.05), fast(1.2, 1.1, 1.3)], "latency_ms")
    assert not resolved.differs([fast(1, 0.9, 1.15), fast(1.2, 1.1, 1.3)], "latency_ms")
    assert not resolved.differs([fast(1, 0.95, 1.05, resolution=0.4), fast(1.2, 1.1, 1.3)], "latency_ms")
    assert resolved.differs([{"params": 1000}, {"params": 1001}], "params")
    assert not resolved.differs([{"params": 1000}, {"params": 1000}], "params")


def test_what_does_not_differ_has_no_axis_but_a_range_in_the_caption(rows):
    figure, said = tradeoff.draw(rows), tradeoff.caption(runs.group(rows))
    assert "CPU utilisation" not in titles(figure)
    low, high = (choose(g["cpu_percent"] for g in runs.group(rows)) for choose in (min, max))
    assert f"CPU utilisation on local (fp32), {low:.1f} to {high:.1f} % of one core" in said
    assert "Latency" not in said.partition("No axis")[2].partition("\n")[0]
    style.plt.close(figure)
    same = [row | {"memory": 1024.0} for row in rows]
    figure = tradeoff.draw(same)
    assert "Feature maps" not in titles(figure)
    assert "feature maps, 1.00 KiB" in tradeoff.caption(runs.group(same))
    style.plt.close(figure)


def test_no_more_than_a_sixth_of_the_page_is_empty():
    for count in range(1, 30):
        wide = tradeoff.columns(count)
        tall = -(-count // wide)
        assert wide <= 5
        assert wide * tall - count <= wide * tall / 6


def test_markers_have_their_target_where_there_is_more_than_one(rows):
    figure = tradeoff.draw(rows, "made up")
    for axes in (axes for axes in figure.axes if axes.axison):
        assert {text.get_text() for text in axes.texts} == {"−50", "−70"}
    style.plt.close(figure)
    few = [row for row in rows if row["target"] in (None, 0.5)]
    figure = tradeoff.draw(few, "made up")
    assert not any(axes.texts for axes in figure.axes)
    assert figure.get_suptitle() == "made up, target −50 %"
    style.plt.close(figure)


def test_the_caption_speaks_of_what_is_there(rows):
    said = tradeoff.caption(runs.group(rows))
    assert "lines join the targets" in said
    assert "quantised" not in said
    assert "dashed" not in said
    one = [row for row in rows if row["target"] in (None, 0.5) and row["seed"] == 0]
    said = tradeoff.caption(runs.group(one))
    for absent in ("lines join", "standard deviation", "small markers"):
        assert absent not in said
    alone = [row for row in rows if row["method"] != "l1"]
    for absent in ("hatched", "crossed", "three stages"):
        assert absent not in cost.caption(runs.group(alone))
        assert absent in cost.caption(runs.group(rows))


def test_ticks_are_round_and_bars_stay_inside(rows):
    figure = tradeoff.draw(rows)
    figure.draw_without_rendering()
    for axes in (axes for axes in figure.axes if axes.axison):
        for axis in (axes.xaxis, axes.yaxis):
            steps = {round(abs(b - a), 9) for a, b in zip(axis.get_ticklocs(), axis.get_ticklocs()[1:])}
            if axis.get_scale() == "linear":
                assert all(re.match(r"[125]0*$", f"{step:.9f}".replace(".", "").strip("0")) for step in steps)
        low, high = axes.get_xlim()
        for bars in axes.containers:
            for segment in bars.lines[2][0].get_segments():
                assert low <= min(segment[:, 0]) <= max(segment[:, 0]) <= high
    style.plt.close(figure)


def test_seconds_have_error_bars(rows):
    figure = cost.draw(rows)
    panels = dict(zip(titles(figure)[1:], figure.axes[1:]))
    for name in ("Training time", "Training energy"):
        bars = [line for lines in panels[name].collections for line in lines.get_segments()]
        spreads = [g["training_seconds_std"] for g in runs.group(runs.once(rows))]
        assert len(bars) == sum(spread > 0 for spread in spreads) > 6
    style.plt.close(figure)


def test_a_pdf_has_its_fonts_as_truetype_and_no_date(rows, tmp_path):
    for name in ("a", "b"):
        style.save(tradeoff.draw(rows, "made up"), pdf=tmp_path / f"{name}.pdf")
    content = (tmp_path / "a.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    assert b"/FontFile2" in content
    assert b"/Type3" not in content
    assert b"Date" not in content
    assert content == (tmp_path / "b.pdf").read_bytes()
