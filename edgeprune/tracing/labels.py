"""What rules work on: one operator call, and the labels of the tensors that it reads and makes."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload

from edgeprune.tracing.algebra import Widths
from edgeprune.tracing.attribute_sizes import Attribute, attributes_of_size, modules_on_stack
from edgeprune.tracing.expressions import Dims, Expression, scale
from edgeprune.tracing.network import Network
from edgeprune.tracing.records import Factor, LayerRecord, Product, Shape, layer_name
from edgeprune.tracing.sources import call_site


class NoRule(Exception):
    """Raised by a rule that cannot describe this call; the groups that reach it are frozen."""


class Call:
    """One operator call: ``name`` without the in-place underscore, arguments and result."""

    __slots__ = ("args", "func", "kwargs", "name", "out", "tensors")

    def __init__(self, func: OpOverload, name: str, args: tuple, kwargs: dict, out: Any, tensors: list[Tensor]) -> None:
        self.func, self.name, self.args, self.kwargs, self.out, self.tensors = func, name, args, kwargs, out, tensors

    def arg(self, position: int, name: str, default: object = None) -> Any:
        """An argument, wherever the caller put it."""
        if len(self.args) > position:
            return self.args[position]
        return self.kwargs.get(name, default)

    @property
    def outputs(self) -> list[Tensor]:
        return tensors_in((self.out,))


class Labels:
    """Labels tensors with one expression per dimension (``None``: a fixed size).

    Args:
        widths: what the rules add equations to.
        network: what is traced.
        record: keep layers, products and lifetimes (the evaluation pass).
    """

    def __init__(self, widths: Widths, network: Network, record: bool) -> None:
        super().__init__()
        self.widths, self.record = widths, record
        self.names, self.parameters, self.buffers = network.names, network.parameters, network.buffers
        self.labels = dict(network.labels)
        self.labelled_tensors: list[Tensor] = []  # keeps them alive, so that an id is never used twice
        self.origin: dict[int, str] = {}  # id(tensor) -> name of the parameter that it is computed from
        self.layers: list[LayerRecord] = []
        self.products: list[Product] = []
        self.notes: list[str] = []
        self.attributes: list[Attribute] = []  # sizes that torch's own modules repeat
        #: Attributes that may hold a size, by how many times it they are; collected when the probe asks.
        self.candidates: dict[int, list[Attribute]] | None = None
        self.current: str | None = None
        self.given: list[int] = []  # sizes that the code gives the operator; see computed_sizes

    def dims(self, tensor: Tensor) -> Dims:
        """The label of ``tensor``: a list with an expression or ``None`` for each dimension."""
        return self.labels.get(id(tensor)) or [None] * tensor.dim()

    def label(self, tensor: Tensor, dims: Dims) -> None:
        """Describe an operator's result."""
        if len(dims) != tensor.dim():
            raise ValueError("its result has an unexpected number of dimensions")
        self.labels[id(tensor)] = list(dims)
        self.labelled_tensors.append(tensor)

    def parameter(self, tensor: Tensor) -> str | None:
        """Name of the parameter or buffer that ``tensor`` is, is a view of or is computed from; else ``None``."""
        return self.names.get(id(tensor)) or self.origin.get(id(tensor))

    def in_count(self, expr: Expression | None, why: str) -> Expression | None:
        """``expr`` after an operator that mixes its channels: as many as before, but no certain ones. Where the mapping
        is to be exact, they are frozen."""
        if expr is None or self.widths.is_constant(expr):
            return None
        if self.widths.exact:
            self.widths.freeze(expr, why)
            return None
        self.widths.by_count(expr)
        return expr

    def statistic(self, expr: Expression | None) -> None:
        """Note that zeros among the channels of ``expr`` change the result: kept weights would compute another one."""
        if expr is not None and not self.widths.is_constant(expr):
            self.widths.statistics.append((expr, self.where()))

    def layer(self, weight: Tensor, positions: int, *, bias: bool = False) -> None:
        r"""Write down a layer of the calling rule's operator.

        Args:
            weight: (Cout, Cin, \*kernel), in which every filter sees every input.
            positions: at how many places the kernel is applied; the MACs are this times the weight's numbers.
            bias: whether each filter adds a number.
        """
        name, W, kernel = self.parameter(weight), self.dims(weight), tuple(weight.shape[2:])
        for expr in W[2:]:
            self.widths.fix(expr)
        out, inp = (weight.shape[0], W[0]), (weight.shape[1], W[1])
        if name is None or name in self.buffers:
            self.product((positions * math.prod(kernel), None), out, inp)
        elif self.record:
            kind = f"conv{len(kernel)}d" if kernel else "linear"
            self.write_down(name, kind, out, inp, kernel, bias, positions, positions)

    def product(self, *factors: Factor) -> None:
        """Write down MACs that belong to no layer: the product of ``factors``, each a dense size and the expression
        that it follows, or None."""
        if self.record:
            self.products.append(Product(list(factors)))

    def written(self) -> int:
        """MACs of the dense network that are written down so far."""
        layers = [(n.positions, n.out_size, n.inp_size, *n.kernel) for n in self.layers]
        return sum(map(math.prod, [*layers, *([size for size, _ in p.factors] for p in self.products)]))

    def write_down(
        self,
        parameter: str,
        kind: str,
        out: Factor,
        inp: Factor,
        kernel: Shape,
        bias: bool,
        positions: int,
        map_positions: int,
    ) -> None:
        """One kind of use of a parameter, all its calls together."""
        uses = [layer for layer in self.layers if layer.parameter == parameter]
        shape = kind, kernel, *(self.widths.resolve(e) if e else n for n, e in (out, inp))
        for layer in uses:
            pairs = (layer.out_size, layer.out), (layer.inp_size, layer.inp)
            if shape == (layer.kind, layer.kernel, *(self.widths.resolve(e) if e else n for n, e in pairs)):
                break
        else:  # the first use, or a tied weight used for another kind of product
            name = layer_name(parameter)
            bias = bias or (not uses and f"{name}.bias" in self.parameters)
            if uses:
                name = f"{name} (use {len(uses) + 1})"
            elif any(layer.name == name for layer in self.layers):  # several weights in one module
                name = parameter
            sizes = out[1], inp[1], out[0], inp[0]
            layer = LayerRecord(
                name, kind, *sizes, kernel, bias, source=call_site(), shared=bool(uses), parameter=parameter
            )
            self.layers.append(layer)
        layer.positions += positions
        layer.map_positions += map_positions
        layer.calls += 1

    def sizes_used(self, tensor: Tensor) -> None:
        """Called where a result's sizes come from the caller: notes which attributes may have given them."""
        if self.candidates is not None:
            for size, expr in zip(tensor.shape, self.dims(tensor), strict=True):
                if expr is not None and not self.widths.is_constant(expr):
                    modules = modules_on_stack()
                    for factor, found in self.candidates.items():
                        found += attributes_of_size(modules, factor * size, scale(expr, factor))

    def owner_attribute(self, names: Sequence[str], expr: Expression | None) -> None:
        """Note that an attribute (the first of ``names`` there is) of the calling module follows ``expr``."""
        for module in modules_on_stack()[:1]:
            for name in names:
                if self.record and expr is not None and type(getattr(module, name, None)) is int:
                    self.attributes.append((module, name, None, expr))

    def where(self) -> str:
        """`` (operator at file:line)`` of the call being traced."""
        if self.current is None:
            return ""
        site = call_site()
        return f" ({self.current}{f' at {site}' if site else ''})"


def tensors_in(values: Iterable[object]) -> list[Tensor]:
    """The tensors among ``values``, lists and tuples opened."""
    found = []
    for value in values:
        if isinstance(value, torch.Tensor):
            found.append(value)
        elif isinstance(value, (list, tuple)):
            found += tensors_in(value)
    return found
