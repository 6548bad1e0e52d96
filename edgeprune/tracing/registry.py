"""Which rule belongs to which operator, and how a user adds one.

A rule is a function ``rule(tracer, call)`` that labels ``call.out``; our own live in :mod:`edgeprune.tracing.rules`,
one file per kind of operator.
"""

import inspect
from collections.abc import Callable
from functools import wraps

import torch
from torch import Tensor
from torch._ops import OpOverload

from edgeprune.errors import EdgepruneError, near
from edgeprune.tracing.labels import Call, Labels
from edgeprune.tracing.sources import shorten

Rule = Callable[[Labels, Call], None]
#: ``count(args, result)``: MACs of an operator's call.
Count = Callable[[tuple, Tensor], int]
RULES: dict[str, Rule] = {}
COUNTS: dict[str, Count] = {}  # of operators that torch's own counter does not know


def name_of(func: OpOverload) -> str:
    """The name that rules go by: ``add`` for torch's own, ``library::add`` for others'; in place the same."""
    name = func.overloadpacket.__name__
    name = name if name.startswith("__") else name.rstrip("_")
    return name if func.namespace == "aten" else f"{func.namespace}::{name}"


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Register a rule of ours."""

    def register(function: Rule) -> Rule:
        for name in names:
            RULES[name] = function
        return function

    return register


def register_rule(operator: str, *, macs: Count | None = None) -> Callable[[Rule], Rule]:
    r"""Decorator: the function below it is the rule for an operator, so that layers around it can be pruned.

    The rule is called as ``rule(tracer, call)`` for each call of the operator in a forward pass, with a
    :class:`~edgeprune.tracing.labels.Call` and a :class:`~edgeprune.tracing.labels.Labels`. It says which dimensions
    must stay equally large (``tracer.widths.unify``) or as they are (``tracer.widths.freeze``), gives every result a
    label (``tracer.label``), and writes down what is multiplied (``tracer.layer``, ``tracer.product``).

    Args:
        operator: ``library::operator``, as ``torch.ops`` knows it; torch's own also without ``aten::``.
        macs: ``macs(args, result)``, the multiply-accumulates of a call, from the tensors' shapes; none by default.

    Raises:
        EdgepruneError: there is no such operator, or it has a rule. Later, while a network is traced: the rule or
            ``macs`` raises, a result has no label or one of another size, or what the rule writes down is not what
            ``macs`` counts.
    """

    def register(function: Rule) -> Rule:
        file = shorten(inspect.unwrap(function).__code__.co_filename)
        func = _found(operator, file)
        name = name_of(func)
        known = RULES.get(name)
        if known is not None and not _same(known, function):
            problem = f"has a rule already, at {_place(known)}"
            raise EdgepruneError(problem, file=file, key=str(operator), remedy="keep one of the two")
        if torch.Tag.pointwise in func.tags:
            problem = "works element by element, as torch says, and so has a rule already"
            raise EdgepruneError(problem, file=file, key=str(operator), remedy="leave this one out")
        RULES[name] = _checked(function, macs)
        if macs is not None:
            COUNTS[name] = _told("the count of MACs", macs, name)
        return function

    return register


def _found(operator: str, file: str) -> OpOverload:
    """Any overload of the operator of that name."""
    library, _, name = str(operator).rpartition("::")
    library = library or "aten"
    packet = getattr(getattr(torch.ops, library, None), name, None) if name.isidentifier() else None
    if isinstance(packet, torch._ops.OpOverloadPacket):
        return getattr(packet, packet.overloads()[0])
    known = [n.removeprefix("aten::").partition(".")[0] for n in torch._C._dispatch_get_all_op_names()]
    raise EdgepruneError(
        f"there is no operator {operator!r}{near(operator, dict.fromkeys(known))}",
        file=file,
        key="register_rule",
        remedy="name it library::operator, and define it (or load its library) before its rule",
    )


def _same(one: Rule, other: Rule) -> bool:
    """Whether both come from one definition: files are loaded again, and cells of a notebook run again."""
    a, b = inspect.unwrap(one), inspect.unwrap(other)
    return a.__qualname__ == b.__qualname__ and (
        a.__code__.co_filename == b.__code__.co_filename or a.__module__ == b.__module__
    )


def _place(function: Callable) -> str:
    code = getattr(inspect.unwrap(function), "__code__", None)
    return f"{shorten(code.co_filename)}:{code.co_firstlineno}" if code else repr(function)


def _told(what: str, function: Callable, name: str) -> Callable:
    """``function`` whose errors name it and the operator."""

    @wraps(function)
    def told(*args: object) -> object:
        try:
            return function(*args)
        except EdgepruneError:
            raise
        except Exception as error:  # the user's code may raise anything
            problem = f"{what} at {_place(function)} failed: {type(error).__name__}: {error}"
            raise EdgepruneError(problem, key=name, remedy="correct what is named here") from error

    return told


def _checked(function: Rule, macs: Count | None) -> Rule:
    """A user's rule, and what must be so after it."""

    @wraps(function)
    def checked(tracer: Labels, call: Call) -> None:
        before = tracer.written()
        _told("the rule", function, call.name)(tracer, call)
        written, counted = tracer.written() - before, macs(call.args, call.out) if macs else 0
        wrong = _wrong_label(tracer, call)
        if not wrong and tracer.record and written != counted:
            wrong = f"writes down {written:,} MACs, `macs` counts {counted:,}"
        if wrong:
            raise EdgepruneError(
                f"the rule at {_place(function)} {wrong}",
                key=call.name,
                remedy="tracer.label(result, …) for each result; tracer.layer or tracer.product for what is multiplied",
            )

    return checked


def _wrong_label(tracer: Labels, call: Call) -> str | None:
    for tensor in call.outputs:
        if id(tensor) not in tracer.labels:
            return "leaves a result without a label"
        for size, expr in zip(tensor.shape, tracer.dims(tensor), strict=True):
            if expr is not None and tracer.widths.count(expr) != size:
                return f"labels a dimension of {size} as one of {tracer.widths.count(expr)}"
    return None
