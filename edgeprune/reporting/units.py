"""Sensible digits and units: one scale for a whole column or axis, so that its numbers can be compared."""

import math

COUNT = ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1, ""))
COUNT_WORDS = ((1e9, "billion"), (1e6, "million"), (1e3, "thousand"), (1, ""))
BYTES = ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"), (1, "bytes"))
JOULES = ((1e6, "MJ"), (1e3, "kJ"), (1, "J"))
SECONDS = ((3600, "h"), (60, "min"), (1, "s"))
TIME = ((1e3, 1e3, "s"), (0.1, 1, "ms"), (0, 1e-3, "µs"))  # from so many milliseconds on: milliseconds in the unit


def scale(values, kind):
    """``(divisor, unit)`` such that the largest of ``values`` reads as 1 or more.

    Args:
        values: numbers; None counts for nothing.
        kind: ``"bytes"``, ``"time"`` (values in ms), ``"seconds"``, ``"joules"``, ``"params"`` (the unit is a bare
            prefix), ``"macs"``, ``"flops"``, or any other name, for which the scale is 1 and the unit empty.
    """
    largest = max((abs(v) for v in values if v is not None), default=0)
    if kind == "bytes":
        return next((pair for pair in BYTES if largest >= pair[0]), BYTES[-1])
    if kind in ("seconds", "joules"):
        steps = SECONDS if kind == "seconds" else JOULES
        return next((pair for pair in steps if largest >= pair[0]), steps[-1])
    if kind == "time":
        return next(((unit, name) for start, unit, name in TIME if largest >= start), TIME[-1][1:])
    if kind in ("params", "macs", "flops"):
        divisor, prefix = next((pair for pair in COUNT if largest >= pair[0]), COUNT[-1])
        return divisor, prefix + {"params": "", "macs": "MACs", "flops": "FLOPs"}[kind]
    return 1, ""


def one(value, kind):
    """One number with its unit, three significant digits: ``"1.23 MFLOPs"``, ``"45.6 KiB"``, ``"2.75 million"``."""
    if kind == "params":
        divisor, word = next((pair for pair in COUNT_WORDS if abs(value) >= pair[0]), COUNT_WORDS[-1])
        return f"{digits(value / divisor)} {word}".strip()
    divisor, unit = scale([value], kind)
    return f"{digits(value / divisor)} {unit}".strip()


def digits(value, significant=3):
    """``value`` with so many significant digits, never in powers of ten; whole digits are all kept."""
    if value == 0:
        return "0"
    places = significant - 1 - math.floor(math.log10(abs(value)))
    text = f"{value:.{max(places, 0)}f}"
    if float(text) and math.floor(math.log10(abs(float(text)))) > math.floor(math.log10(abs(value))):
        text = f"{value:.{max(places - 1, 0)}f}"  # 9.996 is 10.0, not 10.00
    return text


def spread(mean, std, places):
    """``"91.2 ± 0.4"``; without a spread (one seed) the mean alone, and a dash for None."""
    if mean is None:
        return "–"
    if std is None:
        return f"{mean:.{places}f}"
    text = f"{std:.{places}f}"
    if std and not float(text):  # small, but not nothing
        text = f"<{10**-places:.{places}f}"
    return f"{mean:.{places}f} ± {text}"
