"""The named budgets of a grid: what may remain of several resources together."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgeprune import amounts


def plain(budgets: Mapping[str, Mapping[str, Any]], file: str | Path) -> dict[str, dict[str, int | float]]:
    """The budgets with plain numbers: ``50%`` is 0.5, ``2MB`` is 2000000.

    Raises:
        EdgepruneError: no such amount, or one of exactly 1, which could be all of a resource or one unit of it.
    """
    return {
        name: {r: amounts.plain(amounts.read(v, r, f"budgets.{name}.{r}", file)) for r, v in budget.items()}
        for name, budget in budgets.items()
    }
