"""Files and settings, checked against annotated classes by msgspec: what a value can be is said once, at its field."""

import math
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypedDict, TypeVar

import msgspec

from edgeprune import files
from edgeprune.errors import EdgepruneError
from edgeprune.names import RESOURCES

Positive = Annotated[int, msgspec.Meta(ge=1)]
Count = Annotated[int, msgspec.Meta(ge=0)]

if TYPE_CHECKING:  # where they are used, a resource is a text like any other
    Resource, Totals, Reductions = str, dict[str, int], dict[str, float]
else:  # what a file is checked by: one amount of each resource, and of nothing else
    Resource = Literal[RESOURCES]
    Totals = TypedDict("Totals", dict.fromkeys(RESOURCES, Count))
    Reductions = TypedDict("Reductions", dict.fromkeys(RESOURCES, float))

Kind = TypeVar("Kind")
Steps = tuple[str | int, ...]

_WORDS = {
    "`int | float`": "a number",
    "`int`": "a whole number",
    "`float`": "a number",
    "`str`": "a text",
    "`bool`": "true or false",
    "`array`": "a list",
    "`object`": "a mapping",
    " of length >= ": " of at least ",
    " of length <= ": " of at most ",
    " >= ": " from ",
    " > ": " above ",
    " < ": " below ",
    ".0": "",
}


def read(path: str | Path, form: str, version: int, what: str, remedy: str) -> dict[str, Any]:
    """The JSON object of a file of one of this project's formats.

    Args:
        path: the file.
        form, version: what must stand under ``format`` and ``version``.
        what: what such a file is called in messages.
        remedy: how to make one.

    Raises:
        EdgepruneError: there is no such file, it is something else, or has another version.
    """
    value = files.read_json(path)
    if not isinstance(value, dict) or value.get("format") != form:
        raise EdgepruneError(f"is not {what}", file=path, remedy=remedy)
    found = value.get("version")
    if isinstance(found, bool) or found != version:
        problem = f"has format version {found}, this program reads {version}"
        raise EdgepruneError(problem, file=path, key="version", remedy=remedy)
    return value


def convert(
    value: Any,
    kind: type[Kind],
    *,
    file: str | Path | None = None,
    remedy: str | None = None,
    custom: Callable[[type, Any], Any] | None = None,
) -> Kind:
    """``value``, parsed JSON or YAML, as a ``kind``; keys that it does not know are ignored.

    Args:
        kind: a dataclass or another annotated type.
        file, remedy: for messages.
        custom: ``custom(type, value)`` makes what msgspec cannot; its ValueError's text is the problem.

    Raises:
        EdgepruneError: with the place of the first value that does not fit, e.g. ``slots[0].dims[1]``.
    """
    refuse_infinite(value, file, remedy)

    def fault(candidate: Any) -> str | None:
        try:
            msgspec.convert(candidate, kind, dec_hook=custom)
        except msgspec.ValidationError as error:
            return str(error)
        return None

    try:
        return msgspec.convert(value, kind, dec_hook=custom)
    except msgspec.ValidationError as error:
        problem, steps = _explained(value, str(error), fault)
        raise EdgepruneError(problem, file=file, key=dotted(steps) or None, remedy=remedy) from error


def refuse_infinite(value: Any, file: str | Path | None, remedy: str | None, steps: Steps = ()) -> None:
    """Refuse NaN, which passes most comparisons, and infinities anywhere in ``value``.

    Raises:
        EdgepruneError: with the place.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise EdgepruneError(
            f"cannot be {value}, which is no finite number", file=file, key=dotted(steps), remedy=remedy
        )
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, (list, tuple)) else ()
    for step, part in parts:
        refuse_infinite(part, file, remedy, (*steps, step))


def dotted(steps: Iterable[str | int]) -> str:
    """``["targets", 0]`` -> ``targets[0]``."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).removeprefix(".")


def short(value: object) -> str:
    """``value`` for a message."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _explained(value: Any, told: str, fault: Callable[[Any], str | None]) -> tuple[str, list[str | int]]:
    """``(problem, steps to the place)`` of what msgspec told of ``value``."""
    words, at, place = told.rpartition(" - at `")
    if not at:  # it is about the whole
        words, place = told, ""
    in_key, place = place.startswith("key`"), place.rpartition("$")[2]
    steps, part = [], value
    for name, index in re.findall(r"\.(\w+)|\[([^]]*)\]", place.rstrip("`") + "[...]" * in_key):
        step = name or (_entry(value, steps, part, told, fault) if index == "..." else int(index))
        steps, part = [*steps, step], part[step]
    if missing := re.fullmatch("Object missing required field `(.+)`", words):
        return "is missing", [*steps, missing[1]]
    if in_key:
        return "is not a known key", steps
    if not words.startswith(("Expected", "Invalid enum")):
        return words, steps
    expected = words.removeprefix("Expected ").partition(", got ")[0]
    for theirs, ours in _WORDS.items():
        expected = expected.replace(theirs, ours)
    what = f"; it is {expected}" if words.startswith("Expected") else ""
    return f"cannot be {short(part)}{what}", steps


def _entry(
    value: Any, steps: list[str | int], mapping: dict[str, Any], told: str, fault: Callable[[Any], str | None]
) -> str:
    """The key of the entry of ``mapping`` (in ``value`` at ``steps``) that msgspec means without naming it."""
    return next(key for key in mapping if fault(_with(value, steps, {key: mapping[key]})) == told)


def _with(value: Any, steps: list[str | int], part: Any) -> Any:
    """A copy of ``value`` with ``part`` at ``steps``."""
    if not steps:
        return part
    step, *rest = steps
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    copy[step] = _with(value[step], rest, part)
    return copy
