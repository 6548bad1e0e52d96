"""First draws follow the shares; the whole chain has exactly the distribution, and the draws, of a literal one."""

from unittest import mock

import pytest
from scipy.stats import chi2

from edgeprune.sampling import chains, stepwise
from edgeprune.sampling.chains import by_share, evenly
from edgeprune.sampling.problem import Problem
from edgeprune.sampling.sample import sample, sample_many
from edgeprune.sampling.stepwise import by_layer
from helpers import reference
from helpers.profiles import ALL, Builder, constant

pytestmark = pytest.mark.long
SEEDS = 10_000
RANGES = [range(start, start + SEEDS) for start in (0, SEEDS, 2 * SEEDS)]
# Threshold of every chi-square test here, fixed before any was run. If the sampler is right, the statistic follows
# chi-square with (classes - 1) degrees of freedom, up to the approximation that needs expected counts of 5 or more
# (rarer classes are pooled). A false alarm in any of the TESTS is to have probability 0.001 at most, so by Bonferroni
# each may exceed its quantile with probability 0.001 / TESTS. Seeds are given: a test passes always or never.
FIRST_DRAWS = [
    ("vgg16", "PA"),
    ("vgg16", "FA"),
    ("vgg16", "MA"),
    ("resnet50", "FA"),
    ("mobilenet_v2", "PA"),
    ("mixed", "FA"),
]
CHAINS = ["PA", "FA", "MA"]
DRAWS = ["filter", "layer"]
JOINT = {"params": 0.5, "memory": 0.7, "peak_memory": 0.8}
TESTS = (len(FIRST_DRAWS) + len(CHAINS)) * len(DRAWS) * len(RANGES) + 2 * len(RANGES) + len(DRAWS)
ALPHA = 0.001 / TESTS


def chi_square(counts, probabilities):
    """The statistic and its ``1 - ALPHA`` quantile; classes that expect fewer than 5 are pooled."""
    n, pooled, classes = sum(counts.values()), [0, 0.0], []
    for key, probability in probabilities.items():
        expected = n * float(probability)
        if expected < 5:
            pooled = [pooled[0] + counts.get(key, 0), pooled[1] + expected]
        else:
            classes.append((counts.get(key, 0), expected))
    if pooled[1] >= 5:
        classes.append(tuple(pooled))
    else:  # too rare even together: into the last class
        classes[-1] = (classes[-1][0] + pooled[0], classes[-1][1] + pooled[1])
    assert sum(e for _, e in classes) == pytest.approx(n)
    return sum((o - e) ** 2 / e for o, e in classes), chi2.ppf(1 - ALPHA, len(classes) - 1)


def first_draws(profile, mode, seeds, draw="filter"):
    """``{group: how often it lost the first filter}``."""
    problem, resource = Problem(profile, draw=draw), reference.RESOURCE[mode]
    return lost_first(problem, resource, seeds, lambda steps, seed: by_share(problem, resource, steps, seed))


def lost_first(problem, resource, seeds, chain):
    limits = {resource: problem.profile.totals[resource] - 1}  # one filter of any layer suffices
    counts = {}
    with mock.patch.dict(chains.STALE, dict.fromkeys(DRAWS, 1)):  # the first proposal of a table is always accepted
        for seed in seeds:
            (w,) = chain([limits], seed)
            (lost,) = [i for i, (now, dense) in enumerate(zip(w, problem.dense)) if now < dense]
            assert problem.dense[lost] - w[lost] == 1
            counts[problem.costs.names[lost]] = counts.get(problem.costs.names[lost], 0) + 1
    return counts


def expected(profile, mode, draw="filter"):
    low = reference.floors(profile)
    weights = reference.lots(profile, reference.RESOURCE[mode], profile.widths, low, draw)
    return {group: weight / sum(weights.values()) for group, weight in weights.items()}


@pytest.mark.parametrize(("network", "mode"), FIRST_DRAWS)
@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize("seeds", RANGES)
def test_first_draws_follow_the_shares(network, mode, draw, seeds):
    profile = ALL[network]()
    counts = first_draws(profile, mode, seeds, draw)
    statistic, threshold = chi_square(counts, expected(profile, mode, draw))
    assert statistic < threshold
    other = DRAWS[1 - DRAWS.index(draw)]
    statistic, threshold = chi_square(counts, expected(profile, mode, other))
    assert statistic > threshold  # the two draws are told apart


def test_chi_square_has_the_power_to_fail():
    profile = ALL["vgg16"]()
    biased = expected(profile, "FA")
    biased["conv9"], biased["conv3"] = biased["conv9"] * 8 / 10, biased["conv3"] + biased["conv9"] * 2 / 10
    statistic, threshold = chi_square(first_draws(profile, "FA", range(SEEDS)), biased)
    assert statistic > threshold


def test_shares_of_groups_are_the_layer_tables_shares():
    """In a network without coupling and without constant layers, the reference's shares are METHOD's w_l."""
    profile = ALL["vgg16"]()
    for mode in ("PA", "FA", "MA"):
        table = {row["layer"]: row[f"share_{mode}"] for row in profile.layer_table()}
        last = table.pop("fc3")
        for group, share in expected(profile, mode, "layer").items():
            assert float(share) == pytest.approx(table[group] / (1 - last))


def tiny():
    """Few enough states for the exact distribution, with weights that change much as filters go."""
    b = Builder("tiny", 1, 4)
    x = b.conv("a", b.group("a", 6), constant(1))
    y = b.conv("b", b.group("b", 5), x, 3)
    z = b.conv("c", b.group("c", 7), x + y, 1)
    b.conv("a2", x, z, 1)
    b.conv("wide", x + z, y, 1, positions=4)
    b.linear("last", constant(2), x + z)
    return b.build()


@pytest.mark.parametrize("mode", CHAINS)
@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize("seeds", RANGES)
def test_chain_has_the_textbook_distribution(mode, draw, seeds):
    """Widths at the end, against the exact distribution of the chain that recomputes every weight at every draw."""
    profile = tiny()
    exact = reference.outcomes(profile, mode, 0.6, reference.floors(profile), draw)
    assert len(exact) >= 15
    counts = {}
    for plan in sample_many(profile, [mode], [0.6], seeds, draw=draw).values():
        state = tuple(plan.widths.values())
        counts[state] = counts.get(state, 0) + 1
    assert counts.keys() <= exact.keys()
    statistic, threshold = chi_square(counts, exact)
    assert statistic < threshold


@pytest.mark.parametrize("network", ["vgg16", "mobilenet_v2", "alexnet", "mixed"])
@pytest.mark.parametrize("mode", ["PA", "FA", "MA"])
@pytest.mark.parametrize("draw", DRAWS)
def test_sampler_equals_the_literal_one_draw_for_draw(network, mode, draw):
    profile = ALL[network]()
    target = 0.6 if network == "mixed" else 0.4
    for seed in range(8 if network == "mixed" else 1):
        literal = reference.widths_of(profile, mode, target, seed, draw)
        assert sample(profile, mode, target, seed, draw=draw).widths == literal


@pytest.mark.parametrize("seeds", RANGES)
@pytest.mark.parametrize(("chain", "weight"), [(evenly, lambda width: width), (by_layer, lambda width: 1)])
def test_random_method_draws_all_alike(chain, weight, seeds):
    """Every filter, or with ``draw: layer`` every layer; in this network each layer is a group of its own."""
    profile = ALL["vgg16"]()
    problem = Problem(profile)
    counts = lost_first(problem, "memory", seeds, lambda steps, seed: chain(problem, steps, seed))
    weights = {group: weight(width) for group, width in profile.widths.items()}
    statistic, threshold = chi_square(counts, {g: w / sum(weights.values()) for g, w in weights.items()})
    assert statistic < threshold


@pytest.mark.parametrize("draw", DRAWS)
def test_first_joint_draws_are_the_mixture_of_the_shares(draw, monkeypatch):
    """A resource by the fraction that has to go, then a unit by its shares; those of peak memory are of the weights'
    bytes and of the maps alive at the peak."""
    profile = with_large_maps()
    problem, dense = Problem(profile, draw=draw), profile.totals
    limits = {resource: int(part * dense[resource]) for resource, part in JOINT.items()}
    spans = problem.costs.peak(problem.dense)[1]
    assert max(spans) > dense["params"]  # maps, not weights, decide the peak
    mixture = dict.fromkeys(profile.widths, 0.0)
    far = {resource: 1 - limits[resource] / dense[resource] for resource in limits}
    for resource, distance in far.items():
        counted = "params" if resource == "peak_memory" else resource
        weights = reference.shares(profile, counted, profile.widths, reference.floors(profile))
        if resource == "peak_memory":
            weights = {g: 4 * w + span for (g, w), span in zip(weights.items(), spans)}
        if draw == "filter":
            weights = {g: w * profile.widths[g] for g, w in weights.items()}
        for group, weight in weights.items():
            mixture[group] += distance / sum(far.values()) * float(weight / sum(weights.values()))
    counts = {}
    for seed in range(SEEDS):
        lost = profile.groups[first_of(problem, limits, seed, monkeypatch)].name
        counts[lost] = counts.get(lost, 0) + 1
    statistic, threshold = chi_square(counts, mixture)
    assert statistic < threshold


def with_large_maps():
    b = Builder("large", 3, 64)
    x = b.conv("a", b.group("a", 24), constant(3))
    y = b.conv("b", b.group("b", 40), x, lives=2)
    b.conv("c", b.group("c", 12), y)
    b.linear("last", constant(2), ((1, "c"),))
    return b.build()


def first_of(problem, limits, seed, monkeypatch):
    """The group that the joint chain takes its first unit from: it is stopped at its third draw, the second unit's
    resource."""
    drawn = []

    def recording(uniform, weights):
        if len(drawn) == 2:
            raise StopIteration
        drawn.append(chains.draw(uniform, weights))
        return drawn[-1]

    with monkeypatch.context() as patch:
        patch.setattr(stepwise, "draw", recording)
        with pytest.raises(StopIteration):
            stepwise.jointly(problem, limits, seed)
    return drawn[1]
