"""Devices of the configuration: where the stand-alone program is run, and how its answer comes back.

A kind of device is a class with ``SETTINGS``, ``__init__(settings, key)`` and ``run(arguments)``; a new kind is one
entry here.
"""

from edgeprune.errors import EdgepruneError
from edgeprune.measuring.local import Local
from edgeprune.measuring.ssh import Ssh

KINDS = {"local": Local, "ssh": Ssh}
#: Settings of every kind; what a kind takes beside them is its ``SETTINGS``.
SETTINGS = ("kind", "seconds", "iterations", "warmup", "threads", "affinity", "runtimes", "energy")


def connect(name, settings):
    """The device ``name`` with its settings from the configuration; nothing is run yet.

    Returns:
        an object whose ``run(arguments)`` runs the stand-alone program there and returns its JSON. A
        :class:`pathlib.Path` among the arguments is a file of this machine that is taken along.

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
