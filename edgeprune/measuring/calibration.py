"""What a device can tell apart: networks measured beside themselves (A/A), several times.

The *resolution* is the relative difference in speed that nine of ten measurements tell from none: t(0.975) + t(0.9)
times the standard error of a measurement, Student's t with one degree of freedom less than there are rounds. The
standard error is that between a measurement's rounds, or that between measurements, whichever is larger.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgeprune.errors import EdgepruneError
from edgeprune.measuring.measure import measure
from edgeprune.measuring.resolution import FORMAT, VERSION
from edgeprune.measuring.standalone.interval import T975
from edgeprune.measuring.standalone.rounds import ROUNDS

T90 = 1.415  # of seven degrees of freedom


def calibrate(
    device_name: str, device: dict[str, Any], models: Sequence[str | Path], repeat: int = 10
) -> dict[str, Any]:
    """Measure each of ``models`` beside itself ``repeat`` times; the calibration, ready to be written.

    Raises:
        EdgepruneError: the device is not there, or the program fails there.
    """
    device = {**device, "energy": {"source": "none"}}
    measured = [measure(device_name, device, model, model) for _ in range(repeat) for model in models]
    lost = next((found for found in measured if found.get("unreachable")), None)
    if lost:
        raise EdgepruneError(
            f"the device is not there: {lost['reasons']['unreachable']}",
            key=f"devices.{device_name}",
            remedy="switch it on, then calibrate again",
        )
    return {
        "format": FORMAT,
        "version": VERSION,
        "device": device_name,
        **summary(measured),
        "speedups": [[each[key] for key in ("speedup", "speedup_low", "speedup_high")] for each in measured],
        "protocol": measured[0]["protocol"],
        "fingerprint": measured[0]["fingerprint"],
    }


def summary(measured: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """``measurements``, ``covered`` (those whose interval holds 1) and ``resolution`` of A/A measurements."""
    within = sum(_variance([math.log(ratio) for ratio in each["speedup_rounds"]]) / ROUNDS for each in measured)
    between = sum(math.log(each["speedup"]) ** 2 for each in measured)
    error = math.sqrt(max(within, between) / len(measured))
    return {
        "measurements": len(measured),
        "covered": sum(each["speedup_low"] <= 1 <= each["speedup_high"] for each in measured),
        "resolution": math.expm1((T975[ROUNDS - 2] + T90) * error),
    }


def _variance(values: Sequence[float]) -> float:
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values) / (len(values) - 1)
