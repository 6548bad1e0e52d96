"""Where in the user's code an operator was called."""

import os
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import FrameType

import torch

_OURS = str(Path(__file__).resolve().parent.parent) + os.sep
_SKIPPED = tuple(
    str(Path(folder).resolve()) + os.sep
    for folder in (Path(torch.__file__).parent, _OURS + "tracing", _OURS + "surgery")
)


#: An environment may be reached by a link, as torch's file names then are. Asked of each frame of each operator.
_real = cache(os.path.realpath)


@cache
def is_user_code(filename: str) -> bool:
    """Whether a file is neither torch's nor the tracer's; networks of torchvision and of this project count."""
    return not filename.startswith("<frozen") and not _real(filename).startswith(_SKIPPED)


@cache
def shorten(filename: str) -> str:
    """A file's name relative to the working folder or to the package folder it was installed in."""
    path = Path(filename)
    for marker in ("site-packages", "dist-packages"):
        if marker in path.parts:
            return str(Path(*path.parts[path.parts.index(marker) + 1 :]))
    with suppress(ValueError, OSError):
        path = path.resolve().relative_to(Path.cwd())
    return str(path)


def call_site(frame: FrameType | None = None) -> str | None:
    """``file:line`` of the innermost frame of user code on the stack, or ``None``."""
    frame = frame or sys._getframe(1)
    while frame is not None:
        if is_user_code(frame.f_code.co_filename) and _is_part_of_forward(frame):
            return f"{shorten(frame.f_code.co_filename)}:{frame.f_lineno}"
        frame = frame.f_back
    return None


def failure_site(error: BaseException) -> str | None:
    """``file:line`` of the innermost user code in an exception's traceback, or ``None``."""
    found, tb = None, error.__traceback__
    while tb is not None:
        filename = tb.tb_frame.f_code.co_filename
        if is_user_code(filename):
            found = f"{shorten(filename)}:{tb.tb_lineno}"
        tb = tb.tb_next
    return found


def _is_part_of_forward(frame: FrameType | None) -> bool:
    """False once the walk has left the traced forward pass: whoever called the tracer is not the culprit."""
    while frame is not None:
        if _real(frame.f_code.co_filename).startswith(_SKIPPED[1]):
            return True
        frame = frame.f_back
    return False
