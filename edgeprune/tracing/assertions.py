"""Assertions on values (``assert not x.isnan().any()``) while there are none: taken to hold."""

import dis
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType
from typing import Any

import torch
from torch import Tensor

_ONE = threading.RLock()  # at a time: each puts back what it found


@contextmanager
def assertions_hold() -> Iterator[None]:
    """Answer an ``assert`` that asks for the truth of a tensor without data as it needs to go on.

    By ``Tensor.__bool__`` itself: torch refuses before any mode of dispatch sees it, and a mode of functions costs a
    fifth of a pass.
    """
    tensor: Any = torch.Tensor

    def answer(x: Tensor) -> bool:
        frame = sys._getframe(1)
        holds = _condition(frame.f_code, frame.f_lasti) if x.is_meta else None
        return truth(x) if holds is None else holds

    with _ONE:
        truth = tensor.__bool__
        tensor.__bool__ = answer
        try:
            yield
        finally:
            tensor.__bool__ = truth


def _condition(code: CodeType, at: int) -> bool | None:
    """The truth value with which the jump at an offset does not lead to an assertion's failure."""
    steps = [step for step in dis.get_instructions(code) if step.opname not in ("CACHE", "TO_BOOL", "NOT_TAKEN")]
    index = next(i for i, step in enumerate(steps) if step.offset >= at)
    jump = steps[index]
    if not jump.opname.endswith(("_IF_TRUE", "_IF_FALSE")):
        return None
    target = next(step for step in steps if step.offset >= jump.argval)
    passed_by, jumped_to = (
        step.opname == "LOAD_ASSERTION_ERROR" or "AssertionError" in step.argrepr.split(" + ")
        for step in (steps[index + 1], target)
    )
    return None if passed_by == jumped_to else jump.opname.endswith("_IF_TRUE") == passed_by
