"""The dispatch mode that watches a forward pass on the meta device and labels every tensor dimension."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from edgeprune.tracing import rules
from edgeprune.tracing.attribute_sizes import attributes_of_size, modules_on_stack
from edgeprune.tracing.counting import Constants, counter
from edgeprune.tracing.liveness import Liveness
from edgeprune.tracing.records import layer_name
from edgeprune.tracing.registry import NoRule
from edgeprune.tracing.shortcuts import SHORTCUTS
from edgeprune.tracing.sources import call_site

#: Operators whose result depends on the values of a tensor, not only on its shape.
VALUE_DEPENDENT = {
    "_local_scalar_dense",
    "is_nonzero",
    "nonzero",
    "equal",
    "unique_dim",
    "_unique2",
    "masked_select",
    "item",
}


#: Operators whose result is as large as the caller says.
SIZED = {"slice", "split", "split_with_sizes", "expand", "new_zeros", "new_empty", "new_ones", "new_full"}


class Call:
    """One operator call: ``name`` without the in-place underscore, arguments and result."""

    __slots__ = ("args", "func", "kwargs", "name", "out", "tensors")

    def __init__(self, func, name, args, kwargs, out, tensors):
        self.func, self.name, self.args, self.kwargs, self.out, self.tensors = func, name, args, kwargs, out, tensors

    def arg(self, position, name, default=None):
        """An argument, wherever the caller put it."""
        if len(self.args) > position:
            return self.args[position]
        return self.kwargs.get(name, default)

    @property
    def outputs(self):
        return tensors_in((self.out,))


class Tracer(TorchDispatchMode):
    """Labels tensors with one expression per dimension (``None``: a fixed size).

    Args:
        widths: the :class:`~edgeprune.tracing.algebra.Widths` that the rules add equations to.
        network: the :class:`Network` that is traced.
        record: keep layers, products and lifetimes (the evaluation pass).
    """

    def __init__(self, widths, network, record):
        super().__init__()
        self.widths, self.record = widths, record
        self.names, self.parameters, self.buffers = network.names, network.parameters, network.buffers
        self.labels = dict(network.labels)
        self.labelled_tensors = []  # keeps every labelled tensor alive, so that an id is never used twice
        self.origin = {}  # id(tensor) -> name of the parameter that it is computed from
        self.layers, self.products, self.macs, self.notes = [], [], 0, []
        self.liveness = Liveness() if record else None
        self.constants = Constants()
        self.sized = []  # (operator, where, [(shape, label) of each result]) of the calls of :data:`SIZED`
        self.used = set()  # names of the parameters and buffers that took part
        self.attributes = []  # (module, attribute, index, expression): sizes that torch's own modules repeat
        self.candidates = None  # sizes kept in attributes, collected when the probe asks for them
        self.current = None
        self.handlers = {}

    @classmethod
    def _should_skip_dynamo(cls):
        return False  # else entering the mode imports torch._dynamo (3 s)

    def dims(self, tensor):
        """The label of ``tensor``: a list with an expression or ``None`` for each dimension."""
        return self.labels.get(id(tensor)) or [None] * tensor.dim()

    def label(self, tensor, dims):
        """Describe an operator's result."""
        if len(dims) != tensor.dim():
            raise NoRule("its result has an unexpected number of dimensions")
        self.labels[id(tensor)] = list(dims)
        self.labelled_tensors.append(tensor)

    def parameter(self, tensor):
        """Name of the parameter or buffer that ``tensor`` is, is a view of or is computed from; else ``None``."""
        return self.names.get(id(tensor)) or self.origin.get(id(tensor))

    def sizes_used(self, tensor):
        """Called where a result's sizes come from the caller: notes which attributes may have given them."""
        if self.candidates is not None:
            for size, expr in zip(tensor.shape, self.dims(tensor), strict=True):
                if not self.widths.is_constant(expr):
                    self.candidates += attributes_of_size(modules_on_stack(), size, expr)

    def owner_attribute(self, names, expr):
        """Note that an attribute (the first of ``names`` there is) of the calling module follows ``expr``."""
        for module in modules_on_stack()[:1]:
            for name in names:
                if self.record and expr is not None and type(getattr(module, name, None)) is int:
                    self.attributes.append((module, name, None, expr))

    def where(self):
        """`` (operator at file:line)`` of the call being traced."""
        if self.current is None:
            return ""
        site = call_site()
        return f" ({self.current}{f' at {site}' if site else ''})"

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name, rule, shortcut, count = self._handler(func)
        tensors = tensors_in(args)
        if kwargs:
            tensors += tensors_in(kwargs.values())
        if any(not t.is_meta and t.dim() for t in tensors) and any(t.is_meta for t in tensors):
            args, kwargs = self.constants.replaced(args), self.constants.replaced(kwargs)
            tensors = tensors_in(args) + tensors_in(kwargs.values())
        self.current = func._schema.name.replace("::", ".")  # stays set if the operator fails
        out = shortcut(*args, **kwargs) if shortcut else func(*args, **kwargs)
        call = Call(func, name, args, kwargs, out, tensors)
        if self.record:
            self.liveness.step(tensors, call.outputs)
            if count:
                self.macs += count(args, out)
        self._track_origin(call)
        if any(id(t) in self.labels for t in tensors):
            self._apply(rule, call)
        if self.record and name in SIZED:
            self._keep_sizes(call)
        self.current = None
        return out

    def _keep_sizes(self, call):
        labels = [(t.shape, self.labels[id(t)]) for t in call.outputs if id(t) in self.labels]
        moving = any(not self.widths.is_constant(e) for _, dims in labels for e in dims)
        self.sized.append((call.name, self.where() if moving else "", labels if moving else ()))

    def _handler(self, func):
        try:
            return self.handlers[func]
        except KeyError:
            name = func.overloadpacket.__name__
            if not name.startswith("__"):
                name = name.rstrip("_")
            self.handlers[func] = found = name, rules.find(name, func), SHORTCUTS.get(func), counter(func)
            return found

    def _apply(self, rule, call):
        if rule is not None:
            try:
                rule(self, call)
                return
            except NoRule as reason:
                why = f"the operator cannot be followed here: {reason}"
            except (ValueError, IndexError, TypeError, AttributeError, ZeroDivisionError) as error:
                why = f"the operator cannot be followed here: {error}"
        else:
            why = "there is no rule for the operator"
            if self.record:
                self._note_uncounted(call)
        for tensor in call.tensors:
            for expr in self.dims(tensor):
                self.widths.freeze(expr, why)
        for tensor in call.outputs:
            self.label(tensor, [self.widths.fixed(n, why) for n in tensor.shape])

    def _note_uncounted(self, call):
        """An operator that combines weights with an activation probably multiplies; nobody knows how often."""
        weights = [t for t in call.tensors if self.parameter(t) in self.parameters]
        activation = any(self.parameter(t) is None and t.dim() for t in call.tensors)
        if weights and activation and counter(call.func) is None:
            self.notes.append(f"{layer_name(self.parameter(weights[0]))}: its MACs are not counted{self.where()}")

    def _track_origin(self, call):
        """A tensor computed from one parameter and from no activation keeps that parameter's name."""
        found, activation = None, False
        for tensor in call.tensors:
            name = self.parameter(tensor)
            if name is None:
                activation = activation or tensor.dim() > 0
            else:
                found = found or name
                self.used.add(name)
        if found and not activation:
            for tensor in call.outputs:
                if id(tensor) not in self.names:
                    self.origin[id(tensor)] = found
                    self.labelled_tensors.append(tensor)


def tensors_in(values):
    """The tensors among ``values``, lists and tuples opened."""
    found = []
    for value in values:
        if isinstance(value, torch.Tensor):
            found.append(value)
        elif isinstance(value, (list, tuple)):
            found += tensors_in(value)
    return found
