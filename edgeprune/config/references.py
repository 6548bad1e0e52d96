"""The entries of `references`: by which method each goes, at what, and what changes for it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from edgeprune.config.check import schema
from edgeprune.config.recipe import Recipe
from edgeprune.config.recipes import recipe_of
from edgeprune.errors import EdgepruneError, near
from edgeprune.names import BASELINES, DRAWN, MAIN, METHODS

#: Keys of an entry that say at what, which the unpruned network has none of.
_AT = ("modes", "targets", "budgets", "sampling")


@dataclass(frozen=True)
class Reference:
    """One entry, complete; ``sampling`` and ``recipe`` hold the keys that change for it."""

    name: str
    method: str
    modes: tuple[str, ...] = ()
    targets: tuple[float, ...] = ()
    budgets: tuple[str, ...] = ()
    sampling: dict[str, Any] = field(default_factory=dict)
    recipe: dict[str, Any] = field(default_factory=dict)


def read(config: Mapping[str, Any]) -> dict[str, Reference]:
    """The references of a configuration, by their names."""
    return {name: _read(config, name, entry) for name, entry in config["references"].items()}


def _read(config: Mapping[str, Any], name: str, entry: Mapping[str, Any]) -> Reference:
    method = entry.get("method", name)
    changes = {"sampling": entry.get("sampling", {}), "recipe": entry.get("recipe", {})}
    if method == "dense":
        return Reference(name, method, **changes)
    budgets = () if method in BASELINES else tuple(config.get("budgets", {}))
    at = {"modes": config["modes"], "targets": config["targets"], "budgets": budgets}
    return Reference(name, method, **{key: tuple(entry.get(key, given)) for key, given in at.items()}, **changes)


def check(config: Mapping[str, Any], file: str | Path) -> None:
    """Refuse an entry whose method is not known, that asks for what its method has not, or whose runs are another's.

    Raises:
        EdgepruneError: with the key of the entry.
    """
    references = read(config)
    for name, reference in references.items():
        entry = config["references"][name]
        for problem, key, remedy in _problems(config, reference, entry):
            raise EdgepruneError(problem, file=file, key=f"references.{name}{key}", remedy=remedy)
    own = Reference(MAIN, MAIN, tuple(config["modes"]), tuple(config["targets"]), tuple(config.get("budgets", {})))
    for reference in references.values():
        runs = _runs(config, reference)
        for other in (own, *references.values()):
            if other is reference or not all(run in _runs(config, other) for run in runs):
                continue
            if reference.name == reference.method and len(runs) == len(_runs(config, other)):
                continue  # the other one, which is equal to it, is refused
            raise EdgepruneError(
                f"changes nothing: its runs are those of {other.name!r}, with the same settings",
                file=file,
                key=f"references.{reference.name}",
                remedy="change a key under its `sampling` or `recipe`, or remove the entry",
            )


def _runs(config: Mapping[str, Any], reference: Reference) -> list[tuple[Any, ...]]:
    """What tells an entry's runs apart, beside the seed: the method, at what, and the settings of each network."""
    defaults = {key: part.get("default") for key, part in schema()["$defs"]["sampling"]["properties"].items()}
    settings = []
    for network in dict.fromkeys(pair["network"] for pair in config["pairs"]):
        recipe, sampling = (
            config[section].get("default", {}) | config[section].get(network, {}) for section in ("recipes", "sampling")
        )
        tuned = reference.method in BASELINES
        recipe = recipe_of({network: recipe}, network, changes=reference.recipe, fine_tuning=tuned)
        settings.append((Recipe().to_dict() | recipe, defaults | sampling | reference.sampling))
    at = [*product(reference.modes, reference.targets), *reference.budgets] or [None]
    return [(reference.method, one, settings) for one in at]


def _problems(
    config: Mapping[str, Any], reference: Reference, entry: Mapping[str, Any]
) -> Iterator[tuple[str, str, str]]:
    """``(problem, rest of the key, remedy)`` of what is wrong with an entry, the first first."""
    name, method = reference.name, reference.method
    if method not in METHODS:
        key = ".method" if "method" in entry else ""
        remedy = f"say by which method it goes, `{name}: {{method: ...}}`, one of {', '.join(METHODS)}"
        yield f"{method!r} is no method{near(method, METHODS)}", key, remedy
        return
    if name in METHODS and name != method:
        yield f"is called like a method and goes by another, {method}", ".method", "give the entry another name"
    if name == MAIN:
        remedy = "remove the entry; to vary the method, give an entry a name of its own and `method: complexity`"
        yield "is the main method, whose grid is `modes`, `targets` and `budgets`", "", remedy
    if method == "dense":
        for key in (key for key in _AT if key in entry):
            yield "the unpruned network has none", f".{key}", "remove the key"
        if name == "dense" and entry.get("recipe"):
            remedy = "give it to an entry of another name with `method: dense`"
            yield "what all is compared with is trained by the network's own recipe", ".recipe", remedy
        return
    if method in BASELINES:
        if reference.budgets:
            yield f"{method} takes one resource at a time, no budget", ".budgets", "remove the key"
        for key in (key for key in reference.recipe if key != "fine_tune"):
            problem = f"{name} starts from the dense run, and only its fine-tuning can have another recipe"
            yield problem, f".recipe.{key}", "move the key into `fine_tune`"
    elif "fine_tune" in reference.recipe:
        yield f"{method} fine-tunes nothing", ".recipe.fine_tune", "move its keys into `recipe`"
    if "draw" in reference.sampling and method not in DRAWN:
        yield f"{method} draws nothing", ".sampling.draw", f"remove the key; {' and '.join(DRAWN)} draw"
    known = config.get("budgets", {})
    for index, budget in enumerate(reference.budgets):
        if budget not in known:
            remedy = f"define it under `budgets`; defined: {', '.join(known) or 'none'}"
            yield f"the budget {budget!r} is not defined", f".budgets[{index}]", remedy
    if not (reference.modes or reference.budgets):
        yield "asks for no run: it has neither modes nor budgets", "", "name some, or remove the entry"
