"""Options that several commands have, and numbers whose errors say what to write."""

import json
import os
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import Any

from edgeprune import amounts
from edgeprune.errors import EdgepruneError


def add_json(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def show(args: Namespace, data: Callable[[], Any], text: Callable[[], str]) -> None:
    """Print what a command found, as :func:`add_json` was answered."""
    print(json.dumps(data(), indent=2, allow_nan=False) if args.json else text())


def check_out(out: str | None, *read: str | None) -> None:
    """Refuse to write over a file that the command reads; of ``file.py:factory``, the file.

    Raises:
        EdgepruneError: ``out`` is one of ``read``, be it by a link.
    """
    for path in read:
        path = path and (path if os.path.exists(path) else path.rpartition(":")[0])
        if out and path and os.path.isfile(out) and os.path.exists(path) and os.path.samefile(out, path):
            problem = "is read, and would be written over"
            raise EdgepruneError(problem, file=out, key="--out", remedy="name another file")


def whole(option: str, least: int | None = None) -> Callable[[str], int]:
    """The ``type`` of an option that is a whole number, of at least ``least``."""

    def read(text: str) -> int:
        try:
            if least is None or int(text) >= least:
                return int(text)
        except ValueError:
            pass
        more = "" if least is None else f" of at least {least}"
        raise EdgepruneError(f"{text!r} is not a whole number{more}", key=option, remedy=f"e.g. {option} {least or 0}")

    return read


def fraction(option: str) -> Callable[[str], float]:
    """The ``type`` of an option that is a fraction, ``0.5`` or ``50%``."""

    def read(text: str) -> float:
        value = amounts.number(text.removesuffix("%"), option, remedy=f"e.g. {option} 0.5 or {option} 50%")
        return float(value / 100 if text.endswith("%") else value)

    return read
