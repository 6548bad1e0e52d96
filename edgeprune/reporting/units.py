"""Sensible digits and units: one scale for a whole column or axis, so that its numbers can be compared."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from edgeprune import amounts
from edgeprune.errors import EdgepruneError
from edgeprune.tasks.base import Metric

_PREFIXES = ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1, ""))
#: The sizes of the units of each kind, largest first.
STEPS = {
    "params": _PREFIXES,
    "macs": tuple((size, f"{prefix}MACs") for size, prefix in _PREFIXES),
    "flops": tuple((size, f"{prefix}FLOPs") for size, prefix in _PREFIXES),
    "words": ((1e9, "billion"), (1e6, "million"), (1e3, "thousand"), (1, "")),
    "bytes": ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"), (1, "bytes")),
    "joules": ((1e6, "MJ"), (1e3, "kJ"), (1, "J")),
    "seconds": ((3600, "h"), (60, "min"), (1, "s")),
    "time": ((1e3, "s"), (1, "ms"), (1e-3, "µs")),
}
#: What people may write after a number, by kind: the size of the unit in ms, bytes, mJ or 1.
WRITTEN = {
    "time": {"s": 1e3, "ms": 1.0, "us": 1e-3, "µs": 1e-3, "μs": 1e-3},
    "bytes": amounts.BYTES,
    "energy": {"J": 1e3, "mJ": 1.0, "uJ": 1e-3, "µJ": 1e-3, "μJ": 1e-3},
}
EXAMPLES = {"time": "10ms", "bytes": "2MB or 2MiB", "energy": "5mJ"}


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
        text = digits(shown) if self.decimals is None else f"{shown:.{self.decimals}f}"
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


def _parse(text: str, written: Mapping[str, float], example: str, option: str, zero: bool = False) -> Amount:
    units = ", ".join(filter(None, written))
    remedy = f"write e.g. {option} {example}" + (f"; units: {units}" if units else "; it has no unit")
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


def scale(values: Iterable[float | None], kind: str) -> tuple[float, str]:
    """``(divisor, unit)`` such that the largest of ``values`` reads as 1 or more (in milliseconds, as 0.1 or more).

    Args:
        values: numbers; None counts for nothing.
        kind: of :data:`STEPS`; values of ``"time"`` are in ms, the unit of ``"params"`` is a bare prefix. For any other
            name the scale is 1 and the unit empty.
    """
    largest = max((abs(v) for v in values if v is not None), default=0)
    steps = STEPS.get(kind, ((1, ""),))
    return next((step for step in steps if largest >= (0.1 if step[1] == "ms" else step[0])), steps[-1])


def one(value: float, kind: str) -> str:
    """One number with its unit, three significant digits: ``"1.23 MFLOPs"``, ``"45.6 KiB"``, ``"2.75 million"``."""
    divisor, unit = scale([value], "words" if kind == "params" else kind)
    return f"{digits(value / divisor)} {unit}".strip()


def digits(value: float, significant: int = 3) -> str:
    """``value`` with so many significant digits, never in powers of ten; whole digits are all kept."""
    if value == 0:
        return "0"
    places = significant - 1 - math.floor(math.log10(abs(value)))
    text = f"{value:.{max(places, 0)}f}"
    if float(text) and math.floor(math.log10(abs(float(text)))) > math.floor(math.log10(abs(value))):
        text = f"{value:.{max(places - 1, 0)}f}"  # 9.996 is 10.0, not 10.00
    return text


def spread(mean: float | None, std: float | None, places: int) -> str:
    """``"91.2 ± 0.4"``; without a spread (one seed) the mean alone, and a dash for None."""
    if mean is None:
        return "–"
    if std is None:
        return f"{mean:.{places}f}"
    text = f"{std:.{places}f}"
    if std and not float(text):  # small, but not nothing
        text = f"<{10**-places:.{places}f}"
    return f"{mean:.{places}f} ± {text}"


def score(value: float, metric: Metric, std: float | None = None) -> str:
    """A value of a :class:`edgeprune.tasks.base.Metric` in its unit: ``97.04 %``, ``28.41 ± 0.12 dB``."""
    text = spread(value * metric.scale, None if std is None else std * metric.scale, metric.decimals)
    return f"{text} {metric.unit}".rstrip()


def inside(title: str) -> str:
    """A metric's title or label within a sentence: ``accuracy``; what begins with an abbreviation, ``PSNR``, stays."""
    return title[0].lower() + title[1:] if title.split()[0][1:].islower() else title
