"""What the evaluation pass writes down: layers and other matrix products."""

from dataclasses import dataclass, field

from torch import nn

from edgeprune.tracing.expressions import Dims, Expression

Shape = tuple[int, ...]
Shapes = tuple[Shape, ...]
#: A dense size and the expression that it follows.
Factor = tuple[int, Expression | None]
#: A size that a module keeps in an attribute: module, name, index (of a sequence) or None, what it follows.
Attribute = tuple[nn.Module, str, int | None, Expression]
#: A call whose caller chose the size: operator, where, and dense shape and label of each result.
Sized = tuple[str, str, list[tuple[Shape, Dims]]]


@dataclass
class LayerRecord:
    """A convolution or linear layer while it is being traced; expressions are in variables."""

    name: str
    kind: str
    out: Expression | None
    inp: Expression | None
    out_size: int
    inp_size: int
    kernel: Shape
    bias: bool
    positions: int = 0
    map_positions: int = 0
    calls: int = 0
    source: str | None = None
    shared: bool = False
    parameter: str = ""


@dataclass
class Product:
    """A matrix product (or a convolution with a computed kernel) that belongs to no layer: the MACs are the product
    of ``factors``, pairs of a dense size and an expression or ``None``."""

    factors: list[Factor] = field(default_factory=list)


def layer_name(parameter: str) -> str:
    """``features.0.weight`` -> ``features.0``; a bare parameter keeps its name."""
    owner, _, last = parameter.rpartition(".")
    if last.startswith("original") and ".parametrizations." in f".{owner}.":
        owner = owner.rpartition("parametrizations.")[0].rstrip(".")
    return owner or last
