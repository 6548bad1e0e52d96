"""The runs that a configuration asks for."""

from dataclasses import dataclass
from itertools import product

from edgeprune.peers.methods import PEERS


@dataclass(frozen=True)
class Variant:
    """How a network is made smaller: a method, the resource it goes by (mode) and the reduction (target).

    ``name`` is a key (in paths, tables and figures); it is looked up, never taken apart.
    """

    name: str
    method: str
    mode: str | None = None
    target: float | None = None


@dataclass(frozen=True)
class Run:
    network: str
    dataset: str
    variant: str
    seed: int

    @property
    def path(self):
        return f"{self.network}/{self.dataset}/{self.variant}/seed-{self.seed}"


@dataclass(frozen=True)
class Grid:
    """``pairs`` of (network, dataset), ``variants`` by name, and every run."""

    pairs: tuple
    variants: dict
    runs: tuple

    @property
    def datasets(self):
        return tuple(dict.fromkeys(d for _, d in self.pairs))

    @property
    def peers(self):
        """Names of the variants that prune the trained dense network, and so come after its training."""
        return tuple(v.name for v in self.variants.values() if v.method in PEERS)

    @property
    def sampled(self):
        """Names of the variants whose plan is drawn from the profile alone."""
        return tuple(name for name in self.variants if name not in self.peers)

    def of_pair(self, network, dataset):
        return [run for run in self.runs if (run.network, run.dataset) == (network, dataset)]


def expand(config):
    """All combinations of the effective configuration's pairs, variants and seeds.

    A reference may restrict itself to some modes or targets; ``dense`` has neither.
    """
    variants = [_variant("complexity", m, t) for m, t in product(config["modes"], config["targets"])]
    for method, limits in config["references"].items():
        if method == "dense":
            variants.append(Variant("dense", "dense"))
            continue
        modes = limits.get("modes", config["modes"])
        targets = limits.get("targets", config["targets"])
        variants += [_variant(method, m, t) for m, t in product(modes, targets)]
    pairs = tuple((pair["network"], pair["dataset"]) for pair in config["pairs"])
    runs = tuple(Run(n, d, v.name, s) for (n, d), v, s in product(pairs, variants, config["seeds"]))
    return Grid(pairs, {v.name: v for v in variants}, runs)


def _variant(method, mode, target):
    amount = f"{target:.2f}" if round(target, 2) == target else repr(target)
    prefix = "" if method == "complexity" else f"{method}-"
    return Variant(f"{prefix}{mode}-{amount}", method, mode, target)
