"""First draws follow the shares; the whole chain has exactly the distribution, and the draws, of a literal one."""

import pytest
from scipy.stats import chi2

import reference
from edgeprune.sampling.chains import by_share, evenly
from edgeprune.sampling.problem import Problem
from edgeprune.sampling.sample import sample, sample_many
from profiles import ALL, Builder, constant

SEEDS = 10_000
# Threshold of every chi-square test here, fixed before any was run. If the sampler is right, the statistic follows
# chi-square with (classes - 1) degrees of freedom, up to the approximation that needs expected counts of 5 or more
# (rarer classes are pooled). A false alarm in any of the TESTS is to have probability 0.001 at most, so by Bonferroni
# each may exceed its quantile with probability 0.001 / TESTS. Seeds are 0 … 9,999: a test passes always or never.
FIRST_DRAWS = [
    ("vgg16", "PA"),
    ("vgg16", "FA"),
    ("vgg16", "MA"),
    ("resnet50", "FA"),
    ("mobilenet_v2", "PA"),
    ("mixed", "FA"),
]
CHAINS = ["PA", "FA", "MA"]
TESTS = len(FIRST_DRAWS) + len(CHAINS) + 1
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


def first_draws(profile, mode, seeds):
    """``{group: how often it lost the first filter}``."""
    problem, resource = Problem(profile), reference.RESOURCE[mode]
    limit = profile.totals[resource] - 1  # one filter of any layer suffices
    counts = {}
    for seed in seeds:
        (w,) = by_share(problem, resource, [limit], seed)
        (lost,) = [i for i, (now, dense) in enumerate(zip(w, problem.dense)) if now < dense]
        assert problem.dense[lost] - w[lost] == 1
        counts[problem.costs.names[lost]] = counts.get(problem.costs.names[lost], 0) + 1
    return counts


def expected_shares(profile, mode):
    low = reference.floors(profile)
    weights = reference.shares(profile, reference.RESOURCE[mode], profile.widths, low)
    return {group: weight / sum(weights.values()) for group, weight in weights.items()}


@pytest.mark.parametrize(("network", "mode"), FIRST_DRAWS)
def test_first_draws_follow_the_shares(network, mode):
    profile = ALL[network]()
    statistic, threshold = chi_square(first_draws(profile, mode, range(SEEDS)), expected_shares(profile, mode))
    assert statistic < threshold


def test_chi_square_has_the_power_to_fail():
    profile = ALL["vgg16"]()
    biased = expected_shares(profile, "FA")
    biased["conv2"], biased["conv3"] = biased["conv2"] * 8 / 10, biased["conv3"] + biased["conv2"] * 2 / 10
    statistic, threshold = chi_square(first_draws(profile, "FA", range(SEEDS)), biased)
    assert statistic > threshold


def test_shares_of_groups_are_the_layer_tables_shares():
    """In a network without coupling and without constant layers, the reference's shares are METHOD's w_l."""
    profile = ALL["vgg16"]()
    for mode in ("PA", "FA", "MA"):
        table = {row["layer"]: row[f"share_{mode}"] for row in profile.layer_table()}
        last = table.pop("fc3")
        for group, share in expected_shares(profile, mode).items():
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
def test_chain_has_the_textbook_distribution(mode):
    """Widths at the end, against the exact distribution of the chain that recomputes every weight at every draw."""
    profile = tiny()
    exact = reference.outcomes(profile, mode, 0.6, reference.floors(profile))
    assert len(exact) >= 15
    counts = {}
    for plan in sample_many(profile, [mode], [0.6], range(SEEDS)).values():
        state = tuple(plan.widths.values())
        counts[state] = counts.get(state, 0) + 1
    assert counts.keys() <= exact.keys()
    statistic, threshold = chi_square(counts, exact)
    assert statistic < threshold


@pytest.mark.parametrize("network", ["vgg16", "mobilenet_v2", "alexnet", "mixed"])
@pytest.mark.parametrize("mode", ["PA", "FA", "MA"])
def test_sampler_equals_the_literal_one_draw_for_draw(network, mode):
    profile = ALL[network]()
    target = 0.6 if network == "mixed" else 0.4
    for seed in range(8 if network == "mixed" else 1):
        assert sample(profile, mode, target, seed).widths == reference.widths_of(profile, mode, target, seed)


def test_random_method_draws_layers_with_equal_weight():
    profile = ALL["vgg16"]()
    problem, counts = Problem(profile), {}
    for seed in range(SEEDS):
        (w,) = evenly(problem, [{"memory": profile.totals["memory"] - 1}], seed)
        (lost,) = [name for name, now, dense in zip(problem.costs.names, w, problem.dense) if now < dense]
        counts[lost] = counts.get(lost, 0) + 1
    statistic, threshold = chi_square(counts, {group: 1 / len(profile.groups) for group in profile.widths})
    assert statistic < threshold
