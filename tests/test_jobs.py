"""What the jobs of a grid are given, looked up by a run or by what stands for Snakemake's wildcards."""

from types import SimpleNamespace

import pytest

from edgeprune.config import load
from edgeprune.config.jobs import Jobs
from helpers.workflow import ROOT

GRID = {
    "pairs": [{"network": "vgg8", "dataset": "digits"}, {"network": "mobilenetv2-small", "dataset": "digits"}],
    "modes": ["FA", "LA"],
    "targets": [0.5],
    "budgets": {"small": {"params": 0.3, "flops": 0.5}},
    "references": {"dense": {}, "l1": {"modes": ["FA"], "recipe": {"fine_tune": {"epochs": 9}}}},
    "seeds": {"plans": [0, 5], "trainings": [3]},
    "measure_on": ["local"],
    "devices": {"local": {"runtimes": ["fp32", "int8"]}},
    "sample_on": "local",
}


@pytest.fixture(scope="module")
def jobs():
    return Jobs(load.effective(ROOT, GRID))


def run(variant, seed="5-3", **more):
    return SimpleNamespace(network="vgg8", dataset="digits", variant=variant, seed=seed, **more)


def test_options_say_what_a_variant_is_and_whose(jobs):
    assert jobs.plan_options(run("FA-0.50")) == "--method complexity --mode FA --target 0.5"
    assert jobs.plan_options(run("dense")) == "--method dense"
    assert jobs.names(run("FA-0.50")) == ""
    assert jobs.names(run("small")) == "--budget small"
    assert jobs.names(run("l1-FA-0.50")) == "--reference l1"
    assert (jobs.plan_seed(run("small")), jobs.training_seed(run("small"))) == (5, 3)


def test_settings_are_the_networks_as_the_reference_changes_them(jobs):
    assert jobs.network(run("dense")) == jobs.config["networks"]["vgg8"]
    assert jobs.sampling(run("small"))["budget"] == jobs.config["budgets"]["small"]
    assert "draw" not in jobs.widths(run("FA-0.50"))
    assert jobs.recipe(run("l1-FA-0.50"))["epochs"] == 9
    assert jobs.recipe(run("FA-0.50")) == jobs.recipe(run("dense"))
    assert "runtimes" not in jobs.device(SimpleNamespace(device="local"))


def test_a_baseline_goes_on_from_the_dense_training_and_no_other_does(jobs):
    folder = "<results>/train_network/vgg8/digits"
    assert jobs.plan(run("FA-0.50")) == "<results>/sample_plan/vgg8/digits/FA-0.50/seed-5-3.json"
    assert jobs.plan(run("l1-FA-0.50")) == f"{folder}/l1-FA-0.50/seed-5-3/pruned/plan.json"
    assert jobs.pruned_weights(run("l1-FA-0.50")) == [f"{folder}/l1-FA-0.50/seed-5-3/pruned/model.pt"]
    assert jobs.earlier(run("l1-FA-0.50")) == [
        f"{folder}/dense/seed-5-3/metrics.json", f"{folder}/l1-FA-0.50/seed-5-3/pruned/cost.json"
    ]  # fmt: skip
    assert jobs.earlier_times(run("l1-FA-0.50")) == [
        f"{folder}/dense/seed-5-3/timing.json", f"{folder}/l1-FA-0.50/seed-5-3/pruned/timing.json"
    ]  # fmt: skip
    assert jobs.pruned_weights(run("FA-0.50")) == jobs.earlier(run("dense")) == jobs.earlier_times(run("small")) == []


def test_a_table_of_costs_is_asked_for_where_a_mode_goes_by_it(jobs):
    assert jobs.tabled == ["LA-0.50"]
    assert jobs.table(run("LA-0.50")) == ["<results>/measure_layers/local/vgg8/digits/table.json"]
    assert jobs.table(run("FA-0.50")) == []


def test_int8_is_measured_of_the_quantised_model_beside_the_dense_one_in_fp32(jobs):
    plain, small = run("FA-0.50", runtime="fp32"), run("FA-0.50", runtime="int8")
    assert jobs.model(plain) == "<results>/train_network/vgg8/digits/FA-0.50/seed-5-3/model.onnx"
    assert jobs.model(small) == "<results>/quantize_model/vgg8/digits/FA-0.50/seed-5-3/model.onnx"
    assert jobs.quantized(plain) == []
    assert jobs.quantized(small) == ["<results>/quantize_model/vgg8/digits/FA-0.50/seed-5-3/quantized.json"]
    dense = ["<results>/train_network/vgg8/digits/dense/seed-5-3/model.onnx"]
    assert jobs.reference(plain) == jobs.reference(small) == dense
    without = Jobs(load.effective(ROOT, {**GRID, "references": {}}) | {"references": {"uniform": {}}})
    assert without.reference(plain) == []


def test_files_of_many_runs(jobs):
    runs = jobs.grid.of_pair("vgg8", "digits")
    assert jobs.measured == [("local", "fp32"), ("local", "int8")]
    assert len(jobs.trained(jobs.grid.runs)) == len(jobs.grid.runs) == 2 * len(runs)
    assert jobs.trained(runs)[0] == f"<results>/train_network/{runs[0].path}/metrics.json"
    assert jobs.timings(runs)[-1] == f"<results>/train_network/{runs[-1].path}/timing.json"
    assert len(jobs.plans(runs)) == len(set(jobs.plans(runs))) == len(runs)
    assert jobs.measurements(runs)[0] == f"<results>/measure_model/local/fp32/{runs[0].path}.json"
    assert len(jobs.measurements(runs)) == 2 * len(runs)
