"""Turns variables into named groups, and the records of a pass into a profile."""

from collections.abc import Callable, Iterable

from edgeprune.complexity import width
from edgeprune.complexity.parts import Group, Layer, Lifetime, Product, SizeAttribute, TensorShape
from edgeprune.complexity.profile import Profile
from edgeprune.tracing.expressions import Expression
from edgeprune.tracing.records import Attribute
from edgeprune.tracing.trace import Trace

#: ``express(expr, size)``: an expression of variables as one of the groups' names.
Express = Callable[[Expression | None, int], width.Expr]


def in_groups(trace: Trace) -> Express:
    """The :data:`Express` of a trace whose groups are named."""
    group_of = {v: name for name, v in trace.groups.items()}

    def express(expr: Expression | None, size: int) -> width.Expr:
        if expr is None:
            return width.constant(size)
        out: list[width.Segment] = []
        for c, v in trace.widths.resolve(expr):
            part = (c, group_of[v]) if v in group_of else (c if v is None else c * trace.widths.size[v], None)
            if part[1] is None and out and out[-1][1] is None:
                out[-1] = (out[-1][0] + part[0], None)
            else:
                out.append(part)
        return width.Expr(out)

    return express


def assemble(trace: Trace, further: Iterable[int] = ()) -> Profile:
    """The profile of a :class:`~edgeprune.tracing.profile.Trace` as far as it is known.

    Args:
        further: free variables that become groups though no layer writes them.
    """
    trace.groups = names = _name_groups(trace)
    names |= {f"#{v}": v for v in further if v not in names.values()}
    express = in_groups(trace)

    def fold(factors: Iterable[tuple[int, Expression | None]]) -> tuple[int, tuple[width.Expr, ...]]:
        fixed, moving = 1, []
        for size, expr in factors:
            found = express(expr, size)
            if width.is_constant(found):
                fixed *= width.evaluate(found, {})
            else:
                moving.append(found)
        return fixed, tuple(moving)

    layers = tuple(
        Layer(
            name=r.name,
            kind=r.kind,
            out=express(r.out, r.out_size),
            inp=express(r.inp, r.inp_size),
            kernel=r.kernel,
            bias=r.bias,
            positions=r.positions,
            map_positions=r.map_positions,
            calls=r.calls,
            source=r.source,
            shared=r.shared,
        )
        for r in trace.layers
    )
    members = {name: [] for name in names}
    for layer in layers:
        for name in dict.fromkeys(g for _, g in layer.out if g is not None):
            members[name].append(layer.name)
    alive = []
    for tensor, dims, born, dies in trace.alive:
        fixed, moving = fold(zip(tensor.shape, dims, strict=True))
        alive.append(Lifetime((width.constant(fixed), *moving), born, dies, tensor.element_size()))
    network = trace.network
    return Profile(
        network=trace.name,
        input_shapes=trace.input_shapes,
        groups=tuple(Group(n, trace.widths.size[v], tuple(members[n])) for n, v in names.items()),
        layers=layers,
        slots=tuple(
            TensorShape(
                name,
                tuple(express(e, n) for e, n in zip(network.dims[name], tensor.shape, strict=True)),
                name in network.parameters,
                tensor.element_size(),
            )
            for name, tensor in network.tensors.items()
        ),
        matmuls=tuple(Product(*fold(p.factors)) for p in trace.products),
        alive=tuple(alive),
        frozen=_frozen(trace, layers),
        notes=tuple(trace.notes),
        dtype_bytes=network.dtype.itemsize,
        attributes=sizes(trace, trace.attributes),
        count_only={**dependent(trace, "statistics"), **dependent(trace, "counted")},
    )


def _name_groups(trace: Trace) -> dict[str, int]:
    """``{group name: variable}`` for the free variables that a layer writes; named by the first such layer."""
    names, known = {}, set()
    for record in trace.layers:
        for _, v in trace.widths.resolve(record.out) if record.out else ():
            if v is None or v in known or trace.widths.size[v] < 2:
                continue
            known.add(v)
            name, n = record.name, 1
            while name in names:
                n += 1
                name = f"{record.name}#{n}"
            names[name] = v
    return names


_DEPENDENT = {
    "counted": "its units are not certain channels after an operator that reorders or divides channels",
    "statistics": "each of its units acts on the others through a statistic over channels",
}


def dependent(trace: Trace, kind: str) -> dict[str, str]:
    """``{group: reason}`` of the groups that the variables' ``counted`` or ``statistics`` name."""
    group_of, found = {v: name for name, v in trace.groups.items()}, {}
    for expr, where in getattr(trace.widths, kind):
        for _, v in trace.widths.resolve(expr):
            if v in group_of:
                found.setdefault(group_of[v], _DEPENDENT[kind] + where)
    return {name: found[name] for name in trace.groups if name in found}


def sizes(trace: Trace, attributes: Iterable[Attribute]) -> tuple[SizeAttribute, ...]:
    """Attributes as the profile holds them, without those that no group moves."""
    express, found = in_groups(trace), {}
    for module, name, index, expr in attributes:
        expressed = express(expr, 0)
        if not width.is_constant(expressed):
            path = trace.network.paths[id(module)]
            found[path, name, index] = SizeAttribute(path, name, index, expressed)
    return tuple(found.values())


def _frozen(trace: Trace, layers: Iterable[Layer]) -> dict[str, str]:
    reasons = {}
    for record, layer in zip(trace.layers, layers, strict=True):
        if width.is_constant(layer.out):
            why = trace.widths.explain(record.out) if record.out else "as many filters as a fixed number of inputs"
            if record.out_size == 1:
                why = "it has one filter"
            elif record.out and not trace.widths.is_constant(record.out):
                why = "its filters hang together as a single unit"
            reasons[record.name] = why or "coupled to a fixed number of channels"
    return reasons
