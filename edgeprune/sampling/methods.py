"""The registry of methods: each turns a problem and what is to be reached into widths."""

from collections.abc import Callable
from dataclasses import dataclass

from edgeprune.errors import EdgepruneError
from edgeprune.names import MEASURED


@dataclass(frozen=True)
class Method:
    """A way to choose widths.

    Attributes:
        name: how the user asks for it.
        description: one sentence.
        widths: ``(problem, goals, seed) -> [widths of the goal, …]``; a goal is ``{resource: limit}``, and goals for
            one resource come from the loosest to the strictest.
        draws: whether the seed matters.
        reduces: whether it takes a target or a budget.
    """

    name: str
    description: str
    widths: Callable
    draws: bool = True
    reduces: bool = True


def methods():
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


def get(name):
    """The method called ``name``.

    Raises:
        EdgepruneError: there is none; lists those there are.
    """
    known = methods()
    if name not in known:
        raise EdgepruneError(
            f"unknown method {name!r}",
            key="method",
            remedy="one of " + "; ".join(f"{m.name}: {m.description}" for m in known.values()),
        )
    return known[name]


def _complexity(problem, goals, seed):
    from edgeprune.sampling import chains, stepwise
    from edgeprune.sampling.costs import POLYNOMIAL

    resources = {resource for goal in goals for resource in goal}
    if resources & set(MEASURED.values()):
        return stepwise.by_table(problem, *resources, goals, seed)
    if len(resources) == 1 and resources <= set(POLYNOMIAL):
        return chains.by_share(problem, *resources, goals, seed)
    return [stepwise.jointly(problem, goal, seed) for goal in goals]


def _random(problem, goals, seed):
    from edgeprune.sampling import chains, stepwise

    return (chains.evenly if problem.draw == "filter" else stepwise.by_layer)(problem, goals, seed)


def _uniform(problem, goals, seed):
    from edgeprune.sampling.uniform import uniform

    return [uniform(problem, goal) for goal in goals]


def _dense(problem, goals, seed):
    return [list(problem.dense) for _ in goals]
