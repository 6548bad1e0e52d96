"""The repository agrees with itself: pins, layout, documentation."""

import re
import tomllib
from dataclasses import asdict
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from edgeprune import plotting
from edgeprune.errors import EXTRAS

ROOT = Path(__file__).parents[1]


def pins(file):
    lines = (ROOT / file).read_text().splitlines()
    return dict(re.match(r"([A-Za-z0-9._-]+)==([^ ;]+)", line).groups() for line in lines if "==" in line)


@pytest.mark.parametrize("file", sorted((ROOT / "envs").glob("*.yaml")), ids=lambda f: f.stem)
def test_conda_environments_pin_what_the_requirements_pin(file):
    environment = yaml.safe_load(file.read_text())
    packages = next(d["pip"] for d in environment["dependencies"] if isinstance(d, dict))
    assert packages
    for package in packages:
        name, _, version = package.partition("==")
        assert pins("requirements.txt")[name] == version


def test_requirement_files_agree_and_record_no_index():
    run, dev = pins("requirements.txt"), pins("requirements-dev.txt")
    assert run.items() <= dev.items()
    for name, version in pins("requirements.in").items():
        assert run[name] == version
    for file in ("requirements.txt", "requirements-dev.txt"):
        assert not re.search(r"https?:|--hash|--index|--find-links", (ROOT / file).read_text())


def test_extras_are_pinned_and_known_by_the_names_of_their_imports():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert extras.pop("all") == [f"edgeprune[{','.join(extras)}]"]
    assert set(EXTRAS) == set(extras)
    pinned = pins("requirements.in")
    provides = {module: {name.lower() for name in names} for module, names in packages_distributions().items()}
    for text in chain.from_iterable(extras.values()):
        wanted = Requirement(text)
        assert wanted.specifier.contains(pinned[wanted.name]), text
        assert wanted.name in {p for packages in EXTRAS.values() for name in packages for p in provides[name]}
    for extra, packages in EXTRAS.items():
        named = {Requirement(text).name for text in extras[extra]}
        assert all(named & provides[name] for name in packages), extra


def test_every_rule_has_a_script_log_folder_and_environment_of_its_name():
    for file in (ROOT / "rules").glob("*.smk"):
        for name, body in re.findall(r"^rule (\w+):\n(.*?)(?=^rule |\Z)", file.read_text(), re.MULTILINE | re.DOTALL):
            if "shell:" not in body:
                continue
            assert "log:" in body, name
            assert re.search(rf'code=(with_listing\()?sources\("scripts/{name}\.py"', body), name
            assert f"python scripts/{name}.py " in body, name
            environment = re.search(r'"\.\./(envs/\w+\.yaml)"', body)[1]
            assert (ROOT / environment).is_file(), name


def test_every_figure_is_a_module_and_a_line_of_the_rules_table():
    text = (ROOT / "rules" / "figures.smk").read_text()
    table = text[text.index("FIGURES = {") : text.index("PICTURES = ")]
    assert sorted(re.findall(r'^    "(\w+)": \{', table, re.MULTILINE)) == plotting.names()


def test_one_module_of_each_package_imports_snakemake():
    for file in [*(ROOT / "edgeprune").rglob("*.py"), *(ROOT / "snakeledger").rglob("*.py")]:
        found = re.search(r"^\s*(import|from) snakemake\b", file.read_text(), re.MULTILINE)
        assert not found or str(file.relative_to(ROOT)) in (
            "edgeprune/snakemake_internals.py",
            "snakeledger/workflow.py",
        )


def test_pipeline_of_dvc_and_default_preset_agree():
    pipeline = yaml.safe_load((ROOT / "dvc.yaml").read_text())
    assert pipeline["vars"][0] == {
        "preset": yaml.safe_load((ROOT / "config.yaml").read_text())["preset"],
        "root": ".",
        "package": "edgeprune",
    }
    phases = [f.stem for f in (ROOT / "rules").glob("*.smk") if f"\nrule {f.stem}:\n" in f.read_text()]
    assert sorted(pipeline["stages"]) == sorted(phases)


def test_version_is_stated_once_everywhere():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f'__version__ = "{version}"' in (ROOT / "edgeprune" / "__init__.py").read_text()
    assert f"version: {version}" in (ROOT / "CITATION.cff").read_text()


def test_the_schema_holds_the_recipe():
    from edgeprune.config import check
    from edgeprune.config.recipe import Recipe

    keys = dict(check.schema()["$defs"]["recipe"]["properties"])
    assert keys.pop("fine_tune")["$ref"] == "#/$defs/recipe"  # merged before a recipe is read
    defaults = {name: tuple(d) if isinstance(d := key["default"], list) else d for name, key in keys.items()}
    assert defaults == asdict(Recipe())
    assert keys["lr"]["exclusiveMinimum"] == 0
    assert set(keys["schedule"]["enum"]) == {"cosine", "step", "constant", "one-cycle"}
