"""Exponential moving average of a network's weights."""

import copy
from typing import Any

import torch
from torch import Tensor, nn


class Average:
    """Follows a model step by step.

    Parameters and floating-point buffers (batch norm's running statistics) are averaged alike, so that the statistics
    belong to the averaged weights' recent past; integer buffers are copied. The decay grows as
    min(decay, (1 + step) / (10 + step)), or the random start would linger in short trainings.

    Args:
        model: the network in training; a copy is made.
        decay: weight of the past at each step.

    Attributes:
        model: the averaged network.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model, self.decay, self.steps = copy.deepcopy(model).requires_grad_(False), decay, 0
        pairs = list(zip(_tensors(self.model), _tensors(model)))
        self._mean = [pair for pair in pairs if pair[0].is_floating_point()]
        self._copied = [pair for pair in pairs if not pair[0].is_floating_point()]

    @torch.no_grad()
    def update(self) -> None:
        """Take in the model's present weights."""
        self.steps += 1
        keep = min(self.decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_([mean for mean, _ in self._mean], [now.detach() for _, now in self._mean], 1 - keep)
        for old, now in self._copied:
            old.copy_(now)

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self.steps, "model": self.model.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.steps = state["steps"]
        self.model.load_state_dict(state["model"])


def _tensors(model: nn.Module) -> list[Tensor]:
    return [*model.parameters(), *model.buffers()]
