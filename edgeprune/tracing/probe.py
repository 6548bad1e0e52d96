"""The probe: a shrunk copy must run, keep its output's shape and cost what was predicted.

What breaks it is a size that the user's code has written down (``x.view(-1, 512)``); the groups behind it are frozen.
"""

import torch

from edgeprune.errors import EdgepruneError
from edgeprune.surgery.resize import on_meta, rebuild
from edgeprune.tracing.assemble import assemble
from edgeprune.tracing.counting import MacCounter
from edgeprune.tracing.mending import mend
from edgeprune.tracing.passes import failure, inputs, leaves, set_training


def settle(trace, find_candidates):
    """The trace's profile: what the probe finds to be written down is mended where it is an attribute, else frozen.

    Args:
        find_candidates: gives the attributes that may have to follow, see :mod:`edgeprune.tracing.mending`.
    """
    profile = assemble(trace)
    if profile.total("macs", profile.widths) != trace.macs:
        raise EdgepruneError(
            f"the network has {trace.macs:,} MACs but its layers add up to {profile.totals['macs']:,}",
            remedy="report this network: an operator is counted wrongly",
        )
    if not profile.groups or _problem(trace, profile, _shrunk(profile)) is None:
        return profile
    candidates = find_candidates()
    while profile.groups and _problem(trace, profile, _shrunk(profile)) is not None:
        for name, why in _culprits(trace, profile).items():
            variable = trace.groups.get(name)
            if variable in trace.widths.binding:
                continue
            concerned = [c for c in candidates if any(v == variable for _, v in trace.widths.resolve(c[3]))]
            if mend(trace, concerned, lambda name=name: _survives(trace, name)):
                trace.notes.append(f"surgery sets a size kept in an attribute, for {name}")
            else:
                trace.widths.freeze(((1, variable),), why)
        profile = assemble(trace)
    return profile


def _survives(trace, name):
    profile = assemble(trace)
    return _problem(trace, profile, {**profile.widths, name: _shrunk(profile)[name]}) is None


def _shrunk(profile):
    """Widths that differ from group to group, so that one cannot stand in for another."""
    return {g.name: max(1, g.width * 3 // 4 - i % 3) for i, g in enumerate(profile.groups)}


def _culprits(trace, profile):
    """``{group: reason}``: the groups that cannot shrink, found by halving."""
    accepted, found, shrunk = {}, {}, _shrunk(profile)

    def search(names):
        widths = {**profile.widths, **accepted, **{n: shrunk[n] for n in names}}
        problem = _problem(trace, profile, widths)
        if problem is None:
            accepted.update({n: shrunk[n] for n in names})
        elif len(names) == 1:
            found[names[0]] = problem
        else:
            search(names[: len(names) // 2])
            search(names[len(names) // 2 :])

    search(list(shrunk))
    return found


def _problem(trace, profile, widths):
    """Why a copy with these widths is not what the profile predicts, or ``None``."""
    try:
        shapes = _output_shapes(trace, profile, widths)
    except Exception as error:  # whatever the user's code raises on a shrunk network
        problem = getattr(error, "problem", str(error)).removeprefix("the forward pass failed in ")
        return f"a size is written down in the code ({problem})"
    if shapes != trace.output_shapes:
        return f"a size is written down in the code: the output becomes {shapes} instead of {trace.output_shapes}"
    return None


def _output_shapes(trace, profile, widths):
    """Shapes of the outputs, in both modes; raises if the pass fails or its MACs are not those predicted."""
    copy = rebuild(trace.network.model, profile, widths, on_meta)
    found = []
    for training in (True, False) if trace.training_traced else (False,):
        set_training(copy, training)
        counter = MacCounter()
        try:
            with torch.no_grad(), counter:
                result = copy(*inputs(trace.input_shapes, 2 if training else 1, trace.network.dtype))
        except Exception as error:
            raise failure(error, counter, trace.input_shapes) from error
        found += [tuple(t.shape) for t in leaves(result)]
        if not training and counter.macs != profile.total("macs", widths):
            predicted = profile.total("macs", widths)
            raise ValueError(f"an operator is not understood: {predicted:,} MACs predicted, {counter.macs:,} counted")
    return found
