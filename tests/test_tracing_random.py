"""Random mixes of structures: the forward pass runs, counts are exact, the empty plan is the identity."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeprune.surgery.prune import prune
from edgeprune.surgery.verify import differences
from edgeprune.tracing.profile import profile
from plans import plan
from randomnets import random_network

torch.set_num_threads(1)
SHAPE = (3, 8, 8)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), data=st.data())
def test_random_widths_of_random_networks_are_exact(seed, data):
    torch.manual_seed(0)
    model = random_network(seed)
    found = profile(model, SHAPE)
    assert differences(model, found) == {}
    assert found.groups
    assert [n for n, why in found.frozen.items() if not ("output" in why or "single unit" in why)] == [], found.frozen
    widths = {g.name: data.draw(st.integers(1, g.width), label=g.name) for g in found.groups}
    pruned = prune(model, plan(found, widths))
    assert differences(pruned, found, widths) == {}
    assert pruned(torch.randn(3, *SHAPE)).shape == (3, 4)


@settings(max_examples=10, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6))
def test_empty_plan_of_random_networks_is_the_identity(seed):
    torch.manual_seed(0)
    model = random_network(seed).eval()
    found = profile(model, SHAPE)
    pruned = prune(model, plan(found, found.widths), weights="keep")
    x = torch.randn(2, *SHAPE)
    assert str(pruned) == str(model)
    assert torch.equal(pruned(x), model(x))
