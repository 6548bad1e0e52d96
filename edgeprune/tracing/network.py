"""The traced copy of a network: its tensors, their names and their dimensions' variables."""

import inspect
from functools import cache
from types import CodeType
from typing import Any

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd

from edgeprune.errors import EdgepruneError
from edgeprune.modules.clone import clone, named_tensors
from edgeprune.modules.resize import on_meta
from edgeprune.tracing.algebra import Widths
from edgeprune.tracing.expressions import Dims
from edgeprune.tracing.records import layer_name


class Network:
    """A copy of a model on the meta device, with a variable for each dimension of its parameters and buffers."""

    def __init__(self, model: nn.Module, widths: Widths) -> None:
        if not isinstance(model, nn.Module):
            raise EdgepruneError(f"a network must be a torch.nn.Module, not {type(model).__name__}")
        if any(nn.parameter.is_lazy(t) for _, t in named_tensors(model)):
            raise EdgepruneError(
                "the network has lazy modules whose sizes are not known yet", remedy="run it once on an example"
            )
        if isinstance(model, torch.jit.ScriptModule):
            raise EdgepruneError("a scripted module cannot be traced", remedy="give the Python module it was made from")
        self.model = clone(model, lambda name, tensor: on_meta(name, tensor, tensor.shape))
        self.names: dict[int, str] = {}
        self.labels: dict[int, Dims] = {}
        self.dims: dict[str, Dims] = {}
        convolutions = {path for path, m in self.model.named_modules() if isinstance(m, _ConvNd)}
        for name, tensor in named_tensors(self.model):
            # of a kernel, filters and inputs can vary, be it stored under a parametrisation
            most = 2 if layer_name(name) in convolutions else tensor.dim()
            dims: Dims = [((1, widths.new(n)),) if n > 1 and k < most else None for k, n in enumerate(tensor.shape)]
            self.names[id(tensor)], self.labels[id(tensor)], self.dims[name] = name, dims, dims
        for module in self.model.modules():
            _tie(module, {name: self.labels[id(t)] for name, t in module._parameters.items() if t is not None}, widths)
        self.paths = {id(m): path for path, m in self.model.named_modules()}
        self.tensors = dict(named_tensors(self.model))
        self.parameters = {name for name, t in self.tensors.items() if isinstance(t, nn.Parameter)}
        self.buffers = self.tensors.keys() - self.parameters
        self.dtype = next((t.dtype for t in self.tensors.values() if t.dtype.is_floating_point), torch.float32)


def _tie(module: nn.Module, dims: dict[str, Dims], widths: Widths) -> None:
    """What torch's own modules ask of their sizes, beside what their operators do."""
    if isinstance(module, nn.MultiheadAttention):
        if "in_proj_weight" in dims:
            out, embedding = dims["in_proj_weight"]
            parts = [None if out is None else widths.divide(out, 3)]
        elif "q_proj_weight" in dims:
            embedding = dims["q_proj_weight"][1]
            parts = [dims[f"{which}_proj_weight"][0] for which in "qkv"]
        else:  # a parametrisation computes it
            embedding, parts = None, []
        for part in parts:
            widths.unify(part, embedding, "queries, keys and values of an attention")
        if embedding is not None and widths.divide(embedding, module.num_heads) is None:
            widths.freeze(embedding, "channels that cannot be divided among heads")
    elif isinstance(module, nn.RNNBase) and module.proj_size:
        for projected, hidden in (of for name, of in dims.items() if name.startswith("weight_hr_l")):
            wider = ((1, widths.new(module.hidden_size - module.proj_size)),)  # torch wants the state wider than that
            widths.unify(hidden, (projected or ((1, None),)) + wider, "projection of an LSTM")


_TRAINING = frozenset({"training", "is_grad_enabled"})
_SIZES = frozenset({"shape", "size", "numel"})


def depends_on_training(model: nn.Module) -> bool:
    """Whether the code of a network may read ``self.training`` (then its training mode is traced too)."""
    return any(_reads(type(m), _TRAINING) or m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def reads_sizes(model: nn.Module) -> bool:
    """Whether the code of a network, beside its constructors, may compute with the sizes of tensors."""
    for module in model.modules():
        if _reads(type(module), _SIZES) or module._forward_hooks or module._forward_pre_hooks:
            return True
        given = [value for value in vars(module).values() if inspect.isfunction(value)]
        if any(_mentions(f.__code__, f.__globals__, _SIZES, set()) for f in given):
            return True
    return False


@cache
def _reads(cls: type, words: frozenset[str]) -> bool:
    if cls.__module__.startswith("torch.nn."):
        return words is _TRAINING and cls.__module__.startswith("torch.nn.utils")
    seen = set()
    for base in cls.__mro__:
        if base is nn.Module or base is object or base.__module__.startswith("torch.nn."):
            continue
        for name, member in vars(base).items():
            if words is _SIZES and name == "__init__":
                continue
            function: Any = inspect.unwrap(member) if callable(member) else getattr(member, "__func__", None)
            if isinstance(member, property):
                function = member.fget
            if hasattr(function, "__code__") and _mentions(function.__code__, function.__globals__, words, seen):
                return True
    return False


def _mentions(code: CodeType, namespace: dict, words: frozenset[str], seen: set[CodeType]) -> bool:
    """Whether code, or a function outside torch that it calls by name, mentions one of ``words``."""
    if code in seen:
        return False
    seen.add(code)
    if words.intersection(code.co_names) or words.intersection(c for c in code.co_consts if isinstance(c, str)):
        return True
    for const in code.co_consts:
        if inspect.iscode(const) and _mentions(const, namespace, words, seen):
            return True
    for name in code.co_names:
        called = namespace.get(name)
        ours = inspect.isfunction(called) and not (called.__module__ or "").startswith("torch.")
        if ours and _mentions(called.__code__, called.__globals__, words, seen):
            return True
    return False
