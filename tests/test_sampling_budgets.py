"""What sampling refuses, and plans for budgets of several resources."""

import math
from fractions import Fraction

import pytest

from edgeprune.errors import EdgepruneError
from edgeprune.sampling.sample import sample
from helpers import reference
from helpers.profiles import ALL
from helpers.tightness import assert_tight

MODES = reference.RESOURCE
NETS = {name: make() for name, make in ALL.items()}


# Refusals


@pytest.mark.parametrize(
    ("options", "key", "words"),
    [
        ({"target": 0.0}, "target", "between 0 and 1"),
        ({"target": 1.0}, "target", "between 0 and 1"),
        ({"target": -0.5}, "target", "between 0 and 1"),
        ({"target": 50}, "target", "between 0 and 1"),
        ({"target": float("nan")}, "target", "not a number"),
        ({"target": None}, "target", "not a number"),
        ({"mode": "XA"}, "mode", "PA (params), FA (flops), MA (memory)"),
        ({"seed": -1}, "seed", "whole number"),
        ({"seed": 1.5}, "seed", "whole number"),
        ({"method": "magic"}, "method", "uniform: "),
        ({"prunable": "linear"}, "prunable", "all, conv"),
        ({"min_channels": 0}, "min_channels", "whole number from 1"),
        ({"min_channels": 1.5}, "min_channels", "whole number from 1"),
        ({"round_to": 0}, "round_to", "whole number from 1"),
        ({"round_to": True}, "round_to", "whole number from 1"),
        ({"round_to": 8.0}, "round_to", "whole number from 1"),
        ({"seed": True}, "seed", "whole number from 0"),
        ({"min_channels": True}, "min_channels", "whole number from 1"),
        ({"min_channels": "8"}, "min_channels", "whole number from 1"),
        ({"protect": [3]}, "protect", "list of patterns"),
        ({"protect": 3}, "protect", "list of patterns"),
        ({"protect": ["conv1", "cnv*"]}, "protect", "(did you mean 'conv"),
        ({"budget": {}}, "budget", "is not a budget"),
        ({"budget": {"energy": 5}}, "budget.energy", "peak_memory"),
        ({"budget": {"macs": 1}}, "budget.macs", "above 1"),
        ({"budget": {"macs": "many"}}, "budget.macs", "not a number"),
        ({"budget": {"macs": 0.5}, "seed": -2}, "seed", "whole number"),
    ],
)
def test_bad_options_are_named(options, key, words):
    with pytest.raises(EdgepruneError) as error:
        sample(NETS["vgg16"], **options)
    assert error.value.key == key
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("network", "mode", "options"),
    [
        ("vgg16", "MA", {}),
        ("alexnet", "PA", {"prunable": "conv"}),
        ("vgg16", "PA", {"protect": ["conv1?", "conv9"]}),
        ("resnet50", "FA", {"min_channels": 64}),
        ("mobilenet_v2", "FA", {"round_to": 128}),
    ],
)
def test_unreachable_target_says_what_can_be_reached(network, mode, options):
    profile = NETS[network]
    with pytest.raises(EdgepruneError, match="can fall by at most") as error:
        sample(profile, mode, 0.99, **options)
    assert error.value.key == "target"
    assert all(name in error.value.remedy for name in ("min_channels", "prunable", "protect"))
    reachable = float(str(error.value).split("at most ")[1].split(" %")[0])
    assert 0 < reachable < 99
    plan = sample(profile, mode, round(reachable / 100 - 1e-4, 4), **options)  # what is named can be had …
    assert plan.reduction[MODES[mode]] == pytest.approx(reachable / 100, abs=0.005)
    with pytest.raises(EdgepruneError):  # … and more cannot
        sample(profile, mode, round(reachable / 100 + 2e-4, 4), **options)


# Budgets


def test_joint_budget_is_reached_together():
    profile = NETS["vgg16"]
    for seed in range(3):
        budget = {"params": "4e6", "macs": 1e8, "memory": 0.6, "peak_memory": 3e7}
        plan = sample(profile, seed=seed, budget=budget)
        assert plan.budget == {"params": 4_000_000, "macs": 100_000_000, "memory": 0.6, "peak_memory": 30_000_000}
        assert (plan.mode, plan.target) == (None, None)
        limits = {**plan.budget, "memory": math.floor(Fraction("0.6") * profile.totals["memory"])}
        assert all(plan.totals[r] <= limit for r, limit in limits.items())
        # Not far below all of them: the last one met is met within one filter.
        assert any(
            profile.total(r, {**plan.widths, g: plan.widths[g] + 1}) > limit
            for r, limit in limits.items()
            for g in plan.widths
            if plan.widths[g] < plan.dense_widths[g]
        )


def test_joint_budget_is_better_than_one_after_the_other():
    """Mixed draws overshoot less than reaching FLOPs first and parameters then."""
    profile = NETS["vgg16"]
    joint = sample(profile, budget={"params": 0.5, "flops": 0.5})
    single = sample(profile, budget={"flops": 0.5}), sample(profile, budget={"params": 0.5})
    assert single[0].reduction["params"] < 0.5
    assert single[1].reduction["flops"] < 0.7
    assert 0.5 <= joint.reduction["params"] < 0.52
    assert 0.5 <= joint.reduction["flops"] < 0.75


def test_budget_of_one_resource_is_the_mode():
    profile = NETS["resnet50"]
    assert sample(profile, budget={"flops": 0.5}, seed=4).widths == sample(profile, "FA", 0.5, 4).widths


def test_budget_that_already_holds_removes_nothing():
    plan = sample(NETS["vgg16"], budget={"params": 1e9})
    assert plan.widths == plan.dense_widths
    assert set(plan.reduction.values()) == {0.0}


def test_unreachable_joint_budget_names_each_resource():
    with pytest.raises(EdgepruneError, match=r"params can fall .*; .*peak_memory can fall") as error:
        sample(NETS["vgg16"], budget={"params": 100, "macs": 0.5, "peak_memory": 0.001})
    assert error.value.key == "budget"
    assert "macs can fall" not in str(error.value)


@pytest.mark.parametrize("method", ["random", "uniform"])
def test_peers_reach_joint_budgets(method):
    plan = sample(NETS["resnet50"], method=method, budget={"params": 0.4, "peak_memory": 0.5})
    assert plan.totals["params"] <= 0.4 * plan.dense_totals["params"]
    assert plan.totals["peak_memory"] <= 0.5 * plan.dense_totals["peak_memory"]


def test_peak_memory_alone_is_a_budget():
    plan = sample(NETS["mobilenet_v2"], budget={"peak_memory": 0.5})
    assert_tight(plan, "peak_memory", plan.dense_totals["peak_memory"] // 2)
