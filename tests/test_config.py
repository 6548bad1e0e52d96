"""The experiment file: what it refuses, how it says so, and the grid that it spans."""

import shutil
from pathlib import Path

import pytest
import yaml

from edgeprune.config import check, grid, load
from edgeprune.errors import EdgepruneError

ROOT = Path(__file__).parents[1]


@pytest.fixture
def project(tmp_path):
    shutil.copy(ROOT / "config.yaml", tmp_path)
    shutil.copytree(ROOT / "presets", tmp_path / "presets")
    return tmp_path


def edit(path, change):
    config = yaml.safe_load(path.read_text())
    change(config)
    path.write_text(yaml.safe_dump(config))


def refused(project, overrides=None):
    with pytest.raises(EdgepruneError) as caught:
        load.effective(project, overrides)
    return caught.value


@pytest.mark.parametrize("preset", sorted(p.stem for p in (ROOT / "presets").glob("*.yaml")))
def test_shipped_presets_are_valid_and_span_a_grid(preset):
    config = load.effective(ROOT, {"preset": preset})
    runs = grid.expand(config).runs
    assert runs
    assert len({r.path for r in runs}) == len(runs)


def test_quick_is_the_default_and_spans_what_its_numbers_say():
    config = load.effective(ROOT)
    assert config["preset"] == "quick"
    runs = grid.expand(config).runs
    expected = 0
    for pair in config["pairs"]:
        modes, targets = pair.get("modes", config["modes"]), pair.get("targets", config["targets"])
        uniform = set(modes) & set(config["references"]["uniform"]["modes"])
        expected += (len(modes) + len(uniform)) * len(targets) + 1
    assert len(runs) == len(config["seeds"]) * expected


def test_paper_lists_its_four_networks_on_both_data_sets():
    pairs = grid.expand(load.effective(ROOT, {"preset": "paper"})).pairs
    assert {n for n, _ in pairs} == {"vgg16", "alexnet", "mobilenetv2", "resnet50"}
    assert {d for _, d in pairs} == {"cifar10", "cifar100"}
    assert len(pairs) == 8


@pytest.mark.parametrize(
    ("change", "key", "words"),
    [
        (lambda c: c.update(sedes=[1]), "sedes", ["unknown key", "did you mean 'seeds'"]),
        (lambda c: c["recipes"]["vgg8"].update(learning_rate=1), "recipes.vgg8.learning_rate", ["unknown key", "lr"]),
        (lambda c: c["recipes"]["default"].update(lr=-1), "recipes.default.lr", ["greater than 0"]),
        (lambda c: c["recipes"]["default"].update(epochs="ten"), "recipes.default.epochs", ["integer"]),
        (lambda c: c["datasets"]["digits"].update(source="mnist"), "datasets.digits.source", ["cifar10, cifar100"]),
        (lambda c: c["networks"].update(bad={"factory": "no_colon"}), "networks.bad.factory", ["package.module"]),
        (lambda c: c["networks"].update({"a/b": {"factory": "a:b"}}), "networks", ["'a/b' is not a usable name"]),
        (lambda c: c.update(preset="quik"), "preset", ["no preset 'quik'", "did you mean 'quick'"]),
        (lambda c: c["recipes"].update(vgg9={}), "recipes.vgg9", ["did you mean 'vgg8'"]),
    ],
)
def test_config_error_names_file_key_and_remedy(project, change, key, words):
    edit(project / "config.yaml", change)
    error = refused(project)
    assert error.key == key
    assert "config.yaml" in str(error.file)
    assert error.remedy
    for word in words:
        assert word in str(error)


@pytest.mark.parametrize(
    ("change", "key", "words"),
    [
        (lambda c: c.update(targets=[0.5, 1.0]), "targets[1]", ["less than 1"]),
        (lambda c: c.update(targets=[0]), "targets[0]", ["greater than 0"]),
        (lambda c: c.update(modes=["PA", "XA"]), "modes[1]", ["PA, FA, MA, LA, EA"]),
        (lambda c: c.update(seeds=[]), "seeds", ["at least 1"]),
        (lambda c: c["pairs"][0].update(network="vgg18"), "pairs[0].network", ["'vgg18' is not defined", "vgg16"]),
        (lambda c: c["pairs"][0].update(dataset="mnist"), "pairs[0].dataset", ["not defined", "digits"]),
        (lambda c: c.update(measure_on=["pi"]), "measure_on[0]", ["not defined", "local"]),
        (lambda c: c["references"].update(l3={}), "references.l3", ["'l3' is no method", "method: ", "uniform"]),
    ],
)
def test_preset_error_names_file_key_and_remedy(project, change, key, words):
    edit(project / "presets" / "quick.yaml", change)
    error = refused(project)
    assert error.key == key
    assert "presets/quick.yaml" in str(error.file)
    for word in words:
        assert word in str(error)


def test_missing_keys_are_asked_for_in_the_merged_configuration_only(project):
    edit(project / "presets" / "quick.yaml", lambda c: c.pop("seeds"))
    error = refused(project)
    assert (error.key, error.problem) == ("seeds", "missing key")


@pytest.mark.parametrize("file", ["config.yaml", "presets/quick.yaml"])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("seeds: [0]\npreset: quick\npreset: paper\n", ["line 3, column 1", "'preset' stands twice"]),
        ("preset: [quick\nseeds: 1\n", ["not valid YAML", "line 2, column 6", "'seeds: 1'"]),
        ("recipes:\n  default:\n\tlr: 1\n", ["not valid YAML", "line 3, column 1", "\\t"]),
        ('preset: "quick\n', ["not valid YAML", "line 2, column 1"]),
        ("preset: \x01\n", ["not valid YAML", "#x0001"]),
        ("- a\n", ["holds a list, not a mapping"]),
        ("quick\n", ["holds the one value 'quick'"]),
        ("", ["holds nothing"]),
    ],
)
def test_malformed_yaml_names_file_line_and_remedy(project, file, text, words):
    (project / file).write_text(text)
    error = refused(project)
    assert str(error.file).endswith(file)
    assert error.remedy
    for word in words:
        assert word in error.problem


def test_a_value_of_the_command_line_may_look_like_broken_yaml(project):
    error = refused(project, {"title": "a: [b", "seeds": "x"})
    assert error.key == "seeds"


def test_command_line_wins_over_preset_and_preset_over_config(project):
    config = load.effective(project, {"seeds": [7], "recipes": {"vgg8": {"lr": 0.3}}})
    assert config["seeds"] == [7]
    assert config["recipes"]["vgg8"]["lr"] == 0.3
    base, preset = (load.read_yaml(project / f) for f in ("config.yaml", "presets/quick.yaml"))
    assert config["devices"]["local"]["seconds"] == preset["devices"]["local"]["seconds"]
    assert config["devices"]["local"]["threads"] == base["devices"]["local"]["threads"]


def test_recipe_is_default_plus_the_networks_own():
    base, config = load.read_yaml(ROOT / "config.yaml"), load.effective(ROOT)
    default, own = base["recipes"]["default"], base["recipes"]["vgg8"]
    assert config["recipes"]["vgg8"] == {**default, **own}
    assert set(config["recipes"]) == {p["network"] for p in config["pairs"]}


def test_every_key_of_the_schema_is_described():
    def walk(schema, path):
        for name, part in schema.get("properties", {}).items():
            described = part
            if "$ref" in part:
                described = root["$defs"][part["$ref"].rsplit("/", 1)[1]]
            assert described.get("description"), f"{path}.{name}"
            walk(part, f"{path}.{name}")
        for key in ("items", "additionalProperties"):
            if isinstance(schema.get(key), dict):
                walk(schema[key], f"{path}.{key}")

    root = check.schema()
    walk(root, "config")
    for name, part in root["$defs"].items():
        walk(part, name)


def test_command_line_values_are_typed_as_in_a_file(project):
    config = load.effective(project, {"targets": ["0.3"], "seeds": ["3"], "recipes": {"vgg8": {"lr": "1e-3"}}})
    assert (config["targets"], config["seeds"], config["recipes"]["vgg8"]["lr"]) == ([0.3], [3], 0.001)


def test_scientific_notation_is_a_number_and_nan_is_not(project):
    text = (project / "presets" / "quick.yaml").read_text()
    (project / "presets" / "quick.yaml").write_text(text + "recipes: {vgg8: {lr: 1e-2, weight_decay: 5.e-4}}\n")
    recipe = load.effective(project)["recipes"]["vgg8"]
    assert (recipe["lr"], recipe["weight_decay"]) == (0.01, 0.0005)
    assert refused(project, {"targets": [".nan"]}).key == "targets[0]"


def test_target_names_do_not_collide():
    config = load.effective(ROOT, {"targets": [0.5, 0.505, 0.51], "references": {"uniform": {"targets": [0.5]}}})
    names = list(grid.expand(config).variants)
    assert len(set(names)) == len(names)
    assert {"FA-0.50", "FA-0.505", "FA-0.51", "uniform-FA-0.50", "dense"} <= set(names)


@pytest.mark.parametrize(
    ("change", "key", "words"),
    [
        (lambda c: c.update(modes=["FA", "LA"]), "sample_on", ["LA", "local"]),
        (lambda c: c["references"].update(random={"modes": ["EA"]}), "sample_on", ["EA"]),
        (lambda c: c.update(modes=["LA"], sample_on="pi"), "sample_on", ["'pi' is not defined"]),
        (
            lambda c: (c.update(modes=["LA"], sample_on="local"), c["references"].update(l1={})),
            "references.l1.modes",
            ["l1", "LA"],
        ),
    ],
)
def test_measured_modes_need_a_device_and_take_no_peer_of_trained_networks(project, change, key, words):
    edit(project / "presets" / "quick.yaml", change)
    error = refused(project)
    assert error.key == key
    assert error.remedy
    for word in words:
        assert word in str(error)


def test_measured_modes_span_a_grid_and_the_others_need_no_device(project):
    assert "sample_on" not in load.effective(project)
    edit(project / "presets" / "quick.yaml", lambda c: c.update(modes=["PA", "LA"], sample_on="local"))
    config = load.effective(project)
    assert {v.mode for v in grid.expand(config).variants.values()} == {None, "FA", "PA", "LA"}
