"""The training settings of one run: a network's recipe, as a reference changes it, or varied for fine-tuning."""

import math
from collections.abc import Mapping
from typing import Any

from edgeprune.config.recipe import Recipe

#: Key of a recipe that holds what changes when pruned weights are fine-tuned.
FINE_TUNE = "fine_tune"
#: What fine-tuning takes where a recipe does not say: this share of the epochs and of the learning rate. Li et al.
#: (2017) fine-tune for a quarter of the dense epochs; their rate is the last one of the dense training.
SHARES = {"epochs": 0.25, "lr": 0.1}


def recipe_of(
    recipes: Mapping[str, dict[str, Any]],
    network: str,
    *,
    changes: dict[str, Any] | None = None,
    fine_tuning: bool = False,
) -> dict[str, Any]:
    """The settings that a training reads.

    Args:
        recipes: of the effective configuration, one entry per network.
        network: a name in it.
        changes: keys of the recipe that the run's reference changes; those under ``fine_tune`` one by one.
        fine_tuning: whether pruned weights are trained on, instead of fresh ones.
    """
    recipe, changes = recipes[network], changes or {}
    settings = {key: value for key, value in (recipe | changes).items() if key != FINE_TUNE}
    further = recipe.get(FINE_TUNE, {}) | changes.get(FINE_TUNE, {})
    return settings | fine_tuned(settings, further) if fine_tuning else settings


def fine_tuned(settings: Mapping[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """What a recipe's ``fine_tune`` comes to: the shares of :data:`SHARES`, no warm-up, then its own keys."""
    epochs = settings.get("epochs", Recipe.epochs)
    shares: dict[str, Any] = {
        "epochs": math.ceil(SHARES["epochs"] * epochs),
        "lr": float(f"{SHARES['lr'] * settings.get('lr', Recipe.lr):.6g}"),
        "warmup_epochs": 0,
    }
    return shares | changes
