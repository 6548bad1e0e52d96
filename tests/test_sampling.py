"""Plans: what they reach, where they thin, floors, protection, rounding, nesting, the baselines."""

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeprune.complexity import width
from edgeprune.errors import EdgepruneError
from edgeprune.sampling import methods
from edgeprune.sampling.costs import Costs
from edgeprune.sampling.plan import Plan
from edgeprune.sampling.problem import Problem
from edgeprune.sampling.sample import sample, sample_many
from helpers import reference
from helpers.profiles import ALL, Builder, constant
from helpers.tightness import assert_tight, limit_of

MODES = reference.RESOURCE
NETS = {name: make() for name, make in ALL.items()}
GOLDEN = Path(__file__).parent / "golden"
METHODS = ["complexity", "random", "uniform"]
DRAWS = ["filter", "layer"]


@pytest.mark.parametrize("network", NETS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("method", "draw"), [(m, "filter") for m in METHODS] + [(m, "layer") for m in METHODS[:2]])
def test_target_is_met_within_one_filter(network, mode, method, draw):
    profile = NETS[network]
    for target in (0.5, 0.7):
        plan = sample(profile, mode, target, 1, method=method, draw=draw)
        assert plan.reduction[MODES[mode]] >= target
        assert_tight(plan, MODES[mode], limit_of(profile, mode, target))
        assert plan.totals == profile.totals_at(plan.widths)


def kept(plan, part):
    """Fraction of filters kept in the first or last third of the convolutions that can lose any."""
    layers = [layer.name for layer in plan.profile.layers if layer.kind != "linear"]
    third = len(layers) // 3
    rows = [plan.layers[name] for name in (layers[:third] if part == "early" else layers[-third:])]
    return sum(now for _, now in rows) / sum(dense for dense, _ in rows)


@pytest.mark.parametrize("network", ["vgg16", "resnet50", "mobilenet_v2"])
def test_pa_thins_late_wide_layers_and_ma_early_ones_fa_in_between(network):
    for seed in range(10):
        late = {mode: kept(sample(NETS[network], mode, 0.5, seed), "late") for mode in MODES}
        early = {mode: kept(sample(NETS[network], mode, 0.5, seed), "early") for mode in MODES}
        assert late["PA"] < early["PA"]
        assert late["MA"] > early["MA"]
        assert early["PA"] > early["FA"] > early["MA"]


def test_golden_plan():
    """The plan's text, checked in; its widths are also those of the literal sampler."""
    path = GOLDEN / "vgg16-FA-0.50-seed-0.json"
    plan, golden = sample(NETS["vgg16"], "FA", 0.5, 0), Plan.load(path)
    assert plan.to_text().replace(plan.profile_digest, golden.profile_digest) == path.read_text()
    assert golden.widths == reference.widths_of(NETS["vgg16"], "FA", 0.5, 0)


def test_layer_draw_gives_the_plans_that_it_gave_before_filters_were_drawn():
    golden = Plan.load(GOLDEN / "vgg16-FA-0.50-seed-0-layer.json")  # written when this was the only draw
    assert golden.widths == sample(NETS["vgg16"], "FA", 0.5, 0, draw="layer").widths


@pytest.mark.parametrize("method", ["complexity", "random"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize("round_to", [1, 8])
def test_higher_target_continues_lower_target(method, mode, draw, round_to):
    targets = (0.3, 0.5, 0.7) if round_to == 1 else (0.2, 0.4, 0.6)
    for network in ("vgg16", "resnet50", "mixed") if round_to == 1 else ("vgg16", "resnet50"):
        options = {"method": method, "draw": draw, "round_to": round_to}
        plans = sample_many(NETS[network], [mode], reversed(targets), range(5), **options)
        for seed in range(5):
            small, medium, large = (plans[mode, target, seed].widths for target in targets)
            assert all(large[g] <= medium[g] <= small[g] for g in small)
            assert small != medium != large


@pytest.mark.parametrize("method", ["complexity", "random", "uniform"])
def test_many_plans_are_those_drawn_one_by_one(method):
    profile = NETS["mobilenet_v2"]
    options = {"method": method, "round_to": 4, "protect": "stem", "min_channels": 2}
    plans = sample_many(profile, ["MA", "PA"], [0.6, 0.2], [5, 3], **options)
    assert list(plans)[:3] == [("MA", 0.6, 5), ("MA", 0.6, 3), ("MA", 0.2, 5)]
    for (mode, target, seed), plan in plans.items():
        assert plan == sample(profile, mode, target, seed, **options)


@pytest.mark.parametrize("network", NETS)
@pytest.mark.parametrize("mode", MODES)
def test_seeds_and_modes_differ_and_seeds_repeat(network, mode):
    profile = NETS[network]
    widths = [sample(profile, mode, 0.5, seed).widths for seed in (0, 1, 2, 3, 0)]
    assert widths[0] == widths[4]
    assert any(w != widths[0] for w in widths[1:4])


@pytest.mark.parametrize("network", NETS)
def test_compiled_costs_equal_the_profiles(network):
    profile, costs = NETS[network], Costs(NETS[network])
    rows = [[max(1, d * k // 7) for d in costs.dense] for k in range(1, 8)]
    for w, many in zip(rows, costs.totals_many(rows)):
        at = dict(zip(costs.names, w))
        assert profile.totals_at(at) == many == {r: costs.total(r, w) for r in many}
    for resource in ("params", "macs", "flops", "memory"):
        literal = reference.shares(profile, resource, at, dict.fromkeys(at, 0))
        for group, (constant_, slopes) in zip(costs.names, costs.per_unit(resource)):
            assert literal[group] == at[group] * (constant_ + sum(c * at[costs.names[i]] for i, c in slopes.items()))


def test_totals_beyond_64_bits_stay_exact():
    b = Builder("huge", 3, 2**20)
    x = b.conv("a", b.group("a", 2**14), constant(3), positions=2**40)
    b.conv("b", b.group("b", 2**14), x, positions=2**40)
    plans = sample_many(b.build(), ["FA"], [0.5, 0.25], [0], round_to=1024)
    for plan in plans.values():
        assert plan.dense_totals["flops"] > 2**64
        assert plan.totals == plan.profile.totals_at(plan.widths)


# Options


@pytest.mark.parametrize("method", ["complexity", "random", "uniform"])
def test_round_to_keeps_multiples(method):
    for network, step, target in (("vgg16", 8, 0.4), ("mobilenet_v2", 8, 0.4), ("mixed", 4, 0.3)):
        for mode in MODES:
            plan = sample(NETS[network], mode, target, 2, method=method, round_to=step, min_channels=1)
            touched = [name for name, (dense, now) in plan.layers.items() if now < dense]
            assert touched
            for layer in plan.profile.layers:
                groups = {g for _, g in layer.out if g is not None}
                if layer.name in touched and all(plan.widths[g] < plan.dense_widths[g] for g in groups):
                    fixed = sum(c for c, g in layer.out if g is None)
                    assert (plan.layers[layer.name][1] - fixed) % step == 0
            assert_tight(plan, MODES[mode], limit_of(plan.profile, mode, target), step=step)


def test_rounding_does_not_change_the_draws():
    """With ``round_to`` each width is that of the single filters at the same point of the chain, on the grid."""
    rounded = sample(NETS["vgg16"], "FA", 0.5, 3, round_to=8)
    problem = Problem(NETS["vgg16"], round_to=8)
    singly = [sample(NETS["vgg16"], "FA", target / 1000, 3).widths for target in range(480, 521)]
    assert any(problem.rounded(list(w.values())) == list(rounded.widths.values()) for w in singly)


def test_nearest_width_on_the_grid():
    problem = Problem(NETS["vgg16"], round_to=8, min_channels=16)
    assert [problem.nearest(0, w) for w in (64, 63, 60, 59, 52, 51, 20, 19, 16)] == [64, 64, 64, 56, 56, 48, 24, 16, 16]


def test_grouped_units_count_as_their_channels_when_rounding():
    options = {"round_to": 8, "min_channels": 1}
    plans = [sample(NETS["mixed"], "MA", target, seed, **options) for seed in range(20) for target in (0.05, 0.2)]
    seen = {plan.widths["grouped"] for plan in plans}
    assert seen <= {5, 4, 2}  # four channels a unit: multiples of 8 are even numbers of units
    assert len(seen) > 1


def constant_part():
    """``cat([x, a(x)], 1) + b(x)``: b writes three channels that stay and the group of a; after it ``free``."""
    b = Builder("constant_part", 3, 8)
    a = b.conv("a", b.group("a", 32), constant(3))
    sum_ = b.conv("b", constant(3) + a, constant(3))
    b.conv("free", b.group("free", 32), sum_)
    return b.build()


@pytest.mark.parametrize("method", ["complexity", "random", "uniform"])
def test_a_group_that_cannot_be_round_in_every_layer_is_not_pruned(method):
    for seed in range(3):
        plan = sample(constant_part(), "MA", 0.2, seed, method=method, round_to=8, min_channels=1)
        assert plan.layers["a"] == [32, 32]
        assert plan.layers["b"] == [35, 35]
        assert plan.layers["free"][1] in (8, 16, 24)
    with pytest.raises(EdgepruneError, match="can fall by at most"):
        sample(constant_part(), "MA", 0.6, method=method, round_to=8, min_channels=1)
    assert sample(constant_part(), "MA", 0.6, method=method).widths["a"] < 32


@pytest.mark.parametrize("method", ["complexity", "random", "uniform"])
@pytest.mark.parametrize("budget", [None, {"memory": 0.5, "params": 0.6}])
def test_round_to_counts_channels_that_stay(method, budget):
    """Only b writes the group: 3 + w is the multiple, so w is 5, 13, 21 or 29."""
    b = Builder("offset", 3, 8)
    x = b.conv("b", constant(3) + b.group("b", 32), constant(3))
    y = b.conv("c", b.group("c", 32), x)
    b.conv("both", b.group("d", 16) + y, y)  # c is pruned on its own, d makes up for nothing that stays
    profile, seen = b.build(), set()
    for seed in range(8):
        for target in (0.5,) if budget else (0.2, 0.4, 0.6):
            asked = {"budget": budget} if budget else {"mode": "MA", "target": target}
            plan = sample(profile, seed=seed, method=method, round_to=8, min_channels=1, **asked)
            for dense, now in plan.layers.values():
                assert now == dense or now % 8 == 0
            if not budget:
                assert_tight(plan, "memory", limit_of(profile, "MA", target), step=8)
            seen.add(plan.widths["b"])
    assert seen <= {32, 29, 21, 13, 5}
    assert seen - {32}


def test_units_of_a_protected_group_count_as_channels_that_stay():
    b = Builder("protected", 3, 8)
    left = b.conv("left", b.group("left", 12), constant(3))
    b.group("right", 32)
    b.conv("both", left + ((1, "right"),), left)
    plan = sample(b.build(), "MA", 0.3, protect="left", round_to=8, min_channels=1)
    assert plan.layers["left"] == [12, 12]
    assert plan.layers["both"][1] in (16, 24)


def test_numpy_numbers_are_taken():
    import numpy as np

    profile, plain = NETS["vgg16"], sample(NETS["vgg16"], "FA", 0.5, 3, round_to=8, min_channels=8)
    taken = sample(profile, "FA", 0.5, np.int64(3), round_to=np.int32(8), min_channels=np.int64(8))
    assert taken.to_text() == plain.to_text()
    assert sample(profile, "FA", 0.5, min_channels=np.float64(0.2)).to_text() == (
        sample(profile, "FA", 0.5, min_channels=0.2).to_text()
    )
    assert sample(profile, seed=np.int64(3), budget={"macs": 0.5}).to_text() == (
        sample(profile, seed=3, budget={"macs": 0.5}).to_text()
    )


@pytest.mark.parametrize(("floor", "expected", "target"), [(1, 1, 0.9), (20, 20, 0.7), (0.25, 16, 0.7), (4.0, 4, 0.9)])
def test_floor_is_kept_and_reached(floor, expected, target):
    problem_widths = [sample(NETS["vgg16"], "MA", target, seed, min_channels=floor).widths for seed in range(3)]
    for widths in problem_widths:
        assert all(units >= min(expected, NETS["vgg16"].widths[g]) for g, units in widths.items())
    assert any(widths["conv1"] <= expected + 3 for widths in problem_widths)


def test_a_floor_in_channels_keeps_narrower_layers_whole_and_no_more_than_that():
    plan = sample(NETS["vgg16"], "PA", 0.5, min_channels=200)  # conv1 to conv4 have 64 and 128
    assert [plan.widths[f"conv{n}"] for n in (1, 2, 3, 4)] == [64, 64, 128, 128]
    with pytest.raises(EdgepruneError) as error:
        sample(NETS["vgg16"], "FA", 0.9, min_channels=400)
    assert 0 < float(str(error.value).split("at most ")[1].split(" %")[0]) < 90


def test_protect_spares_layers_and_what_is_coupled_to_them():
    plan = sample(NETS["resnet50"], "FA", 0.4, 0, protect=["layer1.1.conv3", "layer4*"])
    for group, units in plan.widths.items():
        spared = group == "layer1.0.conv3" or group.startswith("layer4")
        assert not spared or units == plan.dense_widths[group]
    assert plan.widths["layer2.0.conv3"] < 512
    assert plan.settings["protect"] == ["layer1.1.conv3", "layer4*"]


def test_prunable_conv_leaves_neurons_alone():
    plan = sample(NETS["alexnet"], "FA", 0.4, 0, prunable="conv")
    assert plan.widths["fc1"] == plan.widths["fc2"] == 4096
    assert plan.widths["conv2"] < 192
    assert sample(NETS["alexnet"], "PA", 0.5, 0).widths["fc1"] < 4096


def test_layer_that_spans_several_groups_is_split_over_them():
    plan = sample(NETS["mixed"], "MA", 0.5, 0)
    left, right = plan.widths["left"], plan.widths["right"]
    assert plan.layers["both"] == [18, left + right + 2]
    assert left < 10
    assert right < 6


# Baselines


def test_uniform_scales_every_group_by_one_factor():
    for network in ("vgg16", "resnet50", "mobilenet_v2"):
        for mode in MODES:
            plan = sample(NETS[network], mode, 0.5, method="uniform")
            free = {g: d for g, d in plan.dense_widths.items() if plan.widths[g] > math.ceil(d / 10)}
            low = max((plan.widths[g] - 1) / d for g, d in free.items())
            high = min((plan.widths[g] + 1) / d for g, d in free.items())
            assert low <= high  # one factor lies within a unit of every width


def test_uniform_is_the_widest_that_fits():
    """Against a search over all factors k / 2^12: none wider in every layer keeps the budget."""
    profile = NETS["vgg16"]
    plan, limit = sample(profile, "FA", 0.5, method="uniform"), limit_of(profile, "FA", 0.5)
    fits = [
        w
        for k in range(4096)
        if profile.total("flops", w := {g: max(math.ceil(d / 10), k * d >> 12) for g, d in profile.widths.items()})
        <= limit
    ]
    assert all(plan.widths[g] >= units for g, units in fits[-1].items())


def test_dense_is_the_empty_plan():
    plan = sample(NETS["vgg16"], method="dense", seed=3)
    assert (plan.widths, plan.totals) == (plan.dense_widths, plan.dense_totals)
    assert (plan.mode, plan.target, plan.budget, plan.seed) == (None, None, None, 3)


def test_registry_lists_methods_with_descriptions():
    assert list(methods.methods()) == ["complexity", "random", "uniform", "dense"]
    assert all(len(m.description) > 10 for m in methods.methods().values())


# Random networks


@st.composite
def networks(draw):
    b, last, known = Builder("random", 3, 8), constant(3), []
    for n in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(["plain", "reuse", "depthwise", "concat", "grouped"]))
        side = draw(st.integers(1, 64))
        if kind == "reuse" and known:
            out = ((1, draw(st.sampled_from(known))),)
        elif kind == "depthwise" and known:
            b.conv(f"conv{n}", last, last, depthwise=True, positions=side)
            continue
        elif kind == "concat" and known:
            last = last + ((1, draw(st.sampled_from(known))),)
            continue
        else:
            out = b.group(f"conv{n}", draw(st.integers(2, 24)))
            known.append(f"conv{n}")
            if kind == "grouped":
                out = ((draw(st.integers(2, 4)), f"conv{n}"),)
        last = b.conv(f"conv{n}", out, last, draw(st.integers(1, 3)), positions=side, bias=draw(st.booleans()))
    b.linear("last", constant(2), last)
    return b.build()


@settings(max_examples=60, deadline=None)
@given(
    profile=networks(),
    method=st.sampled_from(["complexity", "random", "uniform"]),
    mode=st.sampled_from(list(MODES)),
    target=st.sampled_from([0.1, 0.25, 0.5, 0.7]),
    seed=st.integers(0, 2**32 - 1),
    floor=st.sampled_from([1, 3, 0.1, 0.3]),
    step=st.sampled_from([1, 2, 4]),
    draw=st.sampled_from(DRAWS),
)
def test_random_networks(profile, method, mode, target, seed, floor, step, draw):
    options = {"method": method, "min_channels": floor, "round_to": step, "draw": draw}
    try:
        plan = sample(profile, mode, target, seed, **options)
    except EdgepruneError as error:
        assert "can fall by at most" in str(error)  # noqa: PT017 - both outcomes are right, each is checked
        return
    assert_tight(plan, MODES[mode], limit_of(profile, mode, target), step=step)
    for layer in profile.layers:
        dense, now = plan.layers[layer.name]
        assert now == width.evaluate(layer.out, plan.widths) <= dense
        assert now == dense or now >= (floor if isinstance(floor, int) else floor * dense)
    smaller = sample(profile, mode, 0.05, seed, **options)
    if method != "uniform":
        assert all(plan.widths[g] <= units for g, units in smaller.widths.items())
