"""The whole workflow on a tiny grid of real data: both tools, what reruns, what is refused, what survives."""

import json
import shutil

import pytest

from helpers.workflow import TINY, Workspace

NETWORKS = {"vgg8", "mobilenetv2-small"}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    workspace = Workspace(tmp_path_factory.mktemp("workflow"))
    workspace.first = workspace.snakemake()
    return workspace


@pytest.fixture
def undone(tiny):
    """The workspace, put back after the test's edits."""
    yield tiny
    tiny._git(tiny.root, "checkout", "--quiet", ".")


def jobs(rules, networks=NETWORKS):
    return {(rule, network) for rule in rules for network in networks}


def test_every_run_has_a_model_that_was_measured(tiny):
    results = tiny.root / "results/quick"
    for network in NETWORKS:
        for variant in ("dense", "FA-0.50", "l1-FA-0.50"):
            run = f"{network}/digits/{variant}/seed-0"
            metrics = json.loads((results / "train_network" / run / "metrics.json").read_text())
            measured = json.loads((results / "measure_model/local/fp32" / f"{run}.json").read_text())
            assert 0 <= metrics["test"]["accuracy"] <= 1
            assert measured["latency_ms"]["p50"] > 0
            assert (measured["runtime"], measured["accuracy"]) == ("fp32", metrics["test"]["accuracy"])
            assert (measured["energy_mj"] is None) == ("energy_mj" in measured["reasons"])
            reached = metrics["complexity"]["flops"] / metrics["dense"]["flops"]
            assert reached == 1 if variant == "dense" else 0.4 < reached <= 0.5


def test_again_there_is_nothing_to_do(tiny):
    assert "Nothing to be done" in tiny.snakemake()


def test_dvc_has_it_all_on_record(tiny):
    assert "dvc: recorded" in tiny.first
    assert "up to date" in tiny.run("dvc", "status")
    assert "up to date" in tiny.run("dvc", "repro")
    shown = json.loads(tiny.run("dvc", "metrics", "show", "--json"))
    values = json.dumps(shown)
    assert '"accuracy' in values
    for network in NETWORKS:
        assert network in values
    plots = tiny.run("dvc", "plots", "show", "--json")
    assert "accuracy" in plots


def test_int8_is_quantised_and_measured_where_a_device_asks_for_it(tiny):
    run = "vgg8/digits/FA-0.50/seed-0"
    target = f"results/quick/measure_model/local/int8/{run}.json"
    asked = ("--config", "devices={local: {runtimes: [fp32, int8]}}")
    planned = tiny.planned(*asked, "--", target)
    assert {rule for rule, _ in planned} == {"quantize_model", "measure_model"}  # fp32 is not measured again
    assert {rule for rule, _ in tiny.planned(*asked, "--", "measure")} == {"measure", "quantize_model", "measure_model"}
    tiny.snakemake(*asked, "--", target)
    measured = json.loads((tiny.root / target).read_text())
    scores = json.loads((tiny.root / "results/quick/quantize_model" / run / "quantized.json").read_text())
    metrics = json.loads((tiny.root / "results/quick/train_network" / run / "metrics.json").read_text())
    assert scores["fp32"]["test"]["accuracy"] == pytest.approx(metrics["test"]["accuracy"], abs=0.01)
    assert (measured["runtime"], measured["accuracy"]) == ("int8", scores["test"]["accuracy"])
    assert measured["model_bytes"] == scores["model_bytes"]["int8"] < measured["reference"]["model_bytes"]
    for folder in ("quantize_model", "measure_model/local/int8"):  # as if nobody had asked
        shutil.rmtree(tiny.root / "results/quick" / folder)
    (tiny.root / "results/quick/quantize_model").mkdir()


def test_a_learning_rate_reruns_one_networks_training_and_what_follows(undone):
    undone.edit("presets/quick.yaml", "epochs: 2", "lr: 0.01\n    epochs: 2")
    planned = undone.planned()
    assert jobs(["train_network", "measure_model"], {"vgg8"}) <= planned
    assert not {network for rule, network in planned if rule in ("profile_network", "sample_plan", "train_network")} - {
        "vgg8"
    }
    assert ("fetch_dataset", None) not in planned


def test_another_limit_writes_only_what_shows_it(undone):
    undone.edit("presets/quick.yaml", "measure_on:", "limits: {score: 1%}\nmeasure_on:")
    assert {rule for rule, _ in undone.planned()} == {
        "store_config",
        "write_environment",
        "write_index",
        "collect_record",
    }


@pytest.mark.parametrize(
    ("module", "expected", "untouched"),
    [
        ("edgeprune/measuring/standalone/energy/rapl.py", jobs(["measure_model"]), {"train_network", "sample_plan"}),
        ("edgeprune/config/recipe.py", jobs(["train_network", "measure_model"]), {"sample_plan", "profile_network"}),
        ("edgeprune/networks/vgg.py", jobs(["profile_network", "train_network"], {"vgg8"}), {"fetch_dataset"}),
        ("scripts/sample_plan.py", jobs(["sample_plan", "train_network"]), {"profile_network", "fetch_dataset"}),
    ],
)
def test_an_edited_module_reruns_the_stages_that_use_it(undone, module, expected, untouched):
    path = undone.root / module
    path.write_text(path.read_text() + "\n# edited\n")
    planned = undone.planned()
    assert expected <= planned
    assert not untouched & {rule for rule, _ in planned}
    if "vgg" in module:
        assert not {job for job in planned if job[1] == "mobilenetv2-small" and "tradeoff" not in job[0]}


def test_a_module_that_nothing_uses_reruns_nothing(undone):
    (undone.root / "edgeprune" / "unused.py").write_text("x = 1\n")
    assert "Nothing to be done" in undone.snakemake()
    (undone.root / "edgeprune" / "unused.py").unlink()


def test_a_second_preset_gives_the_same_bits_and_leaves_the_first_on_record(tiny):
    lock = (tiny.root / "dvc.lock").read_text()
    tiny.write_preset("other", {**TINY, "pairs": TINY["pairs"][:1], "measure_on": []})
    said = tiny.snakemake("--config", "preset=other", "--", "train", "store_config")
    assert "recorded" not in said  # a part of the grid is not certified
    for name in ("model.pt", "model.onnx", "metrics.json", "history.csv"):
        first = tiny.content(f"results/quick/train_network/vgg8/**/{name}")
        second = tiny.content(f"results/other/train_network/**/{name}")
        assert len(first) >= 3
        assert list(first.values()) == list(second.values()), name
    plans = tiny.content("results/quick/sample_plan/vgg8/**/*.json").values()
    assert list(plans) == list(tiny.content("results/other/sample_plan/**/*.json").values())
    assert (tiny.root / "dvc.lock").read_text() == lock


def test_bad_configuration_is_refused_by_name_and_nothing_is_lost(undone):
    before = undone.content("results/**/*")
    undone.edit("presets/quick.yaml", "- 0.5", "- 1.5")
    said = undone.snakemake(ok=False)
    assert "targets[0]" in said
    assert "presets/quick.yaml" in said
    assert undone.content("results/**/*") == before


@pytest.mark.parametrize(("text", "words"), [("a: [b\nc: 1\n", "line 2, column 2"), ("- a\n", "holds a list")])
def test_a_configuration_that_snakemake_cannot_read_is_refused_with_file_and_line(undone, text, words):
    (undone.root / "config.yaml").write_text(text)
    said = undone.snakemake("-n", ok=False)
    assert f"{undone.root / 'config.yaml'}: " in said
    assert words in said
    assert "remedy:" in said


def test_failing_network_is_named_and_nothing_is_lost(undone):
    before = undone.content("results/**/*")
    undone.edit("config.yaml", "edgeprune.networks.vgg:vgg8", "edgeprune.networks.vgg:vgg99")
    said = undone.snakemake(ok=False)
    assert "vgg99" in said
    assert "networks.vgg8.factory" in said
    after = undone.content("results/**/*")
    kept = {p: b for p, b in before.items() if "mobilenetv2-small" in str(p) or "fetch_dataset" in str(p)}
    assert kept
    assert kept.items() <= after.items()
