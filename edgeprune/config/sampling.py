"""The settings that a variant's plan is drawn with."""

from collections.abc import Mapping
from typing import Any

from edgeprune.config.grid import Variant
from edgeprune.names import DRAWN


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
