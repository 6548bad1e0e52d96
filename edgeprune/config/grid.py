"""The runs that a configuration asks for, and the settings that their plans are drawn with."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from edgeprune import identity
from edgeprune.config import references, seeds
from edgeprune.errors import EdgepruneError
from edgeprune.names import BASELINES, DRAWN, MAIN


@dataclass(frozen=True)
class Variant:
    """How a network is made smaller and trained.

    Attributes:
        name: a key (in paths, tables and figures); it is looked up, never taken apart.
        method: what decides the widths.
        mode, target: the resource it goes by, and the reduction.
        reference: the entry of `references` that it belongs to; None for the main method.
        budget, budget_name: instead of mode and target, what may remain of several resources.
        sampling, recipe: the keys of those sections that change for it.
    """

    name: str
    method: str
    mode: str | None = None
    target: float | None = None
    reference: str | None = None
    budget: dict[str, int | float] | None = None
    budget_name: str | None = None
    sampling: dict[str, Any] = field(default_factory=dict)
    recipe: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """``seed`` is the name of its seeds, see :func:`edgeprune.identity.seed_name`."""

    network: str
    dataset: str
    variant: str
    seed: str

    @property
    def path(self) -> str:
        return f"{self.network}/{self.dataset}/{self.variant}/seed-{self.seed}"


@dataclass(frozen=True)
class Grid:
    """``pairs`` of (network, dataset), ``variants`` by name, names of the ``seeds``, and every run; not each pair has
    every variant."""

    pairs: tuple[tuple[str, str], ...]
    variants: dict[str, Variant]
    seeds: tuple[str, ...]
    runs: tuple[Run, ...]

    @property
    def datasets(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(d for _, d in self.pairs))

    @property
    def baselines(self) -> tuple[str, ...]:
        """Names of the variants that prune the trained dense network, and so come after its training."""
        return tuple(v.name for v in self.variants.values() if v.method in BASELINES)

    @property
    def sampled(self) -> tuple[str, ...]:
        """Names of the variants whose plan is drawn from the profile alone."""
        return tuple(name for name in self.variants if name not in self.baselines)

    def of_pair(self, network: str, dataset: str) -> list[Run]:
        return [run for run in self.runs if (run.network, run.dataset) == (network, dataset)]


def expand(config: Mapping[str, Any]) -> Grid:
    """All combinations of the effective configuration's pairs, the variants that each of them wants, and its seeds."""
    variants, entries = list(_variants(config)), config["pairs"]
    pairs = tuple((pair["network"], pair["dataset"]) for pair in entries)
    names = tuple(identity.seed_name(*pair) for pair in seeds.pairs(config["seeds"]))
    runs = tuple(
        Run(*pair, variant.name, seed)
        for (entry, pair), variant, seed in product(zip(entries, pairs), variants, names)
        if variant.mode is None or variant.mode in entry.get("modes", [variant.mode])
        if variant.target is None or variant.target in entry.get("targets", [variant.target])
    )
    return Grid(pairs, {v.name: v for v in variants}, names, runs)


def check(config: Mapping[str, Any], file: str | Path) -> None:
    """Refuse two entries of a pair, one that selects what no variant has, and two variants of one name: a budget or an
    entry is called as another variant is.

    Raises:
        EdgepruneError: with the key, of the later one of two.
    """
    seen, variants = set(), list(_variants(config))
    for i, pair in enumerate(config["pairs"]):
        if (pair["network"], pair["dataset"]) in seen:
            problem = f"{pair['network']} on {pair['dataset']} stands twice"
            raise EdgepruneError(problem, file=file, key=f"pairs[{i}]", remedy="keep one entry")
        seen.add((pair["network"], pair["dataset"]))
        for key, attribute in (("modes", "mode"), ("targets", "target")):
            there = dict.fromkeys(value for variant in variants if (value := getattr(variant, attribute)) is not None)
            for value in pair.get(key, ()):
                if value not in there:
                    problem = f"{value} is not among {', '.join(map(str, there))}, of which a pair selects"
                    remedy = f"add it to `{key}` of the preset, or leave it out here"
                    raise EdgepruneError(problem, file=file, key=f"pairs[{i}].{key}", remedy=remedy)
    twice = [name for name, count in Counter(variant.name for variant in variants).items() if count > 1]
    for name in twice:
        last = [variant for variant in variants if variant.name == name][-1]
        key = f"references.{last.reference}" if last.reference else f"budgets.{last.budget_name}"
        raise EdgepruneError(
            f"two variants would be called {name!r}", file=file, key=key, remedy="rename the budget or the entry"
        )


def _variants(config: Mapping[str, Any]) -> Iterator[Variant]:
    """The main method's, then those of each reference: at its modes and targets, then for its budgets."""
    yield from _of(config, MAIN, config["modes"], config["targets"], config.get("budgets", {}))
    for name, entry in references.read(config).items():
        changes: dict[str, Any] = {"reference": name, "sampling": entry.sampling, "recipe": entry.recipe}
        if entry.method == "dense":
            yield Variant(name, "dense", **changes)
        else:
            yield from _of(config, entry.method, entry.modes, entry.targets, entry.budgets, **changes)


def _of(
    config: Mapping[str, Any],
    method: str,
    modes: Iterable[str],
    targets: Iterable[float],
    budgets: Iterable[str],
    **changes: Any,
) -> Iterator[Variant]:
    prefix = f"{changes['reference']}-" if changes else ""
    for mode, target in product(modes, targets):
        amount = f"{target:.2f}" if round(target, 2) == target else repr(target)
        yield Variant(f"{prefix}{mode}-{amount}", method, mode, target, **changes)
    for name in budgets:
        yield Variant(f"{prefix}{name}", method, budget=config["budgets"][name], budget_name=name, **changes)


def sampling_of(sampling: Mapping[str, dict[str, Any]], network: str, variant: Variant) -> dict[str, Any]:
    """The sampling settings of a variant.

    Args:
        sampling: of the effective configuration, one entry per network.
        network: a name in it.
        variant: of the grid; a `draw` that means nothing to its method is left out, a budget of its own is added.
    """
    settings = sampling[network] | variant.sampling
    if variant.method not in DRAWN:
        settings.pop("draw", None)
    return settings | ({"budget": variant.budget} if variant.budget else {})


def of_widths(sampling: Mapping[str, dict[str, Any]], network: str) -> dict[str, Any]:
    """The settings that say which widths a layer can have, however it is drawn."""
    return {key: value for key, value in sampling[network].items() if key != "draw"}
