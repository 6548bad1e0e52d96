"""What a plan has to reach, as exact integers: the most that may remain of each resource."""

from collections.abc import Mapping
from typing import Any

from edgeprune import amounts
from edgeprune.complexity.profile import Profile
from edgeprune.errors import EdgepruneError, near
from edgeprune.names import COUNTED, MODES, RESOURCES
from edgeprune.sampling.costs import Costs

#: The most that may remain of each resource.
Limits = dict[str, int]


def from_target(profile: Profile, mode: str, target: float, costs: Costs | None = None) -> Limits:
    """``{resource: limit}`` for removing at least the fraction ``target`` of the mode's resource.

    ``target`` is read as the decimal that it prints as, so that 0.7 means seven tenths. ``costs``, the profile's
    compiled :class:`~edgeprune.sampling.costs.Costs` with a table, is needed for the measured modes.

    Raises:
        EdgepruneError: an unknown mode, a target outside (0, 1), or a measured mode without a table that has it.
    """
    if mode not in MODES:
        known = ", ".join(f"{m} ({r})" for m, r in MODES.items())
        raise EdgepruneError(f"unknown mode {mode!r}{near(mode, MODES)}", key="mode", remedy=f"one of {known}")
    fraction = amounts.number(target, "target", remedy="give the fraction to remove, e.g. 0.5")
    if not 0 < fraction < 1:
        raise EdgepruneError(
            f"{target} is not between 0 and 1",
            key="target",
            remedy="give the fraction to remove, e.g. 0.5; for the whole network use method=dense",
        )
    resource = MODES[mode]
    dense = profile.totals[resource] if mode in COUNTED else (costs or Costs(profile)).dense_total(resource)
    return {resource: int((1 - fraction) * dense)}


def from_budget(profile: Profile, budget: object) -> Limits:
    """``{resource: limit}`` for a budget: what may *remain* of each resource.

    A value above 1 is in absolute units (parameters, MACs, FLOPs, bytes), one below 1 is the fraction of the dense
    network's total that may remain; text may have a unit (see :func:`edgeprune.amounts.read`).

    Raises:
        EdgepruneError: an empty budget, an unknown resource, or a value that is no such amount.
    """
    if not isinstance(budget, dict) or not budget:
        raise EdgepruneError(
            f"{budget!r} is not a budget", key="budget", remedy="give e.g. {'params': 1e6, 'macs': 0.5}"
        )
    limits = {}
    for resource, value in budget.items():
        key = f"budget.{resource}"
        if resource not in RESOURCES:
            raise EdgepruneError(f"unknown resource {resource!r}", key=key, remedy=f"one of {', '.join(RESOURCES)}")
        amount = amounts.read(value, resource, key)
        limits[resource] = int(amount if amount > 1 else amount * profile.totals[resource])
    return limits


def normal(budget: Mapping[str, Any]) -> dict[str, int | float]:
    """The budget with plain numbers, as a plan stores it: ``1e6`` is 1000000, ``50%`` is 0.5."""
    return {r: amounts.plain(amounts.read(v, r, f"budget.{r}")) for r, v in budget.items()}
