"""The learning rate over a training. Plain Python."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgeprune.config.recipe import Recipe

#: Highest rate of a one-cycle over its first, and its first over its last: the defaults of torch's OneCycleLR.
RISE, FALL = 25, 1e4


def learning_rate(recipe: Recipe, step: int, steps_per_epoch: int) -> float:
    """Learning rate of optimiser step ``step`` (from 0).

    Warm-up rises linearly and reaches ``recipe.lr`` at its last step. The cosine goes from there to 0, which it would
    reach one step after the last (Loshchilov and Hutter, 2017, without restarts).

    ``one-cycle`` (Smith and Topin, 2018) is torch's OneCycleLR with its default rates, the momentum left alone.
    """
    warmup, total = recipe.warmup_epochs * steps_per_epoch, recipe.epochs * steps_per_epoch
    if recipe.schedule == "one-cycle":
        return recipe.lr * _one_cycle(step, warmup - 1, total - 1)
    warmup = round(warmup)
    if step < warmup:
        return recipe.lr * (step + 1) / warmup
    if recipe.schedule == "cosine":
        return recipe.lr * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (total - warmup)))
    if recipe.schedule == "step":
        return recipe.lr * recipe.step_factor ** sum(step >= m * total for m in recipe.step_milestones)
    return recipe.lr


def _one_cycle(step: int, top: float, last: float) -> float:
    """Fraction of the highest rate: from 1/25 to 1 at step ``top``, then to 1/250,000 at step ``last``."""
    start = 1 / RISE
    if step < top:
        return 1 + (start - 1) * 0.5 * (1 + math.cos(math.pi * step / top))
    end = start / FALL
    return end + (1 - end) * 0.5 * (1 + math.cos(math.pi * (step - top) / max(1, last - top)))
