"""Amounts of a budget: what may remain of a resource, as a number or as people write it (``50%``, ``2MB``); and how
many digits of a number people need."""

import math
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

from edgeprune.errors import EdgepruneError

#: Units of bytes, and how many each is.
BYTES = {"B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
#: Resources in bytes; the others are counts.
IN_BYTES = ("memory", "peak_memory")
#: No amount is larger: far beyond any network, and safe as a float.
LARGEST = 2**63
_NUMBER = r"\d+(?:\.\d*)?(?:[eE][+-]?\d{1,3})?|\.\d+"


def read(value: object, resource: str, key: str, file: str | Path | None = None) -> Fraction:
    """What may remain of ``resource``, exactly: above 1 in its units, below 1 as the fraction of the dense network's.

    Args:
        value: a number, or text: a number, one with ``%`` (of the dense network's total), one with a unit of bytes.
        resource: its name.
        key, file: for messages.

    Raises:
        EdgepruneError: no number, an unknown unit, or nothing that can remain (exactly 1 could be all or one unit).
    """

    def refuse(problem: str) -> EdgepruneError:
        return EdgepruneError(problem, file=file, key=key, remedy=_remedy(resource))

    written = re.fullmatch(rf"\s*({_NUMBER})\s*([^\d\s.][^\d]*?)\s*", value) if isinstance(value, str) else None
    if not written:
        amount = number(value, key, file, _remedy(resource))
        if amount <= 0 or amount == 1:
            raise refuse(f"{value} is neither an amount above 1 nor a fraction between 0 and 1")
        if amount > LARGEST:
            raise refuse(f"{value} is more than any network takes")
        return amount
    amount, unit = Fraction(written[1]), written[2]
    if unit == "%":
        if not 0 < amount < 100:
            raise refuse(f"{value!r} is not between 0 and 100 %")
        return amount / 100
    if unit not in BYTES or resource not in IN_BYTES:
        raise refuse(f"{value!r} has the unknown unit {unit!r}")
    if not 1 < amount * BYTES[unit] <= LARGEST:
        raise refuse(f"{value!r} is not above 1 byte, or more than any network takes")
    return amount * BYTES[unit]


def plain(amount: Fraction) -> int | float:
    """An amount as a plain number: an int if it is whole."""
    return amount.numerator if amount.denominator == 1 else float(amount)


def number(value: Any, key: str, file: str | Path | None = None, remedy: str | None = None) -> Fraction:
    """``value`` as the exact decimal it prints as; strings such as "1e6" (YAML 1.1 reads that as one) are taken.

    Raises:
        EdgepruneError: it is no number.
    """
    try:
        if isinstance(value, bool) or (isinstance(value, str) and re.search(r"[eE][+-]?\d{4}", value)):
            raise ValueError  # of so high a power that to write it out takes minutes
        return Fraction(value) if isinstance(value, (int, str)) else Fraction(repr(float(value)))
    except (TypeError, ValueError, ZeroDivisionError) as error:
        raise EdgepruneError(f"{value!r} is not a number", file=file, key=key, remedy=remedy) from error


def digits(value: float, significant: int = 3) -> str:
    """``value`` with so many significant digits, never in powers of ten; whole digits are all kept."""
    if value == 0:
        return "0"
    places = significant - 1 - math.floor(math.log10(abs(value)))
    text = f"{value:.{max(places, 0)}f}"
    if float(text) and math.floor(math.log10(abs(float(text)))) > math.floor(math.log10(abs(value))):
        text = f"{value:.{max(places - 1, 0)}f}"  # 9.996 is 10.0, not 10.00
    return text


def _remedy(resource: str) -> str:
    unit, example = ("bytes", "2e6 or 2MB") if resource in IN_BYTES else (resource, "1e6")
    units = f"; units: %, {', '.join(BYTES)}" if resource in IN_BYTES else "; the only unit is %"
    return f"give what may remain: {unit} (> 1), e.g. {example}, or a part of the dense network, 0.5 or 50%{units}"
