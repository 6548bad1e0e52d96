"""Seconds, joules and hardware of a run, over all its parts if it was interrupted."""

import time
from typing import Any

import torch

from edgeprune.training import device as processors
from edgeprune.training.energy import Meter


class Clock:
    """Runs from its making on.

    Attributes:
        method, reason: those of :class:`edgeprune.training.energy.Meter`.
        hardware: what the parts ran on, each once, in order.
    """

    def __init__(self, device: torch.device) -> None:
        self.meter, self._start = Meter(device), time.perf_counter()
        self.method, self.reason = self.meter.method, self.meter.reason
        self._seconds, self._joules = 0.0, 0.0
        self._here = processors.hardware(device)
        self.hardware = [self._here]

    def read(self) -> tuple[float, float | None]:
        """``(seconds, joules or None)`` so far."""
        joules = self.meter.update()
        self.reason = self.reason or self.meter.reason
        known = joules is not None and self._joules is not None
        if joules is not None and not known:
            self.reason = self.reason or "an earlier part of the run could not be metered"
        return self._seconds + time.perf_counter() - self._start, self._joules + joules if known else None

    def state_dict(self) -> dict[str, Any]:
        seconds, joules = self.read()
        return {"seconds": seconds, "joules": joules, "hardware": list(self.hardware)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Add what the parts before an interruption took; they ran on ``state["hardware"]``."""
        self._seconds, self._joules = state["seconds"], state["joules"]
        self.hardware = list(dict.fromkeys([*state["hardware"], self._here]))
