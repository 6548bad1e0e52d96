"""How each kind of operator passes widths on. One file per kind, which registers its rules when it is imported here."""

from torch._ops import OpOverload

from edgeprune.tracing.registry import RULES, Rule
from edgeprune.tracing.rules import convolution, joining, linear, normalisation, pointwise, reduction, shape, spatial

__all__ = ["convolution", "find", "joining", "linear", "normalisation", "pointwise", "reduction", "shape", "spatial"]


def find(name: str, func: OpOverload) -> Rule | None:
    """The rule for an operator, or ``None``."""
    return RULES.get(name) or (pointwise.pointwise if pointwise.applies(func) else None)
