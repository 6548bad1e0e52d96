"""The dispatch mode that watches a forward pass on the meta device and labels every tensor dimension."""

from collections.abc import Callable

from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode

from edgeprune.tracing import rules
from edgeprune.tracing.algebra import Widths
from edgeprune.tracing.counting import Constants, Count, counter
from edgeprune.tracing.expressions import Dims
from edgeprune.tracing.labels import Call, Labels, NoRule, tensors_in
from edgeprune.tracing.liveness import Liveness
from edgeprune.tracing.network import Network
from edgeprune.tracing.records import Shape, Sized, layer_name
from edgeprune.tracing.registry import Rule, name_of
from edgeprune.tracing.shortcuts import SHORTCUTS

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

#: Operators that make a tensor from nothing but sizes.
MADE = {"zeros", "ones", "full", "empty", "rand", "randn"}
#: Operators whose result is as large as the caller says.
SIZED = {"slice", "split", "split_with_sizes", "expand", "new_zeros", "new_empty", "new_ones", "new_full", *MADE}
#: Products that torch's own counter of FLOPs leaves out.
UNCOUNTED = {"mv", "dot", "vdot"}
#: An operator's name, its rule, the shortcut to its result, and the count of its MACs.
Handler = tuple[str, Rule | None, Callable | None, Count | None]


class Tracer(Labels, TorchDispatchMode):
    """Runs the rule of every operator, and keeps what the evaluation pass is for: MACs and lifetimes."""

    def __init__(self, widths: Widths, network: Network, record: bool) -> None:
        super().__init__(widths, network, record)
        self.liveness = Liveness()
        self.macs, self.constants = 0, Constants()
        self.sized: list[Sized] = []
        self.used: set[str] = set()  # names of the parameters and buffers that took part
        self.handlers: dict[OpOverload, Handler] = {}

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else entering the mode imports torch._dynamo (3 s)

    def __torch_dispatch__(
        self, func: OpOverload, types: tuple, args: tuple = (), kwargs: dict | None = None
    ) -> object:
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
        if name in MADE or any(id(t) in self.labels for t in tensors):
            self._apply(rule, call)
        if self.record and name in SIZED:
            self._keep_sizes(call)
        self.current = None
        return out

    def _keep_sizes(self, call: Call) -> None:
        labels: list[tuple[Shape, Dims]] = [(t.shape, self.labels[id(t)]) for t in call.outputs if id(t) in self.labels]
        moving = any(not self.widths.is_constant(e) for _, dims in labels for e in dims)
        self.sized.append((call.name, self.where() if moving else "", labels if moving else []))

    def _handler(self, func: OpOverload) -> Handler:
        try:
            return self.handlers[func]
        except KeyError:
            name = name_of(func)
            self.handlers[func] = found = name, rules.find(name, func), SHORTCUTS.get(func), counter(func)
            return found

    def _apply(self, rule: Rule | None, call: Call) -> None:
        if self.record and (rule is None or call.name in UNCOUNTED or "::" in call.name):
            self._note_uncounted(call)
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
        for tensor in call.tensors:
            for expr in self.dims(tensor):
                self.widths.freeze(expr, why)
        for tensor in call.outputs:
            self.label(tensor, [self.widths.fixed(n, why) for n in tensor.shape])

    def _note_uncounted(self, call: Call) -> None:
        """An operator that combines weights with an activation probably multiplies; nobody knows how often."""
        weights = [name for name in map(self.parameter, call.tensors) if name and name in self.parameters]
        activation = any(self.parameter(t) is None and t.dim() for t in call.tensors)
        if weights and activation and counter(call.func) is None:
            self.notes.append(f"{layer_name(weights[0])}: its MACs are not counted{self.where()}")

    def _track_origin(self, call: Call) -> None:
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
