"""What a table of measured layer costs predicts for a network."""

from collections.abc import Mapping, Sequence
from typing import Any

from edgeprune.complexity.profile import Profile
from edgeprune.names import MEASURED
from edgeprune.sampling.costs import Costs
from edgeprune.sampling.table import UNITS, CostTable, Measured, shown


def predicted(costs: Costs, mode: str, w: Sequence[int]) -> dict[str, Any] | None:
    """What a plan of a measured mode says about its prediction; None for the other modes.

    Args:
        costs: the profile's :class:`~edgeprune.sampling.costs.Costs`, with its table.
        w: the widths kept, in the order of the profile's groups.
    """
    if mode not in MEASURED:
        return None
    resource = MEASURED[mode]
    total = costs.measured(resource)
    table = total.table
    return {
        "resource": resource,
        "unit": UNITS[resource][1],
        "dense": shown(resource, total(costs.dense)),
        "pruned": shown(resource, total(w)),
        "reduction": 1 - total(w) / total(costs.dense),
        "estimated": table.estimated(resource),
        "device": table.device,
        "runtime": table.runtime,
        "threads": table.threads,
        "table_sha256": table.sha256,
    }


def latency(profile: Profile, table: CostTable, widths: Mapping[str, int]) -> float:
    """Milliseconds that ``table`` predicts for widths ``{group: units}``.

    Raises:
        EdgepruneError: the table is of another network.
    """
    total = Measured(profile, table, "latency")
    return shown("latency", total([widths[group.name] for group in profile.groups]))
