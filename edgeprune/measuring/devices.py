"""Devices of the configuration: where the stand-alone program is run, and how its answer comes back.

A kind of device is a :class:`Device` with ``SETTINGS`` and ``__init__(settings, key)``; a new kind is one entry here.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from edgeprune.errors import EdgepruneError
from edgeprune.measuring.local import Local
from edgeprune.measuring.ssh import Ssh

KINDS = {"local": Local, "ssh": Ssh}
#: Settings of every kind; what a kind takes beside them is its ``SETTINGS``.
SETTINGS = ("kind", "seconds", "iterations", "warmup", "threads", "affinity", "runtimes", "energy")


class Device(Protocol):
    """Where the stand-alone program is run."""

    def run(self, arguments: Sequence[str | Path]) -> dict[str, Any]:
        """The JSON of the program run there; a path among the arguments is a file of this machine, taken along."""


def connect(name: str, settings: dict[str, Any]) -> Device:
    """The device ``name`` with its settings from the configuration; nothing is run yet.

    Raises:
        EdgepruneError: unknown kind of device, or a setting that the kind does not take.
    """
    kind = settings.get("kind")
    if kind not in KINDS:
        raise EdgepruneError(
            f"unknown kind of device {kind!r}",
            key=f"devices.{name}.kind",
            remedy=f"choose one of: {', '.join(sorted(KINDS))}",
        )
    known = SETTINGS + KINDS[kind].SETTINGS
    for setting in settings:
        if setting not in known:
            raise EdgepruneError(
                f"unknown setting {setting!r}",
                key=f"devices.{name}.{setting}",
                remedy=f"choose from: {', '.join(known)}",
            )
    return KINDS[kind](settings, f"devices.{name}")
