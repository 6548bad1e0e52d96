"""The grid: named references, budgets, seeds of plans and trainings apart; what of them is refused, and how."""

import pytest

from edgeprune import identity
from edgeprune.config import grid, load
from edgeprune.config.grid import of_widths, sampling_of
from edgeprune.config.recipes import recipe_of
from edgeprune.errors import EdgepruneError
from edgeprune.names import IDENTITY
from test_config import ROOT, edit, project, refused  # noqa: F401

TRIAL = {
    "modes": ["PA", "FA", "MA"],
    "targets": [0.5],
    "budgets": {"small": {"params": 0.3, "flops": 0.5, "memory": 0.5}},
    "references": {
        "dense": {},
        "uniform": {},
        "random": {"modes": []},
        "l1": {"modes": ["FA"]},
        "layer": {"method": "complexity", "sampling": {"draw": "layer"}, "modes": ["FA", "MA"], "budgets": []},
        "longer": {"method": "complexity", "recipe": {"budget": "flops"}, "modes": ["FA"]},
        "patient": {"method": "l1", "recipe": {"fine_tune": {"epochs": 9}}, "modes": ["FA"]},
        "tuned": {"method": "dense", "recipe": {"lr": 0.02}},
    },
}


@pytest.fixture
def config():
    return load.effective(ROOT, TRIAL)


def test_variants_are_called_after_their_entry_and_know_what_changes(config):
    variants = grid.expand(config).variants
    assert list(variants) == [
        "PA-0.50", "FA-0.50", "MA-0.50", "small", "dense",
        "uniform-FA-0.50", "uniform-small", "random-small", "l1-FA-0.50", "layer-FA-0.50", "layer-MA-0.50",
        "longer-FA-0.50", "longer-small", "patient-FA-0.50", "tuned",
    ]  # fmt: skip
    main = ("PA-0.50", "FA-0.50", "MA-0.50", "small")
    for name, variant in variants.items():
        assert variant.reference == (None if name in main else name.partition("-")[0])
    layer, small, random = variants["layer-MA-0.50"], variants["small"], variants["random-small"]
    assert (layer.method, layer.mode, layer.target, layer.sampling) == ("complexity", "MA", 0.5, {"draw": "layer"})
    assert (small.method, small.mode, small.target, small.budget_name) == ("complexity", None, None, "small")
    assert small.budget == random.budget == {"params": 0.3, "flops": 0.5, "memory": 0.5}
    assert random.method == "random"
    assert variants["longer-small"].recipe == {"budget": "flops"}
    assert set(grid.expand(config).baselines) == {"l1-FA-0.50", "patient-FA-0.50"}


def test_a_pair_can_ask_for_fewer_variants():
    digits = [{"network": name, "dataset": "digits"} for name in ("vgg8", "mobilenetv2-small")]
    changes = {"targets": [0.5, 0.7], "pairs": [digits[0], {**digits[1], "modes": ["FA"], "targets": [0.7]}]}
    expanded = grid.expand(load.effective(ROOT, TRIAL | changes))
    fewer = {run.variant for run in expanded.of_pair("mobilenetv2-small", "digits")}
    main = {"FA-0.70", "small", "dense", "tuned"}
    assert fewer == main | {"uniform-FA-0.70", "uniform-small", "random-small", "l1-FA-0.70", "layer-FA-0.70",
                            "longer-FA-0.70", "longer-small", "patient-FA-0.70"}  # fmt: skip
    assert {run.variant for run in expanded.of_pair("vgg8", "digits")} == set(expanded.variants)


def test_a_pair_stands_once():
    entries = [{"network": "vgg8", "dataset": "digits"} | more for more in ({}, {"modes": ["FA"]})]
    with pytest.raises(EdgepruneError, match=r"pairs\[1\]: vgg8 on digits stands twice"):
        load.effective(ROOT, TRIAL | {"pairs": entries})


@pytest.mark.parametrize(("key", "value"), [("targets", 0.45), ("modes", "LA")])
def test_a_pair_selects_only_what_the_grid_has(key, value):
    entries = [{"network": "vgg8", "dataset": "digits", key: [value]}]
    with pytest.raises(
        EdgepruneError, match=rf"pairs\[0\]\.{key}: {value} is not among .*\n.*remedy: add it to `{key}`"
    ):
        load.effective(ROOT, TRIAL | {"pairs": entries})


def test_settings_and_recipe_of_a_variant_are_the_networks_with_its_own_keys(config):
    variants = grid.expand(config).variants
    sampling, recipes = config["sampling"], config["recipes"]
    assert sampling_of(sampling, "vgg8", variants["FA-0.50"]) == {"round_to": 4}
    assert sampling_of(sampling, "vgg8", variants["layer-FA-0.50"]) == {"round_to": 4, "draw": "layer"}
    assert sampling_of(sampling, "vgg8", variants["small"])["budget"] == TRIAL["budgets"]["small"]
    drawn = {"vgg8": {"round_to": 4, "draw": "layer"}}
    assert sampling_of(drawn, "vgg8", variants["l1-FA-0.50"]) == of_widths(drawn, "vgg8") == {"round_to": 4}
    plain = recipe_of(recipes, "vgg8")
    assert recipe_of(recipes, "vgg8", changes=variants["longer-FA-0.50"].recipe) == plain | {"budget": "flops"}
    fine = recipe_of(recipes, "vgg8", changes=variants["patient-FA-0.50"].recipe, fine_tuning=True)
    assert fine == recipe_of(recipes, "vgg8", fine_tuning=True) | {"epochs": 9}


@pytest.mark.parametrize(
    ("seeds", "names"),
    [
        ([0, 3], ["0", "3"]),
        ({"plans": [5, 3], "trainings": [3]}, ["5-3", "3"]),
        ({"plans": [7], "trainings": [0, 1, 7]}, ["7-0", "7-1", "7"]),
        ({"plans": [1, 2], "trainings": [1, 1]}, ["1", "2-1"]),
    ],
)
def test_runs_have_a_name_for_their_pair_of_seeds(seeds, names):
    found = grid.expand(load.effective(ROOT, {"seeds": seeds}))
    assert list(found.seeds) == names
    assert list(dict.fromkeys(run.seed for run in found.runs)) == names
    plans, trainings = zip(*map(identity.seeds_named, names))
    if isinstance(seeds, dict):
        assert set(plans) == set(seeds["plans"])
        assert set(trainings) == set(seeds["trainings"])


def reference(**entry):
    return lambda c: c["references"].update(entry)


@pytest.mark.parametrize(
    ("change", "key", "words"),
    [
        (reference(wide={}), "references.wide", ["'wide' is no method", "method:"]),
        (reference(unifrom={}), "references.unifrom", ["did you mean 'uniform'"]),
        (reference(wide={"method": "l3"}), "references.wide.method", ["'l3' is not allowed", "lamp"]),
        (reference(wide={"method": "random", "mode": ["FA"]}), "references.wide.mode", ["unknown key", "modes"]),
        (reference(**{"a/b": {"method": "random"}}), "references", ["'a/b' is not a usable name"]),
        (reference(random={"method": "uniform"}), "references.random.method", ["called like a method"]),
        (reference(complexity={}), "references.complexity", ["main method", "name of its own"]),
        (reference(dense={"modes": ["FA"]}), "references.dense.modes", ["has none", "remove"]),
        (reference(dense={"recipe": {"lr": 0.1}}), "references.dense.recipe", ["method: dense"]),
        (reference(flat={"method": "dense", "sampling": {"round_to": 2}}), "references.flat.sampling", ["has none"]),
        (reference(l1={"recipe": {"lr": 0.1}}), "references.l1.recipe.lr", ["dense run", "fine_tune"]),
        (reference(l1={"budgets": ["small"]}), "references.l1.budgets", ["one resource", "remove"]),
        (reference(random={"recipe": {"fine_tune": {}}}), "references.random.recipe.fine_tune", ["recipe"]),
        (reference(uniform={"sampling": {"draw": "layer"}}), "references.uniform.sampling.draw", ["draws nothing"]),
        (reference(l1={"sampling": {"draw": "layer"}}), "references.l1.sampling.draw", ["draws nothing"]),
        (reference(random={"budgets": ["smal"]}), "references.random.budgets[0]", ["not defined", "small"]),
        (reference(random={"modes": [], "budgets": []}), "references.random", ["asks for no run"]),
        (reference(again={"method": "complexity"}), "references.again", ["changes nothing", "'complexity'", "remove"]),
        (
            reference(again={"method": "complexity", "modes": ["FA"], "budgets": []}),
            "references.again",
            ["changes nothing"],
        ),
        (
            reference(again={"method": "complexity", "sampling": {"draw": "filter"}}),
            "references.again",
            ["changes nothing"],
        ),
        (
            reference(again={"method": "complexity", "recipe": {"ema_decay": 0}}),
            "references.again",
            ["changes nothing"],
        ),
        (reference(again={"method": "uniform", "modes": ["FA"]}), "references.again", ["changes nothing", "'uniform'"]),
        (reference(again={"method": "dense"}), "references.again", ["changes nothing", "'dense'"]),
        (lambda c: c["budgets"].update({"FA-0.50": {"params": 0.1}}), "budgets.FA-0.50", ["two variants", "rename"]),
        (lambda c: c["budgets"].update(dense={"params": 0.1}), "references.dense", ["two variants", "'dense'"]),
        (lambda c: c["budgets"].update({"uniform-small": {"params": 0.1}}), "references.uniform", ["'uniform-small'"]),
        (
            lambda c: c["budgets"].update(one={"params": 1}),
            "budgets.one.params",
            ["neither", "between 0 and 1"],
        ),
        (lambda c: c["budgets"].update(one={"watts": 1}), "budgets.one.watts", ["unknown key", "params"]),
        (lambda c: c["budgets"].update(one={}), "budgets.one", ["not empty"]),
        (lambda c: c.update(seeds={"plans": [1, 2], "trainings": [1, 2, 3]}), "seeds", ["2 seeds", "3", "one length"]),
        (lambda c: c.update(seeds={"plans": [1, 1], "trainings": [2]}), "seeds", ["stands twice", "change"]),
        (lambda c: c.update(seeds={"plans": [1]}), "seeds.trainings", ["missing key"]),
        (lambda c: c.update(seeds={"plans": [1], "training": [1]}), "seeds.training", ["unknown key", "trainings"]),
        (lambda c: c.update(seeds=[1, 1]), "seeds", ["without duplicates"]),
    ],
)
def test_what_cannot_hold_is_refused_with_file_key_and_remedy(project, change, key, words):  # noqa: F811
    def all_of_it(preset):
        preset["budgets"] = {"small": {"params": 0.3, "macs": 1e5}}
        change(preset)

    edit(project / "presets" / "quick.yaml", all_of_it)
    error = refused(project)
    assert error.key == key
    assert "presets/quick.yaml" in str(error.file)
    assert error.remedy
    for word in words:
        assert word in str(error)


def test_identities_are_copied_as_they_are_and_completed_where_files_are_older():
    old = dict.fromkeys(IDENTITY, "x") | {"method": "uniform", "seed": 3, "more": 1}
    assert identity.copied(old) == {key: old[key] for key in IDENTITY}
    assert identity.completed(old) == old | {"reference": "uniform", "budget": None, "plan_seed": 3}
    assert identity.completed(old | {"method": "complexity"})["reference"] is None
    assert identity.folder(old) == "x/x/x/seed-3"
    new = old | {"plan_seed": 5, "reference": "wide"}
    assert identity.copied(new)["reference"] == "wide"
    assert identity.folder(new) == "x/x/x/seed-5-3"
    assert identity.seeds_named("5-3") == (5, 3)
    assert identity.seeds_named("3") == (3, 3)
