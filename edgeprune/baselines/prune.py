"""From a trained dense network to a smaller one with its best filters, within a budget."""

import copy
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn

from edgeprune.baselines import methods
from edgeprune.baselines.methods import Baseline
from edgeprune.baselines.ranking import STEPS, Ranking
from edgeprune.complexity.profile import Profile
from edgeprune.errors import EdgepruneError
from edgeprune.names import BASELINES
from edgeprune.sampling.limits import Limits, from_target
from edgeprune.sampling.plan import Plan
from edgeprune.sampling.problem import Problem
from edgeprune.surgery.prune import prune
from edgeprune.tracing.passes import untouched_random_state


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

    Torch-Pruning ranks and removes; the ratio is found by bisection, the smallest at which the network's total of the
    mode's resource is at most (1 - ``target``) of the dense one. What is left is rebuilt by this project's surgery from
    the plan of its widths, and refused if any tensor or the output differs.

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
        EdgepruneError: an option is out of range, the target is out of reach, or Torch-Pruning cannot prune this
            network, or not so that all that is coupled stays consistent.
    """
    baseline, problem = methods.get(method), Problem(profile, **(settings or {}))
    limits = from_target(profile, mode, target)
    problem.check(limits, "target")
    dense = copy.deepcopy(model).eval()
    with _blaming(profile.network, baseline), untouched_random_state():
        theirs = copy.deepcopy(dense)
        for parameter in theirs.parameters():
            parameter.requires_grad_(True)  # the library follows gradients to find what is coupled
        ranking = Ranking(theirs, problem, baseline)
        removed = _search(ranking, problem, limits)
        widths = {name: profile.widths[name] - len(units) for name, units in removed.items()}
        plan = Plan.make(
            profile, widths, method=baseline.name, mode=mode, target=float(target), seed=seed, settings=problem.settings
        )
        _check_widths(problem, plan, limits)
        keep = {name: sorted(set(range(profile.widths[name])) - set(units)) for name, units in removed.items() if units}
        ours = prune(dense, plan, weights="keep", keep=keep)
        _check_same(ours, theirs.eval(), profile)
    return ours, plan


def _search(ranking: Ranking, problem: Problem, limits: Limits) -> dict[str, list[int]]:
    """What goes at the smallest step within the limits; the network of ``ranking`` is then pruned so.

    Where all layers lose the same fraction, several of them may shrink at that step: the costliest get their last units
    back as long as the limits hold.
    """

    def at(step: int) -> tuple[dict[str, list[int]], bool]:
        removed = ranking.removed(step)
        return removed, problem.meets(limits, _widths(problem, removed))

    low, high, wider = 0, STEPS, {}
    found, fits = at(high)
    if not fits:  # though the floors allow it, or Problem.check had refused the target
        ((resource, limit),) = limits.items()
        least = problem.costs.total(resource, _widths(problem, found))
        raise EdgepruneError(
            f"it gets no lower than {least:,} {resource}, {limit:,} are asked for; it leaves prunable layers alone"
        )
    while high - low > 1:
        middle = (low + high) // 2
        removed, fits = at(middle)
        if fits:
            high, found = middle, removed
        else:
            low, wider = middle, removed
    spared = set()
    if not ranking.baseline.across:  # layers that shrink together at this step need not all do so
        (resource,) = limits
        whole = {
            name: problem.costs.total(resource, _widths(problem, found | {name: wider.get(name, [])})) for name in found
        }
        for name in sorted(found, key=lambda name: (-whole[name], name)):
            trial = found | {name: wider.get(name, [])}
            if trial != found and problem.meets(limits, _widths(problem, trial)):
                found = trial
                spared.add(name)
    ranking.remove(high, spared)
    return found


def _widths(problem: Problem, removed: Mapping[str, list[int]]) -> list[int]:
    return [dense - len(removed.get(name, ())) for name, dense in zip(problem.costs.names, problem.dense)]


def _check_widths(problem: Problem, plan: Plan, limits: Limits) -> None:
    """The plan keeps to the settings; a library's idea of them may be another."""
    w = [plan.widths[name] for name in problem.costs.names]
    limited = zip(problem.costs.names, w, problem.floor, problem.dense, problem.step, problem.offset)
    for name, kept, floor, dense, step, offset in limited:
        if kept < floor or (kept != dense and (kept - offset) % step):
            raise EdgepruneError(
                f"Torch-Pruning keeps {kept} of {dense} units of {name!r}; at least {floor} and multiples of {step} "
                "are asked for"
            )
    if not problem.meets(limits, w):
        raise EdgepruneError("Torch-Pruning's result is not within the budget")


def _check_same(ours: nn.Module, theirs: nn.Module, profile: Profile) -> None:
    """Torch-Pruning's network and ours: the same tensors, the same output."""
    expected, found = ours.state_dict(), theirs.state_dict()
    for name in {**expected, **found}:
        mine, other = expected.get(name), found.get(name)
        if mine is None or other is None or mine.shape != other.shape:
            shapes = ["nothing" if t is None else tuple(t.shape) for t in (other, mine)]
            raise EdgepruneError(f"Torch-Pruning leaves {shapes[0]} of {name}, the plan {shapes[1]}")
        if not torch.equal(mine, other):
            raise EdgepruneError(f"Torch-Pruning removes other channels of {name} than of the layers coupled to it")
    device = next(ours.parameters()).device
    draws = torch.Generator().manual_seed(0)
    inputs = [torch.randn(2, *shape, generator=draws).to(device) for shape in profile.input_shapes]
    with torch.no_grad():
        pairs = zip(_tensors(ours(*inputs)), _tensors(theirs(*inputs)), strict=True)
        if not all(torch.allclose(a, b, rtol=1e-4, atol=1e-5, equal_nan=True) for a, b in pairs):
            raise EdgepruneError("Torch-Pruning's network gives another output than the one rebuilt from the plan")


def _tensors(output: Any) -> list[Tensor]:
    if isinstance(output, torch.Tensor):
        return [output]
    parts = output.values() if isinstance(output, dict) else output
    return [tensor for part in parts for tensor in _tensors(part)]


class _blaming:
    """Whatever goes wrong inside is told as what it is: a network that this library cannot prune."""

    def __init__(self, network: str, baseline: Baseline) -> None:
        self.network, self.baseline = network, baseline

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        if not isinstance(error, Exception) or (isinstance(error, EdgepruneError) and error.key):
            return False
        told = error.problem if isinstance(error, EdgepruneError) else f"{type(error).__name__}: {error}"
        raise EdgepruneError(
            f"{self.network} cannot be pruned by {BASELINES[self.baseline.name]} through Torch-Pruning: {told}",
            key=f"references.{self.baseline.name}",
            remedy="run this network in a preset without that reference",
        ) from error
