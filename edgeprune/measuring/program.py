"""What the stand-alone program said, as its result or as an error that a user can act on."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

from edgeprune.errors import EdgepruneError
from edgeprune.measuring.standalone import __main__, failures

FOLDER = Path(__main__.__file__).parent
REMEDIES = {
    failures.USAGE: "correct the device's settings",
    failures.UNREADABLE: "train the run again, so that its ONNX file is written anew",
    failures.NO_RUNTIME: "install the packages that it names, for the Python that the device's settings name",
    failures.UNRUNNABLE: "check that the network's exported model runs in ONNX Runtime",
}


def archive() -> bytes:
    """The program as a zip that a Python can run; the same bytes for the same files."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as file:  # not compressed: not every board's Python has zlib
        for path in sorted(FOLDER.rglob("*.py")):
            file.writestr(zipfile.ZipInfo(path.relative_to(FOLDER).as_posix()), path.read_bytes())
    return written.getvalue()


class Unreachable(EdgepruneError):
    """The device is not there. A measurement then says so, and the rest of the workflow goes on."""


class Unsupported(EdgepruneError):
    """The device has not the runtime, or one that does not run the network. The rest of the workflow goes on too."""


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
        if status == failures.UNSUPPORTED:
            raise Unsupported(lines[-1])
        raise EdgepruneError(
            lines[-1],
            key=key if status in (failures.USAGE, failures.NO_RUNTIME) else None,
            remedy=REMEDIES.get(status, "look at the message above it in the log"),
        )
    return json.loads(out)
