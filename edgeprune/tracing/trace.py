"""What the passes over one network found."""

from dataclasses import dataclass, field

from torch import Tensor

from edgeprune.tracing.algebra import Widths
from edgeprune.tracing.expressions import Dims
from edgeprune.tracing.network import Network
from edgeprune.tracing.records import Attribute, LayerRecord, Product, Shape, Shapes, Sized


@dataclass
class Trace:
    """What the passes over one network found."""

    name: str
    input_shapes: Shapes
    network: Network
    widths: Widths
    layers: list[LayerRecord] = field(default_factory=list)
    products: list[Product] = field(default_factory=list)
    alive: list[tuple[Tensor, Dims, int, int]] = field(default_factory=list)  # of each feature map: born, dies
    attributes: list[Attribute] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    training_traced: bool = False
    output_shapes: list[Shape] = field(default_factory=list)  # of all passes
    macs: int = 0  # counted in the evaluation pass
    sized: list[Sized] = field(default_factory=list)
    computes_with_sizes: bool = False
    groups: dict[str, int] = field(default_factory=dict)  # group name -> variable, as last assembled
