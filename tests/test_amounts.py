"""Amounts of a budget as people write them: fractions, per cents, bytes with a unit."""

import shutil

import pytest
import yaml

from edgeprune import amounts
from edgeprune.cli import main
from edgeprune.config import grid, load
from edgeprune.errors import EdgepruneError
from edgeprune.sampling.plan import Plan
from edgeprune.sampling.sample import sample
from helpers.profiles import vgg16
from helpers.workflow import ROOT

NET = vgg16()
BAD = [
    ("params", "2MB", "unknown unit 'MB'"),
    ("memory", "2 mb", "unknown unit 'mb'"),
    ("memory", "50 percent", "unknown unit 'percent'"),
    ("macs", "many", "not a number"),
    ("macs", "%", "not a number"),
    ("macs", "100%", "between 0 and 100 %"),
    ("macs", "150 %", "between 0 and 100 %"),
    ("macs", "0%", "between 0 and 100 %"),
    ("memory", "0.5B", "above 1 byte"),
    ("memory", "0MB", "above 1 byte"),
    ("macs", "-50%", "not a number"),
    ("macs", "0", "neither an amount above 1"),
    ("macs", "1e300", "more than any network"),
    ("memory", "1e300MB", "more than any network"),
    ("memory", "1e99999999MB", "not a number"),
]


def test_an_absurd_power_is_refused_at_once():
    with pytest.raises(EdgepruneError, match="not a number"):
        amounts.number("1e-99999999", "--target")


@pytest.mark.parametrize(
    ("resource", "written", "means"),
    [
        ("params", "50%", 0.5),
        ("params", "33.3 %", 0.333),
        ("macs", "12.5%", 0.125),
        ("memory", "50%", 0.5),
        ("memory", "1MB", 1_000_000),
        ("memory", "1 MiB", 2**20),
        ("peak_memory", "30.5MB", 30_500_000),
        ("peak_memory", "30000kB", 30_000_000),
        ("params", "4e6", 4_000_000),
        ("flops", " 0.5 ", 0.5),
    ],
)
def test_an_amount_with_a_unit_is_the_number_it_stands_for(resource, written, means):
    options = {"min_channels": 1}
    plan, same = (sample(NET, budget={resource: value}, **options) for value in (written, means))
    assert plan == same
    assert plan.budget == {resource: means}
    assert plan.totals[resource] <= (means * NET.totals[resource] if means < 1 else means)


@pytest.mark.parametrize(("resource", "written", "words"), BAD)
def test_a_bad_amount_is_refused_with_key_and_remedy(resource, written, words, tmp_path, capsys):
    with pytest.raises(EdgepruneError) as caught:
        sample(NET, budget={resource: written})
    assert caught.value.key == f"budget.{resource}"
    assert words in caught.value.problem
    assert caught.value.remedy
    NET.save(tmp_path / "p.json")
    assert main(["sample", str(tmp_path / "p.json"), "--budget", f"{resource}={written}"]) == 1
    told = capsys.readouterr().err
    assert words in told
    assert "remedy: " in told


def test_the_command_takes_units(tmp_path):
    NET.save(tmp_path / "p.json")
    words = ["--budget", "params=50%", "peak_memory=40MB", "--out", str(tmp_path / "plan.json")]
    assert main(["sample", str(tmp_path / "p.json"), *words]) == 0
    assert Plan.load(tmp_path / "plan.json").budget == {"params": 0.5, "peak_memory": 40_000_000}


@pytest.fixture
def project(tmp_path):
    """A configuration of its own, with a budget of the given amounts."""
    (tmp_path / "presets").mkdir()
    shutil.copy(ROOT / "config.yaml", tmp_path)

    def write(**budget):
        preset = yaml.safe_load((ROOT / "presets/quick.yaml").read_text())
        (tmp_path / "presets/quick.yaml").write_text(yaml.safe_dump(preset | {"budgets": {"small": budget}}))
        return tmp_path

    return write


def test_a_configuration_takes_units_and_keeps_numbers(project):
    config = load.effective(project(params="50%", peak_memory="2MB", macs=0.25, flops="1e6"))
    numbers = {"params": 0.5, "peak_memory": 2_000_000, "macs": 0.25, "flops": 1_000_000}
    assert config["budgets"]["small"] == numbers
    assert grid.expand(config).variants["small"].budget == numbers
    over = load.effective(project(params=0.5), {"budgets": {"small": {"params": "40%"}}})
    assert over["budgets"]["small"] == {"params": 0.4}


@pytest.mark.parametrize(("resource", "written", "words"), BAD)
def test_a_configurations_bad_amount_is_refused_with_file_key_and_remedy(project, resource, written, words):
    with pytest.raises(EdgepruneError) as caught:
        load.effective(project(**{resource: written}))
    assert "presets/quick.yaml" in caught.value.file
    assert caught.value.key == f"budgets.small.{resource}"
    assert words in caught.value.problem
    assert caught.value.remedy


def test_an_empty_name_of_an_output_is_refused(tmp_path, capsys):
    """An unset variable of the shell must not lose the plan."""
    NET.save(tmp_path / "p.json")
    assert main(["sample", str(tmp_path / "p.json"), "--target", "0.5", "--out", ""]) == 1
    assert "is a folder" in capsys.readouterr().err
