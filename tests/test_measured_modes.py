"""The modes LA and EA: interpolation in integers, draws by the table's shares, targets, refusals."""

import json
import random
from fractions import Fraction

import pytest

from edgeprune.complexity import width
from edgeprune.errors import EdgepruneError
from edgeprune.sampling.plan import Plan
from edgeprune.sampling.problem import Problem
from edgeprune.sampling.sample import sample, sample_many
from edgeprune.sampling.stepwise import by_table
from edgeprune.sampling.table import CostTable, Measured, Surface
from helpers import tables
from helpers.profiles import ALL
from test_sampling_draws import chi_square

NETWORKS = ("vgg16", "resnet50", "mobilenet_v2", "mixed")
SEEDS = 4_000
GOLDEN = [64, 40, 96, 72, 200, 152, 168, 392, 312, 336, 456, 440, 432, 496, 488]


@pytest.fixture(params=NETWORKS)
def profile(request):
    return ALL[request.param]()


def test_interpolation_is_exact_and_stays_within_what_was_measured():
    surface = Surface((2, 5), (4, 10, 20), ((7, 90, 100), (11, 50, 300)))
    for x in range(1, 8):
        for y in range(1, 25):
            cx, cy = Fraction(min(5, max(2, x)) - 2, 3), min(20, max(4, y))
            j = 0 if cy < 10 else 1
            cy = Fraction(cy - surface.filters[j], surface.filters[j + 1] - surface.filters[j])
            a, b = surface.values
            wanted = (1 - cx) * ((1 - cy) * a[j] + cy * a[j + 1]) + cx * ((1 - cy) * b[j] + cy * b[j + 1])
            assert surface.at(x, y) == 1000 * wanted // 1
    assert Surface((3,), (8,), ((5,),)).at(1, 100) == 5000


def test_total_is_the_sum_of_what_the_layers_cost(profile, tmp_path):
    table = tables.write(tmp_path / "t.json", profile, tables.products)
    plan = sample(profile, "FA", 0.4)
    layers = {layer.name: layer for layer in profile.layers}
    total = Measured(profile, table, "latency")([plan.widths[g.name] for g in profile.groups])
    wanted = sum(
        table.surface(name, "latency").at(
            width.evaluate(layer.inp, plan.widths), width.evaluate(layer.out, plan.widths)
        )
        for name, layer in layers.items()
    )
    assert total == wanted


@pytest.mark.parametrize("cost", [tables.products, tables.bumpy], ids=["bilinear", "bumpy"])
@pytest.mark.parametrize("round_to", [1, 8])
def test_target_is_reached_by_the_last_block_and_by_no_earlier_one(profile, cost, round_to, tmp_path):
    table = tables.write(tmp_path / "t.json", profile, cost)
    total, problem = Measured(profile, table, "latency"), Problem(profile, round_to=round_to, table=table)
    dense, target = (
        total(problem.dense),
        0.2 if profile.network == "mixed" else 0.5,
    )  # it is small: rounding costs it much
    limit = (1 - Fraction(str(target))) * dense
    for seed in range(2):
        plan = sample(profile, "LA", target, seed, table=table, round_to=round_to)
        w = [plan.widths[g.name] for g in profile.groups]
        assert total(w) <= limit
        before = []  # of some group the last draw took a step on the grid
        for i in problem.eligible:
            if w[i] < problem.dense[i]:
                wider = next(u for u in range(w[i] + 1, problem.dense[i] + 1) if problem.nearest(i, u) == u)
                before.append(total([*w[:i], wider, *w[i + 1 :]]))
        assert any(t > limit for t in before)
        said = plan.predicted
        assert said["pruned"] == total(w) / 1e9
        assert said["dense"] == dense / 1e9
        assert said["reduction"] >= target
        assert (said["device"], said["table_sha256"], said["estimated"]) == ("board", table.sha256, False)


def test_same_seed_same_plan_and_one_chain_serves_all_targets(profile, tmp_path):
    table = tables.write(tmp_path / "t.json", profile, tables.bumpy)
    many = sample_many(profile, ["LA"], [0.4, 0.2], [0, 1], table=table, round_to=2)
    for (mode, target, seed), plan in many.items():
        assert plan == sample(profile, mode, target, seed, table=tmp_path / "t.json", round_to=2)
    for seed in (0, 1):
        far, near = (many["LA", target, seed].widths for target in (0.4, 0.2))
        assert all(far[group] <= near[group] for group in far)
    assert many["LA", 0.4, 0].widths != many["LA", 0.4, 1].widths


def literal(profile, table, target, seed, round_to):
    """The chain as METHOD words it: every weight, and the total, made anew from the table at each draw."""
    problem = Problem(profile, round_to=round_to)
    surfaces = [table.surface(layer.name, "latency") for layer in profile.layers]
    uniform, widths = random.Random(seed).random, dict(profile.widths)

    def costs(widths):
        sizes = [(width.evaluate(layer.inp, widths), width.evaluate(layer.out, widths)) for layer in profile.layers]
        return [(surface.at(*size), size[1]) for surface, size in zip(surfaces, sizes)]

    limit = (1 - Fraction(str(target))) * sum(cost for cost, _ in costs(widths))
    names = list(widths)
    while True:
        kept = dict(zip(names, problem.rounded([widths[name] for name in names])))
        if sum(cost for cost, _ in costs(kept)) <= limit:
            return kept
        weights, now = [], costs(widths)
        for i, group in enumerate(profile.groups):
            weight = 0
            for layer, (cost, filters) in zip(profile.layers, now):
                coefficient = sum(c for c, g in layer.out if g == group.name)
                weight += cost * coefficient * widths[group.name] // filters
            weights.append(weight * widths[group.name] if widths[group.name] > problem.floor[i] else 0)
        point = int(uniform() * 2**53) * sum(weights) >> 53
        i = next(k for k in range(len(weights)) if sum(weights[: k + 1]) > point)
        widths[profile.groups[i].name] -= 1


@pytest.mark.parametrize("cost", [tables.products, tables.bumpy], ids=["bilinear", "bumpy"])
def test_chain_equals_the_literal_one_draw_for_draw(profile, cost, tmp_path):
    table = tables.write(tmp_path / "t.json", profile, cost)
    for seed in range(2):
        found = sample(profile, "LA", 0.15, seed, table=table, round_to=4)
        assert found.widths == literal(profile, table, 0.15, seed, 4)


def test_a_seed_gives_this_very_plan(tmp_path):
    """Written down once, after the test above passed: another platform or version must draw it too."""
    profile = ALL["vgg16"]()
    table = tables.write(tmp_path / "t.json", profile, tables.bumpy)
    plan = sample(profile, "LA", 0.5, 3, table=table, round_to=8)
    assert list(plan.widths.values()) == GOLDEN


@pytest.mark.parametrize("network", ["vgg16", "mixed"])
def test_first_draws_follow_the_tables_shares(network, tmp_path):
    profile = ALL[network]()

    def cost(layer, inputs, filters):  # shares unlike those of parameters, FLOPs or memory
        return 1000 + 37 * len(layer.name) * filters + layer.positions * inputs

    table = tables.write(tmp_path / "t.json", profile, cost)
    problem = Problem(profile, table=table)
    measured, counts = problem.costs.measured("latency"), {}
    limit = measured(problem.dense) - 1
    for seed in range(SEEDS):
        w = one_draw(problem, limit, seed)
        (lost,) = [i for i, (now, dense) in enumerate(zip(w, problem.dense)) if now < dense]
        counts[lost] = counts.get(lost, 0) + 1
    weights = {}
    for n, layer in enumerate(profile.layers):
        ns, filters = measured.layer(n, problem.dense)
        for coefficient, group in layer.out:
            i = None if group is None else problem.costs.names.index(group)
            if i in problem.eligible:
                share = Fraction(ns * coefficient * problem.dense[i], filters)
                weights[i] = weights.get(i, 0) + share * problem.dense[i]
    shares = {i: weight / sum(weights.values()) for i, weight in weights.items()}
    statistic, threshold = chi_square(counts, shares)
    assert statistic < threshold
    first = max(shares, key=shares.get)
    shares[first] *= Fraction(7, 10)
    statistic, threshold = chi_square(counts, {i: s / sum(shares.values()) for i, s in shares.items()})
    assert statistic > threshold  # the test can fail


def one_draw(problem, limit, seed):
    (w,) = by_table(problem, "latency", [{"latency": limit}], seed)
    return w


def test_uniform_and_random_reach_a_target_of_latency_too(profile, tmp_path):
    table = tables.write(tmp_path / "t.json", profile, tables.products)
    for method in ("uniform", "random"):
        plan = sample(profile, "LA", 0.5, method=method, table=table, round_to=4)
        assert 0.5 <= plan.predicted["reduction"] < 0.7


def test_energy_goes_by_its_own_numbers_and_says_when_it_is_estimated(tmp_path):
    profile = ALL["vgg16"]()
    table = tables.write(tmp_path / "t.json", profile, tables.products, energy=3)
    plan = sample(profile, "EA", 0.5, table=table)
    assert plan.widths == sample(profile, "LA", 0.5, table=table).widths  # in proportion to the latency here
    assert plan.predicted["estimated"] is True
    assert (plan.predicted["resource"], plan.predicted["unit"]) == ("energy", "mJ")
    assert plan.predicted["dense"] == pytest.approx(3 * sample(profile, "LA", 0.5, table=table).predicted["dense"])


def test_plan_keeps_its_prediction_on_disk_and_others_have_none(tmp_path):
    profile = ALL["vgg16"]()
    table = tables.write(tmp_path / "t.json", profile, tables.products)
    plan = sample(profile, "LA", 0.5, table=table)
    plan.save(tmp_path / "plan.json")
    assert Plan.load(tmp_path / "plan.json") == plan
    assert Plan.load(tmp_path / "plan.json").predicted["table_sha256"] == table.sha256
    assert "predicted" not in sample(profile, "FA", 0.5).to_json()


def test_target_out_of_reach_names_what_can_be_reached(tmp_path):
    profile = ALL["vgg16"]()
    table = tables.write(tmp_path / "t.json", profile, lambda layer, x, y: 10**6 + x * y)
    with pytest.raises(EdgepruneError, match=r"latency can fall by at most \d+\.\d+ %.* ms") as caught:
        sample(profile, "LA", 0.9, table=table)
    assert caught.value.key == "target"


def test_refusals_name_the_key(tmp_path):
    profile, other = ALL["vgg16"](), ALL["mobilenet_v2"]()
    table = tables.write(tmp_path / "t.json", profile, tables.products)
    for call, key in (
        (lambda: sample(profile, "LA", 0.5), "table"),
        (lambda: sample(other, "LA", 0.5, table=table), "profile_digest"),
        (lambda: sample(profile, "EA", 0.5, table=table), "energy_nj"),
        (lambda: sample(profile, "LA", 1.5, table=table), "target"),
        (lambda: sample(profile, "XA", 0.5, table=table), "mode"),
    ):
        with pytest.raises(EdgepruneError) as caught:
            call()
        assert caught.value.key == key
        assert caught.value.remedy


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (lambda t: t.update(format="other"), None),
        (lambda t: t.update(version=99), "version"),
        (lambda t: t.pop("device"), "device"),
        (lambda t: t["layers"][0].update(inputs=[3, 2]), "layers[0].inputs"),
        (lambda t: t["layers"][1].update(latency_ns=[[1]]), "layers[1].latency_ns"),
        (lambda t: t["layers"][1]["latency_ns"][0].__setitem__(0, 1.5), "layers[1].latency_ns[0][0]"),
        (lambda t: t["layers"][1]["latency_ns"][0].__setitem__(0, 0), "layers[1].latency_ns[0][0]"),
    ],
)
def test_a_damaged_table_is_refused_with_its_place(change, key, tmp_path):
    value = tables.value(ALL["vgg16"](), tables.products)
    change(value)
    (tmp_path / "t.json").write_text(json.dumps(value))
    with pytest.raises(EdgepruneError) as caught:
        CostTable.load(tmp_path / "t.json")
    assert caught.value.key == key
    assert str(caught.value.file).endswith("t.json")
