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
from edgeprune.tracing.expressions import Expression
from edgeprune.tracing.records import Attribute
from edgeprune.tracing.trace import Trace

#: How far up the stack of modules an attribute is looked for.
LEVELS = 3
#: Code divides (``self.channels // 2``): an attribute may be so many times the size that was computed from it.
FACTORS = (1, 2, 3, 4)
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
    """``[(module, attribute, index or None, expr)]`` for integers and items of sequences that equal ``size``.

    What torch's own modules repeat is left out: it is set anyway.
    """
    found = []
    for module in modules:
        has_weight = module._parameters.get("weight", 0) is not None  # else nothing is there to be repeated
        repeated = {n for cls, names in REPEATED.items() if has_weight and isinstance(module, cls) for n in names}
        for name, value in vars(module).items():
            if name in repeated:
                continue
            if type(value) is int and value == size:
                found.append((module, name, None, expr))
            elif type(value) in (tuple, list) and all(type(n) is int for n in value) and size in value:
                found += [(module, name, i, expr) for i, n in enumerate(value) if n == size]
    return found


def kind_of(attribute: Attribute) -> Kind:
    """What the attributes of modules of one class share: they are needed in all or in none."""
    module, name, index, _ = attribute
    return type(module), name, index


def suitable(trace: Trace, candidates: Iterable[Attribute]) -> list[dict[str, list[Attribute]]]:
    """``{group: candidates whose size follows it}``, those that are part of the profile already left out.

    Several such where an attribute may follow one of several sizes: those of a kind the same, in the order in which
    they were met; in the last, of each attribute the first that follows the group.
    """
    known = {(id(m), name, index) for m, name, index, _ in trace.attributes}
    found: dict[Kind, dict[int, dict[Expression, Attribute]]] = {}
    for module, name, index, expr in candidates:
        if id(module) in trace.network.paths and (id(module), name, index) not in known:
            resolved = trace.widths.resolve(expr)
            of_module = found.setdefault((type(module), name, index), {}).setdefault(id(module), {})
            of_module.setdefault(resolved, (module, name, index, resolved))
    group_of = {v: name for name, v in trace.groups.items()}

    def by_group(attributes: Iterable[Attribute]) -> dict[str, list[Attribute]]:
        of = {name: [] for name in trace.groups}
        for attribute in attributes:
            for group in {group_of[v] for _, v in attribute[3] if v in group_of}:
                of[group].append(attribute)
        return of

    kinds = [[list(follows.values()) for follows in kind.values()] for kind in found.values()]
    ranked = [
        by_group(f[min(rank, len(f) - 1)] for rank, kind in zip(ranks, kinds, strict=True) for f in kind)
        for ranks in islice(product(*(range(max(map(len, kind))) for kind in kinds)), COMBINATIONS)
    ]
    every = by_group(attribute for kind in kinds for follows in kind for attribute in follows)
    first = {name: list({(id(a[0]), *a[1:3]): a for a in reversed(of)}.values())[::-1] for name, of in every.items()}
    return [*ranked, first]


def unique(attributes: Iterable[Iterable[Attribute]]) -> list[Attribute]:
    """All of them, each attribute of a module once."""
    return list({(id(a[0]), a[1], a[2]): a for some in attributes for a in some}.values())
