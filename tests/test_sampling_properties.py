"""What the draw promises of many plans, each promise seen to fail: on the layer draw, or on a fault planted here."""

import statistics

import pytest

from edgeprune.names import COUNTED
from edgeprune.sampling.sample import sample_many
from helpers import reference
from helpers.profiles import ALL, vgg16

SEEDS = range(20)
LARGE = 0.03  # groups with less than this share of a resource are drawn too rarely to judge


def kept(profile, mode, target, **options):
    """``{group: mean kept fraction over the seeds}``, and the smallest of any seed."""
    plans = sample_many(profile, [mode], [target], SEEDS, **options).values()
    fractions = {g: [p.widths[g] / dense for p in plans] for g, dense in profile.widths.items()}
    return {g: statistics.fmean(f) for g, f in fractions.items()}, min(map(min, fractions.values()))


def shares(profile, mode):
    weights = reference.shares(profile, COUNTED[mode], profile.widths, dict.fromkeys(profile.widths, 0))
    return {g: float(w / sum(weights.values())) for g, w in weights.items()}


@pytest.mark.parametrize("network", ["vgg16", "resnet50", "mobilenet_v2"])
def test_no_layer_collapses_at_half_the_flops(network):
    profile = ALL[network]()
    assert kept(profile, "FA", 0.5)[1] >= 0.4
    assert kept(profile, "FA", 0.5, draw="layer")[1] < 0.2


@pytest.mark.parametrize("network", ["vgg16", "resnet50", "mobilenet_v2", "alexnet"])
@pytest.mark.parametrize("mode", COUNTED)
def test_relative_loss_follows_the_share(network, mode):
    """Over the first tenth, in which shares change little: loss per share is the same for all groups within 1.7."""
    profile = ALL[network]()

    def spread(draw):
        left, share = kept(profile, mode, 0.1, draw=draw)[0], shares(profile, mode)
        ratios = [(1 - left[g]) / share[g] for g in share if share[g] > LARGE]
        assert len(ratios) >= 4
        return max(ratios) / min(ratios)

    assert spread("filter") <= 1.7
    assert spread("layer") > 2


@pytest.mark.parametrize(("mode", "floor"), [("PA", 128), ("FA", 28), ("MA", 18)])
def test_kept_fractions_hardly_depend_on_a_width_multiplier(mode, floor):
    wide, narrow = vgg16(factor=2), vgg16(factor=0.5)

    def apart(**options):
        one, other = kept(wide, mode, 0.5, **options)[0], kept(narrow, mode, 0.5, **options)[0]
        return max(abs(one[g] - other[g]) for g in one)

    assert apart() < 0.05
    assert apart(min_channels=floor) > 0.05  # the planted fault: a floor in channels depends on the width


@pytest.mark.parametrize("network", ["vgg16", "resnet50", "mobilenet_v2"])
@pytest.mark.parametrize("mode", COUNTED)
def test_a_mode_takes_more_than_random_from_the_layers_that_hold_its_resource(network, mode):
    profile = ALL[network]()

    def weighed(method):
        """Mean kept fraction, weighted by the share in the mode, over the plain mean: below 1 if the share counts."""
        left, share = kept(profile, mode, 0.5, method=method)[0], shares(profile, mode)
        return sum(share[g] * left[g] for g in left) / statistics.fmean(left.values())

    assert weighed("complexity") < 0.95 * weighed("random")
    assert weighed("random") == pytest.approx(1, abs=0.05)
