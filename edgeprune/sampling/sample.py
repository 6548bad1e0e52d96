"""Draw plans: the method's second stage, from a profile to the widths of the pruned network."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from edgeprune.complexity.profile import Profile
from edgeprune.errors import EdgepruneError
from edgeprune.sampling import methods
from edgeprune.sampling.limits import from_budget, from_target, normal
from edgeprune.sampling.plan import Plan
from edgeprune.sampling.predicted_latency import predicted
from edgeprune.sampling.problem import DEFAULT_FLOOR, Problem, whole
from edgeprune.sampling.table import CostTable, open_table


def sample(
    profile: Profile | str | Path,
    mode: str = "FA",
    target: float = 0.5,
    seed: int = 0,
    *,
    method: str = "complexity",
    budget: Mapping[str, Any] | None = None,
    prunable: str = "all",
    min_channels: float = DEFAULT_FLOOR,
    protect: str | Collection[str] = (),
    round_to: int = 1,
    draw: str = "filter",
    table: CostTable | str | Path | None = None,
) -> Plan:
    """Draw a plan. The same arguments give the same plan on every platform and version; torch is not needed.

    Args:
        profile: a :class:`~edgeprune.complexity.profile.Profile`, or the path of one.
        mode: whose shares weigh the draw and whose total the target is about: ``"PA"`` parameters, ``"FA"`` FLOPs,
            ``"MA"`` memory (bytes of the layers' output maps); with ``table``, ``"LA"`` latency or ``"EA"`` energy.
        target: fraction of the mode's resource to remove, in (0, 1). The plan removes at least that, and less than one
            filter (with ``round_to``, one step of a layer's width) more.
        seed: integer from 0. For one seed, a plan with a higher target continues the one with a lower target.
        method: ``"complexity"`` (the project's method), or its baselines ``"uniform"``, ``"random"``, ``"dense"``.
        budget: instead of mode and target, what may *remain* of one or several of ``params``, ``macs``, ``flops``,
            ``memory``, ``peak_memory``, reached together: ``{"params": 1e6, "macs": 0.5}``. Above 1 in absolute units
            (parameters, MACs, FLOPs, bytes), below 1 as the fraction of the dense network that may remain; ``"50%"`` is
            0.5, half of the dense network's total, and bytes may have a unit: ``"2MB"``, ``"2MiB"``.
        prunable: ``"all"``, or ``"conv"`` to leave hidden fully connected layers alone.
        min_channels: what every layer keeps: channels if an integer, a fraction of its dense width (rounded up) if a
            float in (0, 1).
        protect: patterns (``fnmatch``) of layers that keep all their filters, and so do the layers coupled to them.
        round_to: kept channels are multiples of this, in every layer that loses any; what cannot be is not pruned.
            Filters are drawn singly and the widths rounded; the draw ends when the rounded network is within its limit.
        draw: ``"filter"``: every filter is a lot, weighted by its layer's share. ``"layer"``, for comparison: a layer
            is drawn by its share, whatever its width, and loses one filter.
        table: for LA and EA, a :class:`~edgeprune.sampling.table.CostTable` of the profile's network on a device, or
            the path of one; the plan then says what it predicts there.

    Returns:
        Plan: with the profile attached.

    Raises:
        EdgepruneError: an option is out of range, a pattern matches nothing, or the floors make the target or budget
            unreachable (the message names what can be reached); LA or EA without a table that has it.
    """
    profile, seed = _profile(profile), whole(seed, 0, "seed")
    settings = {
        "prunable": prunable,
        "min_channels": min_channels,
        "protect": protect,
        "round_to": round_to,
        "draw": draw,
    }
    if budget is None and methods.get(method).reduces:
        found = sample_many(profile, [mode], [target], [seed], method=method, table=table, **settings)
        return found[mode, target, seed]
    chosen, problem, limits = methods.get(method), Problem(profile, **settings), {}
    if chosen.reduces:
        limits, budget = from_budget(profile, budget), normal(budget or {})
        problem.check(limits, "budget")
    (widths,) = chosen.widths(problem, [limits], seed)
    return Plan.make(
        profile,
        dict(zip(problem.costs.names, widths)),
        method=chosen.name,
        budget=budget if chosen.reduces else None,
        seed=seed,
        settings=problem.settings,
    )


def sample_many(
    profile: Profile | str | Path,
    modes: Iterable[str],
    targets: Iterable[float],
    seeds: Iterable[int],
    *,
    method: str = "complexity",
    table: CostTable | str | Path | None = None,
    **settings: Any,
) -> dict[tuple[str, float, int], Plan]:
    """Draw the plans for every mode, target and seed; each is equal to what :func:`sample` gives for it.

    One chain serves all targets of a seed, and predictions are made for all plans at once: 1,000 plans of a ResNet-50
    take a second or so (``benchmarks/sampling.py``).

    Args:
        profile: a profile, or the path of one.
        modes, targets, seeds: as in :func:`sample`, several of each.
        method, table, settings: as in :func:`sample`.

    Returns:
        dict: ``{(mode, target, seed): Plan}``, in the order modes, targets, seeds.

    Raises:
        EdgepruneError: as :func:`sample`.
    """
    profile, modes, targets = _profile(profile), list(modes), list(targets)
    seeds = [whole(seed, 0, "seed") for seed in seeds]
    chosen, problem, drawn = methods.get(method), Problem(profile, table=open_table(table), **settings), {}
    if not chosen.reduces:
        raise EdgepruneError(f"{chosen.name} takes neither mode nor target", key="method", remedy="use sample()")
    for mode in modes:
        limits = {target: from_target(profile, mode, target, problem.costs) for target in targets}
        for each in limits.values():
            problem.check(each, "target")
        rising = sorted(limits, key=float)
        for seed in seeds if chosen.draws else seeds[:1]:
            found = chosen.widths(problem, [limits[target] for target in rising], seed)
            drawn |= {(mode, target, seed): widths for target, widths in zip(rising, found)}
    keys = [(mode, target, seed) for mode in modes for target in targets for seed in seeds]
    rows = [drawn[mode, target, seed if chosen.draws else seeds[0]] for mode, target, seed in keys]
    names = problem.costs.names
    if len(rows) == 1:  # compiling the costs of all resources pays from the second plan on
        totals = [profile.totals_at(dict(zip(names, rows[0])))]
    else:
        totals = problem.costs.totals_many(rows) if rows else []
    return {
        (mode, target, seed): Plan.make(
            profile,
            dict(zip(names, widths)),
            method=chosen.name,
            mode=mode,
            target=float(target),
            seed=seed,
            settings=problem.settings,
            totals=total,
            predicted=predicted(problem.costs, mode, widths),
        )
        for (mode, target, seed), widths, total in zip(keys, rows, totals)
    }


def _profile(profile: Profile | str | Path) -> Profile:
    return Profile.load(profile) if isinstance(profile, (str, Path)) else profile
