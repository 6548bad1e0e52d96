"""From a trained dense network to a smaller one with its best filters, within a budget."""

from bisect import bisect_left, bisect_right
from typing import Any

from torch import nn

from edgeprune.baselines import methods, ranking
from edgeprune.complexity.profile import Profile
from edgeprune.errors import EdgepruneError
from edgeprune.names import BASELINES
from edgeprune.sampling.limits import Limits, from_target
from edgeprune.sampling.plan import Plan
from edgeprune.sampling.problem import Problem
from edgeprune.surgery.prune import prune


def prune_trained(
    model: nn.Module,
    profile: Profile,
    *,
    method: str,
    mode: str,
    target: float,
    seed: int = 0,
    settings: dict[str, Any] | None = None,
) -> tuple[nn.Module, Plan]:
    """Prune a trained network by a baseline's ranking of its filters.

    The ratio is found by bisection: the smallest at which the network's total of the mode's resource is at most
    (1 - ``target``) of the dense one.

    Args:
        model: the trained dense network; not touched.
        profile: its :class:`~edgeprune.complexity.profile.Profile`.
        method: ``"l1"``, ``"fpgm"`` or ``"lamp"``, see :data:`edgeprune.baselines.methods.KNOWN`.
        mode, target: as of :func:`edgeprune.sampling.sample.sample`.
        seed: noted in the plan, nothing is drawn.
        settings: ``prunable``, ``min_channels``, ``protect``, ``round_to``, as of ``sample``.

    Returns:
        tuple: the pruned ``nn.Module`` in eval mode, with the weights of the filters that stay, and its
        :class:`~edgeprune.sampling.plan.Plan`.

    Raises:
        EdgepruneError: an option is out of range, the target is out of reach, or a group that may be pruned has units
            whose weights cannot be kept.
    """
    baseline, problem = methods.get(method), Problem(profile, **(settings or {}))
    names = problem.costs.names
    limits = from_target(profile, mode, target)
    problem.check(limits, "target")
    for name in (names[i] for i in problem.eligible):
        if name in profile.count_only:
            raise EdgepruneError(
                f"{profile.network} cannot be pruned by {BASELINES[method]}: the weights of {name} cannot be kept: "
                f"{profile.count_only[name]}",
                key=f"references.{method}",
                remedy="run this network in a preset without that reference, or protect that layer",
            )
    found = ranking.scores(model, profile, baseline)
    ranked = [found[name].sort(stable=True) for name in names]
    going = [dense - floor for dense, floor in zip(problem.dense, problem.floor)]
    w = _search(problem, limits, [ranking.turns(r.values, most, baseline) for r, most in zip(ranked, going)])
    widths, settings = dict(zip(names, w)), problem.settings
    plan = Plan.make(profile, widths, method=method, mode=mode, target=float(target), seed=seed, settings=settings)
    keep = {name: ranks.indices[-units:].tolist() for name, ranks, units in zip(names, ranked, w)}
    return prune(model, plan, weights="keep", keep=keep).eval(), plan


def _search(problem: Problem, limits: Limits, turns: list[list[float]]) -> list[int]:
    """Widths at the first time within the limits, when all units have gone whose turn has come.

    Several groups may shrink at that time: the costliest get their last units back as long as the limits hold.
    """
    times = sorted({time for group in turns for time in group})

    def at(step: int) -> list[int]:
        w = list(problem.dense)
        for i in problem.eligible if step else ():
            kept = w[i] - bisect_right(turns[i], times[step - 1])
            if kept < w[i]:
                w[i] = max(problem.floor[i], kept - (kept - problem.offset[i]) % problem.step[i])
        return w

    first = bisect_left(range(len(times) + 1), True, key=lambda step: problem.meets(limits, at(step)))
    found, wider = at(first), at(max(0, first - 1))
    (resource,) = limits

    def back(i: int) -> list[int]:
        return [*found[:i], wider[i], *found[i + 1 :]]

    costs = {i: problem.costs.total(resource, back(i)) for i in problem.eligible}
    for i in sorted(costs, key=lambda i: (-costs[i], problem.costs.names[i])):
        if problem.meets(limits, back(i)):
            found = back(i)
    return found
