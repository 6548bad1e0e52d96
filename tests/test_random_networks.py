"""Random mixes of the structures: counts are exact, budgets are met within one unit, the empty plan is the identity.

By hand, 1,000 random examples of each: ``HYPOTHESIS_PROFILE=thorough pytest tests/test_random_networks.py``.
"""

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

import edgeprune
from edgeprune.names import COUNTED
from edgeprune.sampling.plan import Plan
from edgeprune.surgery.verify import differences
from helpers.randomnets import BLOCKS, CLASSES, SHAPE, examples, networks

torch.set_num_threads(1)


def require_exact_and_running(model, profile, widths):
    assert differences(model, profile, widths) == {}
    assert model.train()(torch.randn(3, *SHAPE)).shape == (3, CLASSES)


def sampled(profile, mode, target, seed):
    """A plan; an example whose floors make the target unreachable is dropped."""
    try:
        return edgeprune.sample(profile, mode, target, seed, min_channels=1)
    except edgeprune.EdgepruneError as error:
        assume("can fall by at most" not in str(error))
        raise


@examples(100)
@given(model=networks(), mode=st.sampled_from(sorted(COUNTED)), target=st.floats(0.1, 0.6), seed=st.integers(0, 99))
def test_plans_are_exact_and_within_one_unit(model, mode, target, seed):
    profile = edgeprune.profile(model, SHAPE)
    assert differences(model, profile) == {}
    plan = sampled(profile, mode, target, seed)
    resource, limit = COUNTED[mode], (1 - target) * profile.totals[COUNTED[mode]]
    assert plan.totals[resource] <= limit
    one_more = [{**plan.widths, g: n + 1} for g, n in plan.widths.items() if n < profile.widths[g]]
    assert any(profile.total(resource, widths) > limit for widths in one_more)
    require_exact_and_running(edgeprune.prune(model, plan), profile, plan.widths)


@examples(80)
@given(model=networks(), data=st.data())
def test_any_widths_are_exact(model, data):
    profile = edgeprune.profile(model, SHAPE)
    widths = {g.name: data.draw(st.integers(1, g.width), label=g.name) for g in profile.groups}
    plan = Plan.make(profile, widths, method="drawn")
    require_exact_and_running(edgeprune.prune(model, plan), profile, widths)


@examples(40)
@given(model=networks())
def test_the_empty_plan_is_the_identity(model):
    model.eval()
    profile = edgeprune.profile(model, SHAPE)
    plan = edgeprune.sample(profile, method="dense")
    kept, reset = edgeprune.prune(model, plan, weights="keep"), edgeprune.prune(model, plan)
    x = torch.randn(2, *SHAPE)
    with torch.no_grad():
        assert torch.equal(kept(x), model(x))
    assert str(kept) == str(reset) == str(model)
    assert [p.shape for p in reset.parameters()] == [p.shape for p in model.parameters()]
    assert all(a is not b for a, b in zip(kept.parameters(), model.parameters(), strict=True))


@pytest.mark.parametrize("block", BLOCKS, ids=lambda b: b.__name__)
def test_each_block_alone_can_be_pruned(block):
    """Nothing but the output is kept as it is, so that the mixes above do not pass by pruning nothing."""
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 12, 1), b := block(12, 4), torch.nn.Conv2d(b.out, 2, 1))
    profile = edgeprune.profile(model, SHAPE)
    frozen = {n: why for n, why in profile.frozen.items() if "output" not in why}
    assert not frozen
    assert len(profile.groups) >= 1
