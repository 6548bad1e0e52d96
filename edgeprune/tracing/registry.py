"""Which rule belongs to which operator.

A rule is a function ``rule(tracer, call)`` that labels ``call.out``; rules live in :mod:`edgeprune.tracing.rules`, one
file per kind of operator. An operator's name is that of its ATen packet without the trailing underscore of the
in-place form (``add_`` -> ``add``).
"""

from collections.abc import Callable

from edgeprune.tracing.labels import Call, Labels

Rule = Callable[[Labels, Call], None]
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Register a rule for operators."""

    def register(function: Rule) -> Rule:
        for name in names:
            RULES[name] = function
        return function

    return register
