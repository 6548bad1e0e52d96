"""A copy of a module tree in which every tensor is replaced.

``copy.deepcopy`` with a memo does the same, three times slower: most of a module's attributes are numbers, names and
empty hook tables, which need no deep copy.
"""

import copy
import types
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from edgeprune.errors import EdgepruneError

_ATOMS = {int, float, bool, str, bytes, type(None), type, torch.dtype, torch.device, type(lambda: None), type(len)}
_CONTAINERS = {OrderedDict, dict, list, set}
_CUSTOM = ("__deepcopy__", "__getstate__", "__reduce__", "__reduce_ex__")


def clone(model: nn.Module, substitute: Callable[[str, Tensor], Tensor]) -> nn.Module:
    """Copy ``model``; the original is not touched. What `torch.compile` gave is copied as what it was given.

    Args:
        substitute: ``substitute(name, tensor)`` gives the stand-in of each parameter and buffer; a shared tensor is
            asked for once, so that it stays shared.

    Raises:
        EdgepruneError: an attribute of a module cannot be copied.
    """
    memo: dict[int, Any] = {}
    for name, tensor in named_tensors(model):
        memo[id(tensor)] = substitute(name, tensor)
    model = _given(model)
    every = list(model.modules())
    modules = [m for m in every if _given(m) is m]
    for module in modules:
        for value in module.__dict__.values():
            if isinstance(value, torch.Tensor) and value.grad_fn is not None:  # computed anew by each forward pass
                memo[id(value)] = value.detach().clone()
    try:
        if any(map(_copies_itself, {type(m) for m in modules})):
            return copy.deepcopy(model, memo)
        for module in modules:
            memo[id(module)] = module.__class__.__new__(module.__class__)
        memo |= {id(m): memo[id(_given(m))] for m in every}
        for module in modules:
            memo[id(module)].__dict__.update(_attributes(module, memo))
    except (RuntimeError, TypeError, NotImplementedError) as error:
        raise EdgepruneError(
            f"the network cannot be copied: {error}", remedy="keep tensors as parameters or buffers, no open handles"
        ) from error
    return memo[id(model)]


def named_tensors(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """``(name, tensor)`` of every parameter, then every buffer; a shared tensor once, by its first name.

    What `torch.compile` gave has the names of what it was given.
    """
    parameters, buffers = {}, {}
    for path, module in _given(model).named_modules():
        path = path.replace("._orig_mod", "")
        for found, table in ((parameters, module._parameters), (buffers, module._buffers)):
            for name, tensor in table.items():
                if tensor is not None and id(tensor) not in found:
                    found[id(tensor)] = f"{path}.{name}" if path else name, tensor
    yield from parameters.values()
    yield from buffers.values()


def _given(module: nn.Module) -> nn.Module:
    """What `torch.compile` was given, if the module is its result."""
    while type(module).__name__ == "OptimizedModule":
        module = module.get_submodule("_orig_mod")
    return module


def _copies_itself(cls: type) -> bool:
    return any(getattr(cls, name, None) is not getattr(nn.Module, name, None) for name in _CUSTOM)


def _rebound(function: types.FunctionType, memo: dict[int, Any]) -> types.FunctionType:
    """A function whose closure holds the copies of modules and tensors, which ``copy.deepcopy`` leaves as it is."""
    cells = []
    for cell in function.__closure__ or ():
        mine = isinstance(cell.cell_contents, (nn.Module, torch.Tensor))
        cells.append(types.CellType(copy.deepcopy(cell.cell_contents, memo)) if mine else cell)
    made = types.FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__, tuple(cells)
    )
    made.__kwdefaults__ = function.__kwdefaults__
    return made


def _attributes(module: nn.Module, memo: dict[int, Any]) -> dict[str, Any]:
    copied = {}
    for key, value in module.__dict__.items():
        kind = type(value)
        if key == "_compiled_call_impl":
            copied[key] = None
        elif kind is types.FunctionType and value.__closure__:
            copied[key] = _rebound(value, memo)
        elif kind in _ATOMS:
            copied[key] = value
        elif key in ("_parameters", "_buffers", "_modules"):
            copied[key] = {k: None if v is None else memo[id(v)] for k, v in value.items()}
        elif kind in _CONTAINERS and not value:
            copied[key] = kind()
        elif kind is tuple and all(type(v) in _ATOMS for v in value):
            copied[key] = value
        else:
            copied[key] = copy.deepcopy(value, memo)
    return copied
