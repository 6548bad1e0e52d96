"""Plan files: round trip, refusals, files of earlier versions, and the fit of a plan to a profile."""

import json
from dataclasses import replace

import pytest

from edgeprune.complexity.width import constant
from edgeprune.errors import EdgepruneError
from edgeprune.sampling import health
from edgeprune.sampling.plan import Plan
from edgeprune.sampling.sample import sample
from helpers.profiles import Builder, mixed, vgg16

#: Written by version 1, and never to be changed: whatever comes later has to load it.
VERSION_1 = """{
  "format": "edgeprune.plan",
  "version": 1,
  "network": "toy",
  "profile_digest": "0123456789abcdef",
  "method": "complexity",
  "mode": "PA",
  "target": 0.5,
  "budget": null,
  "seed": 7,
  "settings": {
    "prunable": "all",
    "min_channels": 0.1,
    "protect": ["stem*"],
    "round_to": 1
  },
  "dense_totals": {"params": 100, "macs": 1000, "flops": 2000, "memory": 400, "peak_memory": 900},
  "totals": {"params": 50, "macs": 600, "flops": 1200, "memory": 300, "peak_memory": 500},
  "reduction": {"params": 0.5, "macs": 0.4, "flops": 0.4, "memory": 0.25, "peak_memory": 0.4444444444444444},
  "dense_widths": {"stem": 4, "body": 8},
  "widths": {"stem": 4, "body": 3},
  "layers": {"stem": [4, 4], "body": [8, 3], "head": [10, 10]}
}
"""


@pytest.fixture(scope="module")
def plan():
    return sample(vgg16(), "FA", 0.5, 1, protect=["conv1"])


def test_a_plan_survives_its_file(plan, tmp_path):
    plan.save(tmp_path / "plan.json")
    loaded = Plan.load(tmp_path / "plan.json")
    assert loaded == plan
    assert loaded.profile is None
    assert list(loaded.widths) == list(plan.profile.widths)
    loaded.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "plan.json").read_bytes()


def test_a_plan_is_readable(plan):
    lines = plan.to_text().splitlines()
    assert f'    "conv2": [64, {plan.widths["conv2"]}],' in lines
    assert json.loads(plan.to_text()) == plan.to_json()


def test_layers_and_totals_are_those_of_the_profile(plan):
    for row in plan.profile.layer_table(plan.widths):
        assert plan.layers[row["layer"]][1] == row["filters"]
    assert plan.totals == plan.profile.totals_at(plan.widths)
    assert plan.dense_totals == plan.profile.totals
    for resource, fraction in plan.reduction.items():
        assert fraction == pytest.approx(1 - plan.totals[resource] / plan.dense_totals[resource])


def test_version_1_loads(tmp_path):
    (tmp_path / "plan.json").write_text(VERSION_1)
    plan = Plan.load(tmp_path / "plan.json")
    assert plan.widths == {"stem": 4, "body": 3}
    assert plan.layers["body"] == [8, 3]
    assert (plan.mode, plan.target, plan.seed, plan.settings["protect"]) == ("PA", 0.5, 7, ["stem*"])


def test_keys_of_the_future_are_ignored(tmp_path):
    (tmp_path / "plan.json").write_text(VERSION_1.replace('"seed": 7', '"seed": 7, "author": "somebody"'))
    assert Plan.load(tmp_path / "plan.json").seed == 7


@pytest.mark.parametrize(
    ("old", "new", "key", "words"),
    [
        ("edgeprune.plan", "edgeprune.profile", None, "is not a plan"),
        ('"version": 1', '"version": 2', "version", "version 2, this program reads 1"),
        ('"seed": 7', '"sead": 7', "seed", "is missing"),
        ('"seed": 7', '"seed": "x"', "seed", "cannot be 'x'"),
        ('"body": 3', '"body": 9', "widths.body", "keeps 9 of 8"),
        ('"body": 3', '"body": 0', "widths.body", "cannot be 0; it is a whole number from 1"),
        ('"stem": 4, "body": 3', '"stem": 4', "widths.body", "keeps None of 8"),
        ('"version": 1', '"version": true', "version", "version True, this program reads 1"),
        ('"seed": 7', '"seed": true', "seed", "cannot be True"),
        ('"body": 3', '"body": 3.0', "widths.body", "cannot be 3.0"),
        ('"stem": 4, "body": 3', '"stem": true, "body": 3', "widths.stem", "cannot be True"),
        ('"macs": 600', '"macs": "x"', "totals.macs", "cannot be 'x'"),
        ('"macs": 600', '"macs": NaN', "totals.macs", "cannot be nan"),
        ('"macs": 600, ', "", "totals.macs", "is missing"),
        ('"params": 100, ', "", "dense_totals.params", "is missing"),
        ('"memory": 0.25', '"memory": null', "reduction.memory", "cannot be None"),
        ('"body": [8, 3]', '"body": 8', "layers.body", "cannot be 8"),
        ('"body": [8, 3]', '"body": [8, 9]', "layers.body", "cannot be [8, 9]"),
        ("}\n}", "}", None, "not valid JSON"),
    ],
)
def test_damaged_files_are_refused(tmp_path, old, new, key, words):
    path = tmp_path / "plan.json"
    assert old in VERSION_1
    path.write_text(VERSION_1.replace(old, new))
    with pytest.raises(EdgepruneError) as error:
        Plan.load(path)
    assert (error.value.file, error.value.key) == (path, key)
    assert words in str(error.value)


def test_a_file_named_by_mistake_is_not_to_be_removed(tmp_path):
    (tmp_path / "small.pt").write_bytes(b"PK\x03\x04\x80 a checkpoint")
    with pytest.raises(EdgepruneError, match="not valid JSON") as error:
        Plan.load(tmp_path / "small.pt")
    assert "delete" not in error.value.remedy


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(EdgepruneError, match="no such file"):
        Plan.load(tmp_path / "none.json")


def test_attach_takes_the_profile_it_was_drawn_for(plan, tmp_path):
    plan.save(tmp_path / "plan.json")
    profile = vgg16()
    assert Plan.load(tmp_path / "plan.json").attach(profile).profile is profile
    assert Plan.load(tmp_path / "plan.json").attach(replace(profile, network="renamed")) == plan


def test_attach_notices_an_edited_width(plan):
    edited = replace(plan, widths={**plan.widths, "conv2": plan.widths["conv2"] - 1})
    with pytest.raises(EdgepruneError, match="its widths make") as error:
        edited.attach(vgg16())
    assert error.value.key == "totals.params"
    with pytest.raises(EdgepruneError, match="its widths make") as error:
        replace(plan, layers={**plan.layers, "conv2": [64, 1]}).attach(vgg16())
    assert error.value.key == "layers.conv2"


def test_attach_refuses_another_profile(plan):
    with pytest.raises(EdgepruneError, match=r"group 'conv1': 64 units in the plan, absent in the network") as error:
        plan.attach(mixed())
    assert error.value.key == "profile_digest"
    with pytest.raises(EdgepruneError, match="drawn for another network"):
        plan.check(vgg16(classes=100))


@pytest.mark.parametrize("widths", [{"conv1": 0}, {"conv1": 65}, {"convx": 3}])
def test_make_refuses_impossible_widths(widths):
    with pytest.raises(EdgepruneError) as error:
        Plan.make(vgg16(), widths, method="hand")
    assert error.value.key.startswith("widths")


def test_make_fills_in_what_is_left_out():
    plan = Plan.make(vgg16(), {"conv1": 10}, method="hand")
    assert plan.widths["conv1"] == 10
    assert plan.widths["conv2"] == 64
    assert plan.totals["params"] < plan.dense_totals["params"]


def test_health_and_slack_by_hand():
    plan = Plan.make(vgg16(), {"conv1": 16, "conv2": 32}, method="test", budget={"params": 0.999, "macs": 4e8})
    found = health.of(plan)
    assert (found["narrowest"], found["narrowest_kept"]) == ("conv1", 0.25)
    assert found["harmonic_mean"] == pytest.approx(15 / (13 + 4 + 2))
    assert health.slack(plan) == {
        "params": pytest.approx(plan.reduction["params"] - 0.001),
        "macs": pytest.approx(plan.reduction["macs"]),  # more is allowed than the dense network has
    }
    assert "conv1 keeps 25.0% of its width" in health.warning(plan)
    assert health.warning(Plan.make(vgg16(), {"conv1": 20}, method="test")) is None
    assert health.of(Plan.make(vgg16(), {}, method="dense"))["harmonic_mean"] == 1


@pytest.mark.parametrize("percent", [10, 30, 70])
def test_a_budget_met_exactly_has_no_slack(percent):
    network = Builder("toy", 12, 1)
    hidden = network.linear("hidden", network.group("hidden", 70), constant(12))
    network.linear("head", constant(10), hidden)
    plan = sample(network.build(), budget={"macs": f"{percent}%"}, min_channels=1)
    assert plan.totals["macs"] * 100 == percent * plan.dense_totals["macs"]
    assert str(health.slack(plan)) == "{'macs': 0.0}"  # neither -0.0 nor 1e-17


def test_health_is_in_the_file_and_is_made_anew_when_it_is_read(plan, tmp_path):
    plan.save(tmp_path / "plan.json")
    value = json.loads((tmp_path / "plan.json").read_text())
    assert value["health"] == health.of(plan)
    assert 0 <= value["slack"]["flops"] < 0.01
    value["health"]["narrowest_kept"] = 0.9
    (tmp_path / "plan.json").write_text(json.dumps(value))
    assert health.of(Plan.load(tmp_path / "plan.json")) == health.of(plan)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"mode": None, "target": None, "budget": {"watts": 3}}, "budget.watts"),
        ({"mode": None, "target": None, "budget": {"params": "x"}}, "budget.params"),
        ({"mode": None, "target": None, "budget": {"params": 0}}, "budget.params"),
        ({"target": None}, "target"),
    ],
)
def test_a_damaged_goal_is_named(changes, key, tmp_path):
    (tmp_path / "plan.json").write_text(json.dumps(json.loads(VERSION_1) | changes))
    with pytest.raises(EdgepruneError) as error:
        Plan.load(tmp_path / "plan.json")
    assert error.value.key == key
