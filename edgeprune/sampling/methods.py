"""The registry of methods: each turns a problem and what is to be reached into widths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgeprune.errors import EdgepruneError, near
from edgeprune.names import MEASURED

if TYPE_CHECKING:
    from edgeprune.sampling.limits import Limits
    from edgeprune.sampling.problem import Problem


@dataclass(frozen=True)
class Method:
    """A way to choose widths.

    Attributes:
        name: how the user asks for it.
        description: one sentence.
        widths: ``(problem, steps, seed) -> [widths of the limits, …]``; limits are ``{resource: limit}``, and steps for
            one resource come from the loosest to the strictest.
        draws: whether the seed matters.
        reduces: whether it takes a target or a budget.
    """

    name: str
    description: str
    widths: Callable[[Problem, Sequence[Limits], int], list[list[int]]]
    draws: bool = True
    reduces: bool = True


def methods() -> dict[str, Method]:
    """``{name: Method}`` of all methods."""
    known = (
        Method(
            "complexity", "filters drawn one by one, each weighted by its layer's share of the resource", _complexity
        ),
        Method("random", "filters drawn one by one, all with the same weight", _random),
        Method("uniform", "the same factor for the width of every layer", _uniform, draws=False),
        Method("dense", "nothing is removed", _dense, draws=False, reduces=False),
    )
    return {method.name: method for method in known}


def get(name: str) -> Method:
    """The method called ``name``.

    Raises:
        EdgepruneError: there is none; lists those there are.
    """
    known = methods()
    if name not in known:
        raise EdgepruneError(
            f"unknown method {name!r}{near(name, known)}",
            key="method",
            remedy="one of " + "; ".join(f"{m.name}: {m.description}" for m in known.values()),
        )
    return known[name]


def _complexity(problem: Problem, steps: Sequence[Limits], seed: int) -> list[list[int]]:
    from edgeprune.sampling import chains, stepwise
    from edgeprune.sampling.costs import POLYNOMIAL

    resources = {resource for limits in steps for resource in limits}
    if resources & set(MEASURED.values()):
        return stepwise.by_table(problem, *resources, steps=steps, seed=seed)
    if len(resources) == 1 and resources <= set(POLYNOMIAL):
        return chains.by_share(problem, *resources, steps=steps, seed=seed)
    return [stepwise.jointly(problem, limits, seed) for limits in steps]


def _random(problem: Problem, steps: Sequence[Limits], seed: int) -> list[list[int]]:
    from edgeprune.sampling import chains, stepwise

    return (chains.evenly if problem.draw == "filter" else stepwise.by_layer)(problem, steps, seed)


def _uniform(problem: Problem, steps: Sequence[Limits], seed: int) -> list[list[int]]:
    from edgeprune.sampling.uniform import uniform

    return [uniform(problem, limits) for limits in steps]


def _dense(problem: Problem, steps: Sequence[Limits], seed: int) -> list[list[int]]:
    return [list(problem.dense) for _ in steps]
