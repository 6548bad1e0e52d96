"""Whole architectures, without data: exact at a random plan of each mode, with nothing kept that need not be."""

import pytest
import torch

import edgeprune
from edgeprune.surgery.verify import differences
from helpers.architectures import ARCHITECTURES

torch.set_num_threads(1)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_architecture_is_exact(name):
    factory, shape = ARCHITECTURES[name]
    model = factory().to("meta")
    profile = edgeprune.profile(model, shape if isinstance(shape, tuple) else (shape, 32, 32))
    assert differences(model, profile) == {}
    kept = {n: why for n, why in profile.frozen.items() if "output of the network" not in why}
    assert len(kept) <= (1 if "LeNet" in name or name in ("DnCNN", "SRCNN") else 0), kept
    for mode, resource in (("PA", "params"), ("FA", "macs"), ("MA", "memory")):
        plan = edgeprune.sample(profile, mode, 0.5)
        assert plan.totals[resource] <= 0.5 * profile.totals[resource]
        assert differences(edgeprune.prune(model, plan), profile, plan.widths) == {}
