"""Sensible digits and units: one scale for a whole column or axis, so that its numbers can be compared."""

from collections.abc import Iterable

from edgeprune.amounts import digits
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
