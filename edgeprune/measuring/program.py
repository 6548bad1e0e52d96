"""What the stand-alone program said, as its result or as an error that a user can act on."""

import json
from pathlib import Path
from typing import Any

from edgeprune.errors import EdgepruneError
from edgeprune.measuring import standalone

FILE = Path(standalone.__file__)
REMEDIES = {
    standalone.USAGE: "correct the device's settings",
    standalone.UNREADABLE: "train the run again, so that its ONNX file is written anew",
    standalone.NO_RUNTIME: "install the packages that it names, for the Python that the device's settings name",
    standalone.UNRUNNABLE: "check that the network's exported model runs in ONNX Runtime",
}


class Unreachable(EdgepruneError):
    """The device is not there. A measurement then says so, and the rest of the workflow goes on."""


def result(status: int, out: str, err: str, key: str) -> dict[str, Any]:
    """The JSON that the program printed.

    Args:
        status: exit status.
        out, err: what it printed on standard output and standard error.
        key: where the device's settings stand in the configuration.

    Raises:
        EdgepruneError: it failed; its last line is passed on.
    """
    if status:
        lines = err.strip().splitlines() or [f"the measuring program ended with status {status}"]
        raise EdgepruneError(
            lines[-1],
            key=key if status in (standalone.USAGE, standalone.NO_RUNTIME) else None,
            remedy=REMEDIES.get(status, "look at the message above it in the log"),
        )
    return json.loads(out)
