"""Which rule belongs to which operator.

A rule is a function ``rule(tracer, call)`` that labels ``call.out``; rules live in :mod:`edgeprune.tracing.rules`, one
file per kind of operator. An operator's name is that of its ATen packet without the trailing underscore of the
in-place form (``add_`` -> ``add``).
"""

RULES = {}


class NoRule(Exception):
    """Raised by a rule that cannot describe this call; the groups that reach it are frozen."""


def rule(*names):
    """Register a rule for operators."""

    def register(function):
        for name in names:
            RULES[name] = function
        return function

    return register
