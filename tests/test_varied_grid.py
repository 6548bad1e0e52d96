"""Named references, a budget and seeds apart through the whole workflow: what is planned, and a tiny real run."""

import csv
import json
import re

import pytest

from edgeprune import plotting
from helpers.workflow import TINY, Workspace

VARIED = {key: value for key, value in TINY.items() if key != "figures"} | {
    "pairs": [{"network": "vgg8", "dataset": "digits"}],
    "budgets": {"small": {"params": 0.4, "flops": 0.5}},
    "seeds": {"plans": [5], "trainings": [3]},
    "references": {
        "dense": {},
        "l1": {},
        "uniform": {"modes": []},
        "longer": {"method": "complexity", "recipe": {"budget": "flops"}, "budgets": []},
    },
}
TRIAL = VARIED | {
    "figures": ["cost", "widths"],
    "modes": ["PA", "FA", "MA"],
    "seeds": {"plans": [5, 3], "trainings": [3]},
    "references": VARIED["references"]
    | {
        "random": {},
        "layer": {"method": "complexity", "sampling": {"draw": "layer"}, "modes": ["FA", "MA"], "budgets": []},
    },
}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    made = Workspace(tmp_path_factory.mktemp("varied"))
    made.write_preset("varied", VARIED)
    made.write_preset("trial", TRIAL)
    return made


def commands(said, script):
    """``{variant/seed-name: command}`` of the jobs that run ``script``, in what a dry run printed."""
    lines = [line for line in said.splitlines() if f"python scripts/{script}.py" in line]
    return {re.search(r"/vgg8/digits/([^/]+/seed-[\d-]+)[./]", line.partition("--out ")[2])[1]: line for line in lines}


def test_each_run_is_planned_with_its_seeds_its_settings_and_its_recipe(workspace):
    said = workspace.snakemake("-n", "-p", "--config", "preset=trial")
    plans, trainings = (commands(said, script) for script in ("sample_plan", "train_network"))
    ours = ["PA-0.50", "FA-0.50", "MA-0.50", "small"]
    names = {*ours, *(f"random-{name}" for name in ours), "dense", "uniform-small", "layer-FA-0.50", "layer-MA-0.50"}
    names |= {f"longer-{name}" for name in ours[:3]}
    baselines = {f"l1-{name}" for name in ours[:3]}
    assert set(plans) == {f"{name}/seed-{seed}" for name in names for seed in ("5-3", "3")}
    assert set(trainings) == {f"{name}/seed-{seed}" for name in names | baselines for seed in ("5-3", "3")}
    assert set(re.findall(r"rule (draw_\w+):", said)) == {"draw_cost", "draw_widths"}
    assert "--seed 5 " in plans["FA-0.50/seed-5-3"]
    assert "--seed 3 " in plans["FA-0.50/seed-3"]
    assert "--mode FA --target 0.5 " in plans["layer-FA-0.50/seed-3"]
    assert '"draw": "layer"' in plans["layer-FA-0.50/seed-3"]
    assert '"draw"' not in plans["FA-0.50/seed-3"]
    for name in ("small", "uniform-small", "random-small"):
        assert '"budget": {"flops": 0.5, "params": 0.4}' in plans[f"{name}/seed-3"]
        assert "--mode" not in plans[f"{name}/seed-3"]
        assert "--budget small" in trainings[f"{name}/seed-3"]
    assert all("--seed 3 " in training for training in trainings.values())
    assert "--reference" not in trainings["FA-0.50/seed-5-3"]
    assert "--reference layer " in trainings["layer-FA-0.50/seed-5-3"]
    assert '"budget": "flops"' in trainings["longer-FA-0.50/seed-5-3"]
    assert '"budget": "flops"' not in trainings["FA-0.50/seed-5-3"]
    pruned = commands(said, "prune_trained")["l1-FA-0.50/seed-5-3"]
    assert "dense/seed-5-3/model.pt" in pruned
    assert "--seed 3 --plan-seed 5 " in pruned


def test_a_tiny_grid_of_it_runs_and_its_tables_and_recommendation_find_all(workspace):
    workspace.snakemake("--config", "preset=varied", "--", "figures", "measure")
    results = workspace.root / "results/varied"
    drawn = {path.stem for path in (results / "draw_figures/vgg8/digits").glob("*.svg")}
    assert drawn == set(plotting.names()) - {"prediction", "samples"}  # of plans by measured layers, of other tasks
    runs = {path.parts[-3]: json.loads(path.read_text()) for path in results.glob("train_network/*/*/*/*/metrics.json")}
    assert {name: (run["reference"], run["budget"]) for name, run in runs.items()} == {
        "dense": ("dense", None), "FA-0.50": (None, None), "small": (None, "small"), "l1-FA-0.50": ("l1", None),
        "uniform-small": ("uniform", "small"), "longer-FA-0.50": ("longer", None),
    }  # fmt: skip
    assert {(run["plan_seed"], run["seed"]) for run in runs.values()} == {(5, 3)}
    plan = json.loads((results / "sample_plan/vgg8/digits/small/seed-5-3.json").read_text())
    assert (plan["seed"], plan["budget"]) == (5, {"params": 0.4, "flops": 0.5})
    for name in ("small", "uniform-small"):
        assert runs[name]["complexity"]["params"] <= 0.4 * runs[name]["dense"]["params"]
        assert runs[name]["complexity"]["flops"] <= 0.5 * runs[name]["dense"]["flops"]
    assert runs["longer-FA-0.50"]["cost"]["epochs"] > runs["FA-0.50"]["cost"]["epochs"]
    assert runs["longer-FA-0.50"]["complexity"] == runs["FA-0.50"]["complexity"]
    with open(results / "draw_figures/runs.csv", newline="") as stream:
        rows = {row["variant"]: row for row in csv.DictReader(stream)}
    assert set(rows) == set(runs)
    for name, row in rows.items():
        assert (row["reference"], row["budget"]) == tuple(runs[name][key] or "" for key in ("reference", "budget"))
        assert (row["plan_seed"], row["seed"]) == ("5", "3")
        assert float(row["latency_p50_ms"]) > 0
    table = (results / "draw_figures/results.md").read_text()
    for label in ("FA", "budget small", "L1 (FA)", "longer (FA)", "uniform (small)"):
        assert f"| {label} |" in table
    said = workspace.run("edgeprune", "recommend", "--results", "results/varied", "--accuracy", "1%", "--json")
    model = json.loads(said)["model"]
    assert all(model["here"].values())
    assert "/seed-5-3/" in model["onnx"]
    assert "Nothing to be done" in workspace.snakemake("--config", "preset=varied", "--", "figures", "measure")
