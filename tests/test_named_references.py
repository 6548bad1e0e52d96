"""References with names of their own, budgets and seeds apart in tables, figures and recommendations."""

import itertools
import json

import pytest

from edgeprune.cli import main
from edgeprune.config import limits
from edgeprune.errors import EdgepruneError
from edgeprune.plotting import cost, prediction, speed, style, tradeoff, widths
from edgeprune.reporting import captions, pairs, planned, refine, runs, table
from edgeprune.reporting.choice import Constraint, choose
from edgeprune.sampling.sample import sample
from helpers import synthetic_runs, tables
from helpers.profiles import ALL

SEEDS = ((0, 0), (1, 0), (5, 3))
LABELS = [
    "dense", "PA", "FA", "MA", "budget small", "L1 (FA)", "layer (FA)", "layer (MA)", "layer (small)", "longer (FA)",
    "mine (FA)", "tuned", "uniform (PA)", "uniform (FA)", "uniform (MA)", "uniform (small)",
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("named") / "results"


@pytest.fixture(scope="module")
def grid(folder):
    return synthetic_runs.grid(folder, seeds=SEEDS, baselines=("l1",), named=synthetic_runs.NAMED)


@pytest.fixture(scope="module")
def rows(grid):
    return runs.read(*grid[:2], synthetic_runs.timings(grid[0]))


def test_runs_are_labelled_and_ordered_by_what_they_say_of_themselves(rows):
    assert list(dict.fromkeys(runs.label(row) for row in rows)) == LABELS
    assert {row["variant"] for row in rows if runs.is_main(row)} == {
        "small", *(f"{mode}-{target:.2f}" for mode in ("PA", "FA", "MA") for target in synthetic_runs.TARGETS)
    }  # fmt: skip
    assert {row["variant"] for row in rows if runs.is_dense(row)} == {"dense"}
    assert {row["variant"] for row in rows if row["budget"]} == {"small", "uniform-small", "layer-small"}


def test_groups_hold_the_seeds_of_one_variant_and_no_mean_of_seeds(rows):
    groups = runs.group(rows)
    assert [row["n"] for row in groups] == [3] * len(groups)
    assert len({row["variant"] for row in groups}) == len(groups)
    assert not {"seed", "plan_seed", "seed_std", "plan_seed_std"} & groups[0].keys()


def test_runs_that_share_a_seed_are_no_replicates(rows):
    """Seeds (0, 0), (1, 0), (5, 3): dense is trained twice, and so are plans at most as often as trainings differ."""
    found = {row["variant"]: row for row in runs.group(rows)}
    assert {found[name]["score_n"] for name in ("dense", "FA-0.50", "uniform-FA-0.50")} == {2}
    one = [row for row in rows if row["seed"] == 0]
    assert {row["score_n"] for row in runs.group(one)} == {1}
    assert all(row["score_half"] is None for row in runs.group(one))


def test_equal_training_seeds_of_two_plans_are_two_runs(rows, grid):
    dense = [row for row in rows if row["variant"] == "dense"]
    assert [(row["plan_seed"], row["seed"]) for row in dense] == [(0, 0), (1, 0), (5, 3)]
    assert len({row["latency_p50_ms"] for row in rows if row["variant"] == "FA-0.50"}) > 1
    assert len(runs.once(rows)) == len(rows)
    with pytest.raises(EdgepruneError, match=r"second file for the run vgg8/digits/dense/seed-0"):
        runs.read([grid[0][0], grid[0][0]])


def test_runs_come_back_from_their_csv_and_from_one_of_an_earlier_version(rows, tmp_path):
    (tmp_path / "runs.csv").write_text(table.to_csv(rows))
    assert runs.read_csv(tmp_path / "runs.csv") == rows
    old = [{k: v for k, v in row.items() if k not in ("reference", "budget", "plan_seed")} for row in rows]
    old = [row for row in old if row["variant"] in ("FA-0.50", "uniform-FA-0.50")]
    (tmp_path / "old.csv").write_text(table.to_csv(old))
    found = runs.read_csv(tmp_path / "old.csv")
    assert {(row["variant"], row["reference"]) for row in found} == {
        ("FA-0.50", None), ("uniform-FA-0.50", "uniform")
    }  # fmt: skip
    assert all(row["plan_seed"] == row["seed"] for row in found)


def test_only_rivals_asked_for_the_same_are_compared(rows):
    compared = {}
    for found in pairs.compare(runs.group(rows), runs.headline(rows)):
        compared.setdefault(pairs.title(found.ours), set()).add(runs.label(found.baseline))
    assert set(compared) == {"budget small"} | {
        f"{mode} at −{100 * target:g} %" for mode in ("PA", "FA", "MA") for target in synthetic_runs.TARGETS
    }
    others = {"uniform (FA)", "layer (FA)", "longer (FA)", "mine (FA)", "L1 (FA)"}
    assert compared["FA at −50 %"] == {"dense"} | others
    assert compared["PA at −50 %"] == {"dense", "uniform (PA)"}
    assert compared["budget small"] == {"dense", "uniform (small)", "layer (small)"}


def test_figures_tell_all_series_apart_and_draw_them(rows, grid):
    looks = style.Looks(rows)
    kinds = {(m["marker"], m["fillstyle"], m["color"]) for m in map(looks.marker, rows)}
    assert len(kinds) == len(LABELS)
    assert len({kind[:2] for kind in kinds}) == len(LABELS)  # without colour too
    for module in (tradeoff, speed, cost):
        figure = module.draw(rows, "made up")
        assert set(LABELS) <= {text.get_text() for text in figure.legends[0].get_texts()}
        style.plt.close(figure)
    variants = {row["variant"]: {key: row[key] for key in ("reference", "budget")} for row in rows}
    found = widths.read(grid[2], variants)
    figure = widths.draw(found)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["target −50 %", "target −70 %", "budget small"]
    shown = [text.get_text() for text in figure.legends[0].get_texts()]
    assert set(shown) == set(LABELS) - {"tuned"}
    assert len(shown) == len(set(shown))
    style.plt.close(figure)


def test_captions_name_every_series(rows, grid):
    said = tradeoff.caption(runs.group(rows))
    for name in set(LABELS) - {"dense", "tuned"}:
        assert f"- {name}, best on validation" in said
    variants = {row["variant"]: {key: row[key] for key in ("reference", "budget")} for row in rows}
    said = widths.caption("vgg8", "digits", widths.read(grid[2], variants))
    for name in ("budget small", "layer (FA) at −50 %", "uniform (small)"):
        assert f"- {name}: " in said
    assert f"({sum(json.loads(path.read_text())['method'] != 'dense' for path in grid[2])} in all)" in said
    said = cost.caption(runs.group(runs.once(rows)))
    assert "; L1 (FA)" in said
    assert "; mine (FA)" in said
    assert "best pruned on validation" in captions.results(runs.group(rows))


def test_looks_are_the_same_in_any_order_and_keep_apart_as_long_as_they_can():
    names = ["layer", "longer", "wide", "mine", "other", "budget small"]
    for some in itertools.permutations(names[:4]):
        assert style.places(some) == style.places(names[:4])
    assert len(set(style.places(names).values())) == len(names)
    assert len({color for color, _ in style.places(names[:3]).values()}) == 3
    assert len(style.places([f"entry{i}" for i in range(30)])) == 30
    taken = {(color, shape) for color, shape in style.MODE_LOOKS.values()} | {style.DENSE, style.OTHER_MODE}
    assert not taken & set(style.NAMED)


def test_recommend_offers_all_alike_and_finds_the_files_of_a_pair_of_seeds(folder, grid, capsys):
    assert main(["recommend", "--results", str(folder), "--memory", "4.9MB", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    offered = {row["variant"] for row in said["satisfying"] + said["failing"]}
    assert offered >= {name for name, *_ in synthetic_runs.NAMED}
    model = said["model"]
    assert (model["plan_seed"], model["seed"]) in SEEDS
    name = {(0, 0): "0", (1, 0): "1-0", (5, 3): "5-3"}[model["plan_seed"], model["seed"]]
    assert model["onnx"].endswith(f"/{said['best']['variant']}/seed-{name}/model.onnx")
    assert model["dense_onnx"].endswith(f"/dense/seed-{name}/model.onnx")
    assert main(["recommend", "--results", str(folder), "--memory", "4.9MB"]) == 0
    assert f"Its model (seed {name}, " in capsys.readouterr().out


def test_a_preset_closer_to_the_limits_is_sought_along_each_entry_apart(rows):
    """A target of one entry says nothing of what another costs there."""
    groups = [{**row, "peak_memory": 1} if row["reference"] == "layer" else row for row in runs.group(runs.once(rows))]
    limit = Constraint("--memory", "peak_memory", "memory", limits.parse("1MB", "bytes", "--memory"))
    assert choose(groups, [limit], runs.headline(rows)).best["reference"] == "layer"
    found = {}
    for reference in ("layer", None):
        some = [row for row in groups if runs.is_dense(row) or (row["reference"], row["mode"]) == (reference, "FA")]
        found[reference] = refine.closest(choose(some, [limit], runs.headline(rows)), runs.headline(rows))
    assert "the dense network fails, −50 % satisfies" in found["layer"].how
    assert "the largest target tried, fails" in found[None].how
    assert all(0.7 < target < 0.95 for target in found[None].targets)


def test_predictions_match_plans_by_the_run_that_they_are_of(tmp_path):
    profile = ALL["vgg16"]()
    profile.save(tmp_path / "profile.json")
    costs = tables.write(tmp_path / "table.json", profile, tables.products, device="board")
    plans, rows = [], []
    for variant, settings, reference in (("FA-0.50", {}, None), ("floored-FA-0.50", {"min_channels": 0.4}, "floored")):
        for plan_seed, seed in SEEDS:
            plan = sample(profile, "FA", 0.5, plan_seed, **settings)
            where = f"n/d/{variant}/seed-{seed if plan_seed == seed else f'{plan_seed}-{seed}'}.json"
            (tmp_path / where).parent.mkdir(parents=True, exist_ok=True)
            plan.save(tmp_path / where)
            plans.append(tmp_path / where)
            run = {"variant": variant, "method": "complexity", "mode": "FA", "target": 0.5, "seed": seed}
            run |= {"plan_seed": plan_seed, "reference": reference, "budget": None}
            said = prediction.latency(profile, costs, plan.widths)
            times = {"latency_p50_ms": said, "latency_ms": said}
            rows.append(run | times | {"device": "board", "runtime": "fp32", "measurement_file": "m.json"})
    found = prediction.read(tmp_path / "table.json", tmp_path / "profile.json", plans, rows)
    assert len(found) == 6
    assert all(row["error"] == 0 for row in found)
    assert [runs.label(row) for row in found] == ["FA"] * 3 + ["floored (FA)"] * 3
    style.plt.close(prediction.draw(found))


def test_a_plans_place_says_its_run():
    assert planned.run_of("results/p/sample_plan/n/d/layer-FA-0.50/seed-5-3.json") == ("layer-FA-0.50", "5-3")
    assert planned.run_of("results/p/train_network/n/d/l1-FA-0.50/seed-0/pruned/plan.json") == ("l1-FA-0.50", "0")
    assert planned.run_of("plan.json") is None
