"""How long a pruned network trains, compared with the dense one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgeprune.config.recipe import Recipe
    from edgeprune.sampling.plan import Plan


def epochs(recipe: Recipe, plan: Plan, fine_tuning: bool = False) -> int:
    """Epochs of a training by ``recipe``.

    ``budget: epochs`` gives every network the same number. ``budget: flops`` gives a pruned one as many as cost what
    the recipe's epochs cost the dense network, but no more than ``budget_cap`` times the recipe's (Scratch-E and
    Scratch-B of Liu et al., Rethinking the Value of Network Pruning, 2019, whose own cap is 2).

    Fine-tuning keeps the recipe's number: the dense budget was spent on the stages before.

    Args:
        plan: its ``dense_totals`` and ``totals`` hold the FLOPs of a forward pass.
    """
    if recipe.budget == "epochs" or fine_tuning:
        return recipe.epochs
    factor = plan.dense_totals["flops"] / max(1, plan.totals["flops"])
    return max(recipe.epochs, round(recipe.epochs * min(factor, recipe.budget_cap)))
