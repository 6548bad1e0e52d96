"""What a network computes once the units that a plan removes are zero: to hold kept weights against."""

import contextlib
from unittest import mock

import torch
from torch.nn import functional as F

from edgeprune.surgery.keep import _channels


@contextlib.contextmanager
def channel_by_channel():
    """Norms over channels divide by the largest magnitude, since their statistics would see the zeros. Attention as if
    its heads' width did not set its scale. What a network computes in single precision is in double."""
    attention = F.scaled_dot_product_attention

    def normalised(x, axes, weight, bias, shape):
        x = x / x.abs().amax(axes, keepdim=True).clamp_min(1e-100)
        for parameter, apply in ((weight, torch.mul), (bias, torch.add)):
            x = x if parameter is None else apply(x, parameter.view(shape))
        return x

    def layer_norm(x, shape, weight=None, bias=None, eps=0):
        return normalised(x, tuple(range(-len(shape), 0)), weight, bias, shape)

    def group_norm(x, groups, weight=None, bias=None, eps=0):
        return normalised(x, tuple(range(1, x.dim())), weight, bias, (1, -1, *[1] * (x.dim() - 2)))

    def unscaled(*args, **more):
        return attention(*args, **more, scale=1.0)

    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # it has a scale of its own
    try:
        with (
            mock.patch.multiple(F, layer_norm=layer_norm, group_norm=group_norm, scaled_dot_product_attention=unscaled),
            mock.patch.object(torch.Tensor, "float", torch.Tensor.double),
        ):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def without_removed(model, profile, widths):
    """``model`` itself, everything that belongs to a removed unit set to zero."""
    units = {name: torch.arange(n) for name, n in widths.items()}
    tensors = dict(model.named_parameters()) | dict(model.named_buffers())
    with torch.no_grad():
        for slot in profile.slots:
            for axis, expr in enumerate(slot.dims):
                direction = slot.name.endswith(".original1") and axis == 0  # weight norm's: of length 0 it has none
                if any(g is not None for _, g in expr) and not direction:
                    removed = torch.ones(tensors[slot.name].shape[axis], dtype=torch.bool)
                    removed[_channels(expr, units, profile.widths)] = False
                    tensors[slot.name].index_fill_(axis, removed.nonzero().flatten(), 0)
    return model


def randomise(model):
    """Norms' parameters and statistics too, so that exchanging two channels shows."""
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            if tensor.dtype.is_floating_point and tensor.dim() == 1:
                tensor.uniform_(0.5, 1.5)
    return model.to(torch.float64).eval()
