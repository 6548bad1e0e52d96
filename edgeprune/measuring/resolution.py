"""The smallest difference that a device is known to tell, read from its calibration."""

from pathlib import Path
from typing import Any

from edgeprune import files
from edgeprune.errors import EdgepruneError

FORMAT, VERSION = "edgeprune.calibration", 1
#: Below ``results/<preset>``.
PLACE = "calibrate_device/{device}.json"


def read(path: str | Path | None, device: str, result: dict[str, Any]) -> tuple[float | None, str | None]:
    """``(resolution, None)`` of the calibration at ``path`` for a measurement on ``device``, or ``(None, reason)``.

    A calibration holds for the processor and the protocol that it was made with.

    Raises:
        EdgepruneError: the file is no calibration.
    """
    again = f"edgeprune calibrate --device {device}"
    if path is None or not Path(path).is_file():
        return None, f"the device was not calibrated ({again})"
    found = files.read_json(path)
    if not isinstance(found, dict) or (found.get("format"), found.get("version")) != (FORMAT, VERSION):
        raise EdgepruneError(f"is no {FORMAT} of version {VERSION}", file=path, remedy=f"remove it, or {again}")
    for where, key in (("fingerprint", "cpu_model"), ("protocol", "threads"), ("protocol", "seconds")):
        then, now = found[where][key], result[where][key]
        if then != now:
            return None, f"the device was calibrated with {key} {then}, this is {now} ({again})"
    return found["resolution"], None
