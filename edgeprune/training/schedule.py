"""The learning rate over a training. Plain Python."""

import math


def learning_rate(recipe, step, steps_per_epoch):
    """Learning rate of optimiser step ``step`` (from 0).

    Warm-up rises linearly and reaches ``recipe.lr`` at its last step. The cosine goes from there to 0, which it would
    reach one step after the last (Loshchilov and Hutter, 2017, without restarts).
    """
    warmup, total = round(recipe.warmup_epochs * steps_per_epoch), recipe.epochs * steps_per_epoch
    if step < warmup:
        return recipe.lr * (step + 1) / warmup
    if recipe.schedule == "cosine":
        return recipe.lr * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (total - warmup)))
    if recipe.schedule == "step":
        return recipe.lr * recipe.step_factor ** sum(step >= m * total for m in recipe.step_milestones)
    return recipe.lr
