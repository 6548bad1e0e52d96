"""Sizes that a network keeps in attributes of its own (``self.features = 512``), and that surgery can mend.

Nobody can see from outside whether ``x.view(-1, 512)`` took its number from the code or from an attribute. So when
the probe fails, the attributes of the modules on the stack that hold exactly that number are tried; those that make the
shrunk network run, with the right shapes and MACs, become part of the profile.
"""

import sys
from collections.abc import Callable, Iterable

from torch import nn

from edgeprune.tracing.expressions import Expression
from edgeprune.tracing.records import Attribute
from edgeprune.tracing.trace import Trace

#: How far up the stack of modules an attribute is looked for.
LEVELS = 3


def modules_on_stack() -> list[nn.Module]:
    """The modules whose methods are being executed, innermost first."""
    found, frame = [], sys._getframe(1)
    while frame is not None and len(found) < LEVELS:
        owner = frame.f_locals.get("self")
        if isinstance(owner, nn.Module) and all(owner is not m for m in found):
            found.append(owner)
        frame = frame.f_back
    return found


def attributes_of_size(modules: Iterable[nn.Module], size: int, expr: Expression) -> list[Attribute]:
    """``[(module, attribute, index or None, expr)]`` for integers and items of sequences that equal ``size``."""
    found = []
    for module in modules:
        for name, value in vars(module).items():
            if type(value) is int and value == size:
                found.append((module, name, None, expr))
            elif type(value) in (tuple, list) and size in value and all(type(n) is int for n in value):
                found += [(module, name, i, expr) for i, n in enumerate(value) if n == size]
    return found


def mend(trace: Trace, candidates: Iterable[Attribute], succeeds: Callable[[], bool]) -> bool:
    """Add to ``trace.attributes`` as few candidates as make ``succeeds()`` true; false, and none, if all do not."""
    before = list(trace.attributes)
    known = {(id(m), name, index) for m, name, index, _ in before}
    chosen = {}
    for module, name, index, expr in candidates:
        if id(module) in trace.network.paths and (id(module), name, index) not in known:
            chosen.setdefault((id(module), name, index), (module, name, index, expr))
    chosen = list(chosen.values())
    trace.attributes = before + chosen
    if not chosen or not succeeds():
        trace.attributes = before
        return False
    for candidate in list(chosen):
        trace.attributes = before + [c for c in chosen if c is not candidate]
        if succeeds():
            chosen.remove(candidate)
    trace.attributes = before + chosen
    return True
