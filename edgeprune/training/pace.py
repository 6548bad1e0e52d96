"""How fast a network trains here: some steps on random images, before a grid is started that may take hours."""

import time
from collections.abc import Mapping
from typing import Any

import torch

from edgeprune.config.recipe import Recipe
from edgeprune.networks.resolve import build_for
from edgeprune.tasks.base import Task
from edgeprune.tasks.outputs import named

STEPS = 3


def seconds_per_image(spec: Mapping[str, Any], name: str, task: Task, recipe: Recipe) -> float:
    """Seconds that one image takes in a step of training of the dense network, on one thread of this machine's CPU.

    Forward and backward pass through sums of the outputs; the loss and the optimizer are small beside them.

    Raises:
        EdgepruneError: the network cannot be built, or does not fit the task.
    """
    torch.set_num_threads(1)
    model = build_for(task, spec, name).train()
    channels, *size = task.input_shape
    side = [recipe.patch] * 2 if recipe.patch else size
    images, taken = torch.rand(recipe.batch_size, channels, *side), []
    for _ in range(STEPS):
        before = time.perf_counter()
        outputs = named(model(images)).values()
        torch.stack([part.float().mean() for part in outputs]).sum().backward()
        taken.append(time.perf_counter() - before)
    return min(taken) / len(images)
