"""What says which run of the grid a file is about: in a run's ``metrics.json``, and in all that is made of the run.

``reference`` is the entry of the configuration's ``references`` that the run belongs to, None for the main method;
``budget`` the name under ``budgets``; ``seed`` seeds the training and ``plan_seed`` the plan.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from edgeprune.names import IDENTITY, LATER, MAIN


def copied(value: Mapping[str, Any], keys: Iterable[str] = IDENTITY) -> dict[str, Any]:
    """The identity in ``value``, a run's metrics: ``keys``, and the later ones as far as they are there."""
    return {key: value[key] for key in (*keys, *(later for later in LATER if later in value))}


def completed(value: Mapping[str, Any]) -> dict[str, Any]:
    """``value`` with the later keys, as they follow from the others in a file that lacks them."""
    method = value.get("method")
    defaults = {
        "reference": None if method == MAIN else method,
        "budget": None,
        "plan_seed": value.get("seed"),
    }
    return {**value, **{key: default for key, default in defaults.items() if key not in value}}


def seed_name(plan: int, training: int) -> str:
    """What a run's pair of seeds is called in paths: ``3``, or ``5-3`` where the plan has another than the training."""
    return str(training) if plan == training else f"{plan}-{training}"


def seeds_named(name: object) -> tuple[int, int]:
    """``(plan, training)`` of :func:`seed_name`."""
    plan, _, training = str(name).partition("-")
    return int(plan), int(training or plan)


def folder(value: Mapping[str, Any]) -> str:
    """Where a run's files lie: ``<network>/<dataset>/<variant>/seed-<n>``."""
    value = completed(value)
    name = seed_name(value["plan_seed"], value["seed"])
    return f"{value['network']}/{value['dataset']}/{value['variant']}/seed-{name}"
