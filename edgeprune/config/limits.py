"""Limits that a network has to keep on a device, as people write them: after options of `edgeprune recommend`, and
under `limits` in a preset."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeprune import amounts, tasks
from edgeprune.errors import EdgepruneError
from edgeprune.tasks.base import Metric

#: What people may write after a number, by kind: the size of the unit in ms, bytes, mJ or 1.
WRITTEN = {
    "time": {"s": 1e3, "ms": 1.0, "us": 1e-3, "µs": 1e-3, "μs": 1e-3},
    "bytes": amounts.BYTES,
    "energy": {"J": 1e3, "mJ": 1.0, "uJ": 1e-3, "µJ": 1e-3, "μJ": 1e-3},
}
EXAMPLES = {"time": "10ms", "bytes": "2MB or 2MiB", "energy": "5mJ"}


@dataclass(frozen=True)
class Limit:
    """A name under `limits` (and an option), the column of a row that it limits, what that is called, its kind of unit,
    whether only a device can tell it, and what it is."""

    name: str
    column: str
    title: str
    kind: str
    measured: bool
    description: str


LIMITS = (
    Limit("latency", "latency_ms", "median latency", "time", True, "median time of an inference, e.g. 10ms"),
    Limit("energy", "energy_mj", "energy per inference", "energy", True, "per inference above idle, e.g. 5mJ"),
    Limit("memory", "peak_memory", "memory", "bytes", False,
          "weights and the largest set of feature maps alive at one time, computed, e.g. 2MB"),
    Limit("process-memory", "peak_rss_bytes", "process memory", "bytes", True,
          "peak resident memory that the measuring process had, the runtime's own included"),
    Limit("model-size", "file_bytes", "model file", "bytes", False, "size of the ONNX file, e.g. 500kB"),
)  # fmt: skip


@dataclass(frozen=True)
class Amount:
    """A quantity as a person wrote it: ``value`` in ms, bytes, mJ or as a metric is stored, and the unit (of that
    ``size``) to show others like it in, with so many ``decimals`` or three significant digits."""

    value: float
    unit: str
    size: float
    decimals: int | None = None

    def show(self, value: float) -> str:
        """Another value in this unit."""
        shown = value / self.size
        text = amounts.digits(shown) if self.decimals is None else f"{shown:.{self.decimals}f}"
        return f"{text} {self.unit}".rstrip()


def parse(text: str, kind: str, option: str) -> Amount:
    """An :class:`Amount` from what stands after ``option``, e.g. ``10ms``.

    Raises:
        EdgepruneError: no number, no unit or an unknown one.
    """
    return _parse(text, WRITTEN[kind], EXAMPLES[kind], option)


def parse_score(text: str, metric: Metric, option: str) -> Amount:
    """An :class:`Amount` of a metric: ``90%`` or ``0.9`` of one in per cent, ``28.5dB`` or ``28.5`` of one in dB.

    Raises:
        EdgepruneError: no number, another unit, or a percentage beyond 100.
    """
    percent, size = metric.unit == "%", 1 / metric.scale
    written = {metric.unit: size, "": 1.0 if percent else size}
    found = _parse(text, written, "0.9 or 90%" if percent else f"28.5{metric.unit}", option, zero=True)
    if percent and found.value > 1:
        raise EdgepruneError(f"{text!r} is out of range", key=option, remedy=f"write e.g. {option} 0.9 or 90%")
    return Amount(found.value, metric.unit, size, metric.decimals)


def of(config: Mapping[str, Any], dataset: str) -> dict[str, str]:
    """The amounts under `limits` that hold for a data set, by name, as text."""
    given = {key: value for key, value in config.get("limits", {}).items() if key not in ("device", "runtime")}
    if isinstance(given.get("score"), dict):
        given["score"] = given["score"].get(dataset)
    return {key: str(value) for key, value in given.items() if value is not None}


def check(config: Mapping[str, Any], file: str | Path) -> None:
    """Refuse limits on what is not measured, and amounts that are none.

    Raises:
        EdgepruneError: with the key.
    """
    limits, measured = config.get("limits", {}), config["measure_on"]
    datasets = list(dict.fromkeys(pair["dataset"] for pair in config["pairs"]))
    runtimes = config["devices"][device].get("runtimes", ["fp32"]) if (device := on(config)) in measured else []
    scored = limits["score"] if isinstance(limits.get("score"), dict) else ()
    for key, wanted, known, where in (
        ("device", [device] if device else [], measured, "measure_on"),
        ("runtime", [limits[key] for key in ("runtime",) if key in limits], runtimes, f"devices.{device}.runtimes"),
        ("score", scored, datasets, "pairs"),
    ):
        if unknown := [name for name in wanted if name not in known]:
            remedy = f"one of {where}: {', '.join(known) or 'there is none'}"
            raise EdgepruneError(f"{unknown[0]!r} is not there", file=file, key=f"limits.{key}", remedy=remedy)
    try:
        for limit in LIMITS:
            if limit.name in limits and limit.measured and not device:
                remedy = "name a device under measure_on, or remove the limit"
                raise EdgepruneError("nothing is measured", key=f"limits.{limit.name}", remedy=remedy)
            if limit.name in limits:
                parse(limits[limit.name], limit.kind, f"limits.{limit.name}")
        for dataset in datasets:
            if score := of(config, dataset).get("score"):
                parse_score(score, tasks.get(config["datasets"][dataset]["task"]).headline, "limits.score")
    except EdgepruneError as error:
        each = f"; for each data set its own: {{{': …, '.join(datasets)}: …}}"
        remedy = f"{error.remedy}{each if error.key == 'limits.score' and len(datasets) > 1 else ''}"
        raise EdgepruneError(error.problem, file=file, key=error.key, remedy=remedy) from error


def on(config: Mapping[str, Any]) -> str | None:
    """The device that the limits are for: the one that they name, else the first that is measured."""
    return config.get("limits", {}).get("device", next(iter(config["measure_on"]), None))


def _parse(text: str, written: Mapping[str, float], example: str, option: str, zero: bool = False) -> Amount:
    units = ", ".join(filter(None, written))
    shown = option if option.startswith("--") else f"{option.rpartition('.')[2]}:"
    remedy = f"write e.g. {shown} {example}" + (f"; units: {units}" if units else "; it has no unit")
    found = re.fullmatch(r"\s*(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)\s*(\D*?)\s*", text)
    if not found:
        raise EdgepruneError(f"{text!r} is not an amount", key=option, remedy=remedy)
    number, unit = float(found[1]), found[2]
    if unit not in written:
        problem = f"{text!r} has the unknown unit {unit!r}" if unit else f"{text!r} has no unit"
        raise EdgepruneError(problem, key=option, remedy=remedy)
    size = written[unit]
    if not 0 < number * size < math.inf and not (zero and number == 0):
        raise EdgepruneError(f"{text!r} is out of range", key=option, remedy=remedy)
    return Amount(number * size, unit, size)
