"""From the run's one seed to a seed for each random thing in it.

``derive(seed, purpose, epoch)`` is the first 8 bytes (big-endian, top bit cleared) of the SHA-256 of the text
``edgeprune/<seed>/<purpose>/<epoch>``. The purposes: ``initialise`` (weights, epoch 0), and for each epoch ``shuffle``,
``augment`` and ``dropout``.

Epochs have seeds of their own so that a run resumed at an epoch needs no generator's state. Network and method don't
enter: the runs that one seed compares see the same images in the same order.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def derive(seed: int, purpose: str, epoch: int = 0) -> int:
    """A 63-bit seed; see the module's docstring."""
    digest = hashlib.sha256(f"edgeprune/{seed}/{purpose}/{epoch}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(seed: int, purpose: str, epoch: int = 0, device: str | torch.device = "cpu") -> torch.Generator:
    """A ``torch.Generator`` of its own, seeded by :func:`derive`."""
    import torch

    return torch.Generator(device).manual_seed(derive(seed, purpose, epoch))


def random_state(device: torch.device) -> torch.Tensor:
    """State of the global generator that ``device`` draws from, a tensor on the CPU."""
    import torch

    return torch.get_device_module(device).get_rng_state() if device.type != "cpu" else torch.get_rng_state()


def set_random_state(device: torch.device, state: torch.Tensor) -> None:
    """Undo what was drawn since :func:`random_state`."""
    import torch

    if device.type == "cpu":
        torch.set_rng_state(state)
    else:
        torch.get_device_module(device).set_rng_state(state)
