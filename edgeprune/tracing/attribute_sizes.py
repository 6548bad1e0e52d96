"""Sizes that a network keeps in attributes of its own (``self.features = 512``), and that surgery can mend.

Nobody can see from outside whether ``x.view(-1, 512)`` took its number from the code or from an attribute. So when
the probe fails, the attributes of the modules on the stack that hold exactly that number are tried; those that make the
shrunk network run, with the right shapes and MACs, become part of the profile.
"""

import sys
from collections.abc import Iterable
from itertools import islice, product

from torch import nn

from edgeprune.modules.attributes import REPEATED
from edgeprune.tracing.expressions import Expression, scale
from edgeprune.tracing.records import Attribute
from edgeprune.tracing.trace import Trace

#: How far up the stack of modules an attribute is looked for.
LEVELS = 3
#: An attribute may be up to this many times the size that was computed from it.
MULTIPLES = 4
#: Of the sizes that attributes may follow, so many combinations are tried.
COMBINATIONS = 8
#: Class of a module, name of its attribute, index in a sequence.
Kind = tuple[type, str, int | None]


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
    """``[(module, attribute, index or None, what it follows)]`` for integers that are ``size`` or a few times that
    (code divides: ``self.channels // 2``) and items of sequences that equal it.

    What torch's own modules repeat is left out: it is set anyway.
    """
    found = []
    for module in modules:
        repeated = {name for cls, names in REPEATED.items() if isinstance(module, cls) for name in names}
        for name, value in vars(module).items():
            if name in repeated:
                continue
            if type(value) is int and value in range(size, MULTIPLES * size + 1, size):
                found.append((module, name, None, scale(expr, value // size)))
            elif type(value) in (tuple, list) and size in value and all(type(n) is int for n in value):
                found += [(module, name, i, expr) for i, n in enumerate(value) if n == size]
    return found


def kind_of(attribute: Attribute) -> Kind:
    """What the attributes of modules of one class share: they are needed in all or in none."""
    module, name, index, _ = attribute
    return type(module), name, index


def suitable(trace: Trace, candidates: Iterable[Attribute]) -> list[dict[str, list[Attribute]]]:
    """``{group: candidates whose size follows it}``, those that are part of the profile already left out.

    Several such where an attribute may follow one of several sizes; those of a kind follow the same, in the order in
    which they were met.
    """
    known = {(id(m), name, index) for m, name, index, _ in trace.attributes}
    found: dict[Kind, dict[int, dict[Expression, Attribute]]] = {}
    for module, name, index, expr in candidates:
        if id(module) in trace.network.paths and (id(module), name, index) not in known:
            resolved = trace.widths.resolve(expr)
            of_module = found.setdefault((type(module), name, index), {}).setdefault(id(module), {})
            of_module.setdefault(resolved, (module, name, index, resolved))
    group_of = {v: name for name, v in trace.groups.items()}
    ranked = []
    for ranks in islice(product(*(range(max(map(len, kind.values()))) for kind in found.values())), COMBINATIONS):
        ranked.append(of := {name: [] for name in trace.groups})
        for rank, kind in zip(ranks, found.values(), strict=True):
            for follows in map(list, map(dict.values, kind.values())):
                attribute = follows[min(rank, len(follows) - 1)]
                for group in {group_of[v] for _, v in attribute[3] if v in group_of}:
                    of[group].append(attribute)
    return ranked


def unique(attributes: Iterable[Iterable[Attribute]]) -> list[Attribute]:
    """All of them, each attribute of a module once."""
    return list({(id(a[0]), a[1], a[2]): a for some in attributes for a in some}.values())
