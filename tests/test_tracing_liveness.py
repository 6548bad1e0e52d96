"""Peak memory against a measured run: the storages that torch really allocates on the CPU."""

import weakref

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from edgeprune.surgery.prune import prune
from edgeprune.tracing.profile import profile
from helpers.plans import shrink
from helpers.zoo import ZOO, shapes_of

torch.set_num_threads(1)


class Storages(TorchDispatchMode):
    """Bytes of the storages made and not yet freed, after each operator."""

    def __init__(self, ignored):
        super().__init__()
        self.known = {t.untyped_storage()._cdata for t in ignored}
        self.bytes, self.trace, self.reads = {}, [], {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for t in tree_leaves((args, kwargs)):
            if isinstance(t, torch.Tensor):
                self.reads[t.untyped_storage()._cdata] = len(self.trace)
        for t in tree_leaves(out):
            if isinstance(t, torch.Tensor):
                self.watch(t)
        self.trace.append(dict(self.bytes))
        return out

    def watch(self, tensor):
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key not in self.known and key not in self.bytes:
            self.bytes[key] = storage.nbytes()
        if key in self.bytes:
            weakref.finalize(tensor, self.bytes.pop, key, None) if tensor._base is None else None


def chain():
    """No tensor is held longer than its reader needs it: what Python frees is what liveness says."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(16, 20, 3, padding=1), nn.BatchNorm2d(20),
        nn.ReLU(inplace=True), nn.AvgPool2d(2), nn.Conv2d(20, 8, 3, padding=1), nn.Flatten(), nn.Linear(8 * 64, 10),
    )  # fmt: skip


def feature_maps(found, widths):
    return found.peak_memory(widths) - sum(
        s.bytes_per_element * torch.Size(s.shape(widths)).numel() for s in found.slots
    )


def measured_peak(model, shapes):
    """Largest sum of live storages during an operator, the inputs included."""
    model.eval()
    inputs = [torch.randn(1, *s) for s in shapes]
    with torch.no_grad(), Storages([*model.parameters(), *model.buffers()]) as mode:
        for x in inputs:
            mode.watch(x)
        del x
        result = model(*[inputs.pop(0) for _ in shapes])
    assert result is not None
    return max(sum(state.values()) for state in mode.trace)


@pytest.mark.parametrize("factor", [1.0, 0.5])
def test_peak_of_a_chain_is_what_torch_holds(factor):
    model = chain()
    found = profile(model, (3, 16, 16))
    plan = shrink(found, factor)
    pruned = prune(model, plan)
    held_input = 3 * 16 * 16 * 4  # the caller of a Sequential keeps its argument
    measured = measured_peak(pruned, [(3, 16, 16)])
    assert feature_maps(found, plan.widths) <= measured <= feature_maps(found, plan.widths) + held_input


@pytest.mark.parametrize("name", ["residual", "unet", "concatenation", "squeeze_excite", "chunk", "shared"])
def test_peak_is_a_lower_bound_of_what_torch_holds(name):
    factory, shape = ZOO[name]
    model = factory()
    found = profile(model, shape)
    plan = shrink(found, 0.75)
    predicted = feature_maps(found, plan.widths)
    measured = measured_peak(prune(model, plan), shapes_of(shape))
    assert predicted <= measured <= 2.5 * predicted


def test_skip_connection_stays_alive():
    """By hand: input 3, a 8 and b 16 maps of 16 floats; the sum reads a and c while it makes its own map."""

    class Skip(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 16, 1), nn.Conv2d(16, 8, 1)
            self.d = nn.Conv2d(8, 1, 1)

        def forward(self, x):
            x = self.a(x)
            return self.d(x + self.c(self.b(x)))

    found = profile(Skip(), (3, 4, 4))
    assert feature_maps(found, found.widths) == (8 + 16 + 8) * 16 * 4
