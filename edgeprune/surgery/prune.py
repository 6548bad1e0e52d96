"""``edgeprune.prune``: from a network and a plan to a smaller network."""

import torch
from torch import nn

from edgeprune.errors import EdgepruneError
from edgeprune.surgery.clone import clone, named_tensors
from edgeprune.surgery.keep import kept_part
from edgeprune.surgery.resize import on_meta, rebuild
from edgeprune.tracing.counting import MacCounter
from edgeprune.tracing.passes import inputs, set_training, uncollected, untouched_random_state


def prune(model, plan, *, weights="reset", profile=None, keep=None):
    """A new, smaller network; ``model`` is not touched.

    Args:
        model: the network that the plan was made for, dense.
        plan: an :class:`edgeprune.sampling.plan.Plan` (or anything with its ``widths`` and ``profile_digest``).
        weights: ``"reset"``: every module with a ``reset_parameters`` is initialised anew by it, which draws from
            torch's global random numbers (seed them for a reproducible network); other parameters are cut to size.
            ``"keep"``: the surviving units keep their weights.
        profile: the profile that the plan was made for; by default the plan's, else the network is traced again.
        keep: with ``"keep"``, ``{group: indices of the units that survive}``; the first ones by default.

    Returns:
        ``nn.Module`` of the same class, on the same devices, in the same training mode. Its parameters and MACs are
        exactly the plan's.

    Raises:
        EdgepruneError: the plan belongs to another network, or the result is not what the plan predicts.
    """
    if weights not in ("reset", "keep"):
        raise EdgepruneError(f"{weights!r} is not a way to set weights", key="weights", remedy='say "reset" or "keep"')
    if keep and weights == "reset":
        raise EdgepruneError("units to keep make no sense when weights are reset", key="keep", remedy='weights="keep"')
    profile = _profile_of(model, plan, profile)
    widths = _checked_widths(model, plan, profile)
    with uncollected():
        if weights == "keep":
            pruned = rebuild(model, profile, widths, kept_part(profile, widths, keep or {}))
        else:
            pruned = rebuild(model, profile, widths, _fresh(model))
            for module in pruned.modules():
                if hasattr(module, "reset_parameters"):
                    module.reset_parameters()
        _check(pruned, profile, widths)
    return pruned


def _profile_of(model, plan, profile):
    profile = profile or getattr(plan, "profile", None)
    if profile is None:
        shapes = getattr(plan, "input_shapes", None)
        if not shapes:
            raise EdgepruneError(
                "the plan does not hold the network's profile",
                key="profile",
                remedy="pass profile=edgeprune.profile(model, input_shape), or the one loaded from its file",
            )
        from edgeprune.tracing.profile import profile as trace

        profile = trace(model, list(shapes), network=getattr(plan, "network", None))
    digest = getattr(plan, "profile_digest", None)
    if digest is not None and digest != profile.digest:
        raise EdgepruneError(
            f"the plan was made for another profile ({digest[:12]}, not {profile.digest[:12]})",
            key="profile_digest",
            remedy="sample a plan from this network's profile",
        )
    return profile


def _checked_widths(model, plan, profile):
    dense = {name: tuple(t.shape) for name, t in named_tensors(model)}
    expected = {slot.name: slot.shape(profile.widths) for slot in profile.slots}
    if dense != expected:
        name = next(n for n in [*expected, *dense] if dense.get(n) != expected.get(n))
        raise EdgepruneError(
            f"the network is not the one that was profiled: {name} is {dense.get(name)}, expected {expected.get(name)}",
            remedy="profile this network, or build it as it was profiled (dense)",
        )
    widths = dict(plan.widths)
    for name, width in profile.widths.items():
        if not isinstance(widths.get(name), int) or not 1 <= widths[name] <= width:
            raise EdgepruneError(
                f"the width must be between 1 and {width}, not {widths.get(name)}", key=f"widths.{name}"
            )
    unknown = widths.keys() - profile.widths.keys()
    if unknown:
        raise EdgepruneError(f"the network has no group {sorted(unknown)[0]!r}", key="widths")
    return widths


def _fresh(model):
    """New tensors for ``weights="reset"``: without data where the owner will set them, else a part of the old."""
    owners = [m for m in model.modules() if hasattr(m, "reset_parameters")]
    set_anew = {id(t) for m in owners for t in (*m._parameters.values(), *m._buffers.values()) if t is not None}

    def make(name, tensor, shape):
        if id(tensor) in set_anew and (isinstance(tensor, nn.Parameter) or shape != tuple(tensor.shape)):
            data = torch.empty(shape, dtype=tensor.dtype, device=tensor.device)
        else:
            data = tensor.detach()[tuple(slice(n) for n in shape)].clone()
        return nn.Parameter(data, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else data

    return make


def _check(pruned, profile, widths):
    """Parameters and MACs must be those predicted; the MACs are counted in a pass on the meta device."""
    actual, predicted = sum(p.numel() for p in pruned.parameters()), profile.total("params", widths)
    if actual != predicted:
        raise EdgepruneError(f"the pruned network has {actual:,} parameters, the plan predicts {predicted:,}")
    shadow = clone(pruned, lambda name, tensor: on_meta(name, tensor, tensor.shape))
    set_training(shadow, False)
    counter = MacCounter()
    dtype = next((t.dtype for _, t in named_tensors(pruned) if t.dtype.is_floating_point), torch.float32)
    try:
        with torch.no_grad(), untouched_random_state(), counter:
            shadow(*inputs(profile.input_shapes, 1, dtype))
    except Exception as error:
        raise EdgepruneError(f"the pruned network does not run: {error}") from error
    if counter.macs != profile.total("macs", widths):
        raise EdgepruneError(
            f"the pruned network has {counter.macs:,} MACs, the plan predicts {profile.total('macs', widths):,}"
        )
