"""The parts of a profile: groups of coupled channels, layers, tensors, feature maps; and what a layer costs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from edgeprune.complexity import width
from edgeprune.complexity.width import Expr
from edgeprune.typed import Count, Positive

Exprs = tuple[Expr, ...]


@dataclass(frozen=True)
class Group:
    """Channels that can only be removed together.

    Attributes:
        name: the first layer that writes the group.
        width: units in the dense network; removing a unit removes ``coefficient`` channels wherever an
            expression names the group.
        members: layers that lose filters with each unit.
    """

    name: str
    width: Positive
    members: tuple[str, ...]


@dataclass(frozen=True)
class Layer:
    """A convolution or a linear layer, all its calls in one forward pass taken together.

    Attributes:
        kind: ``conv1d``, ``conv2d``, ``conv3d``, ``conv_transpose1d`` … or ``linear``.
        out: expression of the filters, Cout.
        inp: expression of the inputs that one filter sees, Cin / G.
        kernel: spatial size; ``()`` for a linear layer.
        positions: sum over the calls of the places where the kernel is applied (H*W of the output; of the
            input for a transposed convolution).
        map_positions: sum over the calls of H*W of the output feature map.
        source: ``file:line`` of the call in the user's code, where known.
        shared: another layer already counts the parameters (a second kind of use of a tied weight).
    """

    name: str
    kind: str
    out: Expr
    inp: Expr
    kernel: tuple[Positive, ...]
    bias: bool
    positions: Count
    map_positions: Count
    calls: Positive = 1
    source: str | None = None
    shared: bool = False

    def cost_per_filter(self, resource: str, widths: Mapping[str, int], dtype_bytes: int = 4) -> int:
        """Cost of one filter (an exact integer), so that a layer's cost is this times its filters."""
        if resource == "memory":
            return self.map_positions * dtype_bytes
        weights = width.evaluate(self.inp, widths) * math.prod(self.kernel)
        if resource == "params":
            return 0 if self.shared else weights + self.bias
        if resource == "macs":
            return self.positions * weights
        return 2 * self.positions * weights + self.map_positions * self.bias

    def cost(self, resource: str, widths: Mapping[str, int], dtype_bytes: int = 4) -> int:
        """params, macs, flops or memory (bytes) of the layer at ``widths``."""
        return width.evaluate(self.out, widths) * self.cost_per_filter(resource, widths, dtype_bytes)


@dataclass(frozen=True)
class TensorShape:
    """A tensor of the state dict: its name and an expression for each dimension."""

    name: str
    dims: Exprs
    trainable: bool = True
    bytes_per_element: Positive = 4

    def shape(self, widths: Mapping[str, int]) -> tuple[int, ...]:
        return tuple(width.evaluate(d, widths) for d in self.dims)


@dataclass(frozen=True)
class Lifetime:
    """A feature map, alive from step ``born`` to step ``dies`` (both included) of the forward pass."""

    dims: Exprs
    born: Count
    dies: Count
    bytes_per_element: Positive = 4

    def size(self, widths: Mapping[str, int]) -> int:
        return self.bytes_per_element * math.prod(width.evaluate(d, widths) for d in self.dims)


@dataclass(frozen=True)
class Product:
    """Matrix products outside the layers (attention), of ``dims`` multiplied together at each of ``positions``."""

    positions: Count
    dims: Exprs

    def macs(self, widths: Mapping[str, int]) -> int:
        return self.positions * math.prod(width.evaluate(d, widths) for d in self.dims)


@dataclass(frozen=True)
class SizeAttribute:
    """A size that a module keeps in an attribute and that surgery sets; ``index``: of an item, if it is a sequence."""

    module: str
    attribute: str
    index: Count | None
    value: Expr


Part = Group | Layer | TensorShape | Lifetime | Product | SizeAttribute


def to_json(part: Part) -> dict[str, Any]:
    """A part as a JSON object, its expressions in their short form."""
    return {field.name: _plain(field.type, getattr(part, field.name)) for field in fields(part)}


def _plain(kind: object, value: Any) -> Any:
    if kind is Expr:
        return width.to_json(value)
    if kind is Exprs:
        return [width.to_json(expr) for expr in value]
    return list(value) if isinstance(value, tuple) else value
