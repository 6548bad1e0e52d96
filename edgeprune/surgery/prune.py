"""``edgeprune.prune``: from a network and a plan to a smaller network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from edgeprune.complexity.profile import Profile
from edgeprune.errors import EdgepruneError
from edgeprune.garbage import uncollected
from edgeprune.modules.clone import clone, named_tensors
from edgeprune.modules.resize import Make, on_meta, rebuild
from edgeprune.surgery.keep import kept_part
from edgeprune.tracing.assertions import assertions_hold
from edgeprune.tracing.counting import MacCounter
from edgeprune.tracing.passes import failure, inputs, leaves, set_training, untouched_random_state

if TYPE_CHECKING:
    from edgeprune.sampling.plan import Plan

_AGAIN = "profile the network anew; if this stays, protect the layers in question when sampling, and report it"


def prune(
    model: nn.Module,
    plan: Plan,
    *,
    weights: str = "reset",
    profile: Profile | None = None,
    keep: Mapping[str, Iterable[int]] | None = None,
) -> nn.Module:
    """A new, smaller network; ``model`` is not touched.

    Args:
        model: the network that the plan was made for, dense.
        plan: an :class:`edgeprune.sampling.plan.Plan` (or anything with its ``widths`` and ``profile_digest``).
        weights: ``"reset"``: every module with a ``reset_parameters`` is initialised anew by it, a module after the
            modules in it. That draws from torch's global random numbers (seed them for a reproducible network). What
            no ``reset_parameters`` sets is cut to size. ``"keep"``: the surviving units keep their weights.
        profile: the profile that the plan was made for; by default the plan's, else the network is traced again.
        keep: with ``"keep"``, ``{group: indices of the units that survive}``; the first ones by default.

    Returns:
        ``nn.Module`` of the same class, on the same devices, in the same training mode. Its parameters and MACs are
        exactly the plan's, and its outputs have the shapes of ``model``'s: both are checked in a forward pass of a copy
        without data. Forward hooks that the user has registered run in that pass too, on tensors of torch's meta
        device, and are copied to the new network.

    Raises:
        EdgepruneError: the plan belongs to another network, a ``reset_parameters`` fails, or the result is not what
            the plan predicts.
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
            _reset(pruned)
        _check(model, pruned, profile, widths)
    return pruned


def _profile_of(model: nn.Module, plan: Plan, profile: Profile | None) -> Profile:
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


def _checked_widths(model: nn.Module, plan: Plan, profile: Profile) -> dict[str, int]:
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


def _fresh(model: nn.Module) -> Make:
    """New tensors for ``weights="reset"``: a part of the old one, but without data where torch's own layers are sure to
    set it (copying the weights of a large network takes longer than all else here)."""
    set_anew = set()
    for module in model.modules():
        if _resets_all(module):
            set_anew |= {id(module._parameters.get(name)) for name in ("weight", "bias")}

    def make(name: str, tensor: Tensor, shape: Sequence[int]) -> Tensor:
        if id(tensor) in set_anew:
            data = torch.empty(shape, dtype=tensor.dtype, device=tensor.device)
        else:
            data = tensor.detach()[tuple(slice(n) for n in shape)].clone()
        return nn.Parameter(data, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else data

    return make


def _resets_all(module: nn.Module) -> bool:
    """Whether ``reset_parameters`` is the one by which torch sets the whole weight and bias of a layer."""
    for cls in (_ConvNd, nn.Linear):
        if isinstance(module, cls):
            return type(module).reset_parameters is cls.reset_parameters and "reset_parameters" not in vars(module)
    return False


def _reset(model: nn.Module) -> None:
    """Initialise every module that can do so, a module after the modules in it: its own rule has the last word."""
    for path, module in _children_first(model, "", set()):
        reset = getattr(module, "reset_parameters", None)
        if reset is not None:
            try:
                reset()
            except Exception as error:
                raise EdgepruneError(
                    f"reset_parameters of {path or 'the network'} ({type(module).__name__}) failed: "
                    f"{type(error).__name__}: {error}",
                    key="weights",
                    remedy='let it work without arguments (give them defaults) at any width, or say weights="keep"',
                ) from error


def _children_first(module: nn.Module, path: str, seen: set[nn.Module]) -> Iterator[tuple[str, nn.Module]]:
    seen.add(module)
    for name, child in module.named_children():
        if child not in seen:
            yield from _children_first(child, f"{path}.{name}" if path else name, seen)
    yield path, module


def _check(model: nn.Module, pruned: nn.Module, profile: Profile, widths: Mapping[str, int]) -> None:
    """Parameters, MACs and the shapes of the outputs must be those predicted."""
    actual, predicted = sum(p.numel() for p in pruned.parameters()), profile.total("params", widths)
    if actual != predicted:
        raise EdgepruneError(
            f"the pruned network has {actual:,} parameters, the plan predicts {predicted:,}", remedy=_AGAIN
        )
    (macs, shapes), predicted = _passed(pruned, profile), profile.total("macs", widths)
    if macs != predicted:
        raise EdgepruneError(f"the pruned network has {macs:,} MACs, the plan predicts {predicted:,}", remedy=_AGAIN)
    expected = _passed(model, profile)[1]
    if shapes != expected:
        raise EdgepruneError(
            f"the pruned network returns {shapes}, the dense one {expected} (for one sample)", remedy=_AGAIN
        )


def _passed(model: nn.Module, profile: Profile) -> tuple[int, list[tuple[int, ...]]]:
    """MACs and shapes of the outputs, from a pass of a copy on the meta device."""
    shadow = clone(model, lambda name, tensor: on_meta(name, tensor, tensor.shape))
    set_training(shadow, False)
    counter = MacCounter()
    dtype = next((t.dtype for _, t in named_tensors(model) if t.dtype.is_floating_point), torch.float32)
    try:
        with torch.no_grad(), untouched_random_state(), assertions_hold(), counter:
            result = shadow(*inputs(profile.input_shapes, 1, dtype))
    except Exception as error:
        raise failure(error, counter, profile.input_shapes) from error
    return counter.macs, [tuple(t.shape) for t in leaves(result)]
