"""From a network's configuration to a live module."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from edgeprune.errors import EdgepruneError, extras
from edgeprune.networks.spec import factory_key, is_file, parse
from edgeprune.tasks.base import Task
from edgeprune.tasks.outputs import named

if TYPE_CHECKING:
    from torch import nn


def build(
    spec: str | Mapping[str, Any],
    *,
    name: str | None = None,
    num_classes: int | None = None,
    in_channels: int | None = None,
    input_size: int | Sequence[int] | None = None,
    **offered: Any,
) -> nn.Module:
    """Call the factory that ``spec`` names.

    Args:
        spec: ``{"factory": "pkg.mod:f" | "path/file.py:f", "args": {...}}``, or the factory string alone.
        name: the network's name in the configuration, for messages.
        num_classes, in_channels, input_size, offered: what the dataset knows; each is passed only if it is not
            ``None``, the factory's signature accepts it, and ``args`` doesn't set it.

    Returns:
        torch.nn.Module: the network, as its factory initialised it.

    Raises:
        EdgepruneError: the factory cannot be found or called, or returns no module.
    """
    from torch import nn

    place, attribute, args = parse(spec, name)
    key = factory_key(name)
    factory = _find(place, attribute, key)
    offered |= {"num_classes": num_classes, "in_channels": in_channels, "input_size": input_size}
    offered = {k: v for k, v in offered.items() if v is not None}
    try:
        model = factory(**{k: offered[k] for k in _accepted(factory, offered)} | args)
    except Exception as error:  # the user's code may raise anything
        if isinstance(error, EdgepruneError):
            raise
        raise EdgepruneError(
            f"{place}:{attribute} failed: {type(error).__name__}: {error}",
            key=key,
            remedy=f"check args ({args}; --args of a command) and what the dataset gives ({offered})",
        ) from error
    if not isinstance(model, nn.Module):
        raise EdgepruneError(
            f"{place}:{attribute} returned {type(model).__name__}, no torch.nn.Module",
            key=key,
            remedy="let the factory return the network itself",
        )
    return model


def build_for(task: Task, spec: str | Mapping[str, Any], name: str) -> nn.Module:
    """:func:`build` with what a dataset knows, and a look at what the network, in eval mode then, makes of its images.

    Raises:
        EdgepruneError: also if the network cannot take an image of the deploy size, or its output doesn't fit the task.
    """
    import torch

    model = build(spec, name=name, **task.factory_arguments()).eval()
    key, sample = f"networks.{name}.args", torch.zeros(1, *task.input_shape)
    try:
        with torch.no_grad():
            output = model(sample)
    except Exception as error:  # the user's forward may raise anything
        raise EdgepruneError(
            f"the network fails on an input of {tuple(sample.shape)}: {type(error).__name__}: {error}",
            key=key,
            remedy="choose a network, or arguments of its factory (--args of `edgeprune fit`), that suit this "
            f"dataset's images, or another datasets.{task.manifest['name']}.deploy_size (--size of `edgeprune fit`)",
        ) from error
    shapes = {name: tuple(getattr(part, "shape", ())) for name, part in named(output).items()}
    task.check_output(shapes, key=key)
    return model


def _accepted(factory: Callable, offered: Mapping[str, Any]) -> list[str]:
    """Names among ``offered`` that the factory takes as keywords."""
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):  # a builtin without a signature
        return []
    # Only names that are spelled out count: **kwargs often ends in a constructor that knows none of ours.
    named = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    if "num_classes" not in named and _is_torchvision(factory):
        named.add("num_classes")  # torchvision's factories hand it on through **kwargs
    return [k for k in offered if k in named]


def _is_torchvision(factory: Callable) -> bool:
    return getattr(factory, "__module__", "").startswith("torchvision.models")


def _find(place: str, attribute: str, key: str) -> Callable:
    module = _load_file(place, key) if is_file(place) else _load_module(place, key)
    value = module
    for part in attribute.split("."):
        if not hasattr(value, part):
            names = sorted(n for n in vars(module) if not n.startswith("_") and callable(getattr(module, n)))
            raise EdgepruneError(
                f"{place} has no {attribute!r}",
                key=key,
                remedy=f"it has: {', '.join(names[:20]) or 'nothing callable'}",
            )
        value = getattr(value, part)
    if not callable(value):
        raise EdgepruneError(f"{place}:{attribute} cannot be called", key=key, remedy="name a function or a class")
    return value


def _load_module(place: str, key: str) -> ModuleType:
    try:
        with extras():
            return importlib.import_module(place)
    except EdgepruneError:
        raise
    except ModuleNotFoundError as error:
        raise EdgepruneError(
            f"there is no module {error.name!r} (asked for {place!r})",
            key=key,
            remedy="correct the name, install the package, or give the path of a .py file",
        ) from error
    except Exception as error:
        raise _failed(place, error, key) from error


def _load_file(place: str, key: str) -> ModuleType:
    path = Path(place)
    if not path.is_file():
        raise EdgepruneError(
            f"there is no file {place!r} (from {Path.cwd()})", key=key, remedy="give its path from the project's folder"
        )
    name = f"edgeprune_user_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise EdgepruneError(f"{place!r} is no Python file", key=key, remedy="its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickling look their module up there
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        if isinstance(error, EdgepruneError):
            raise
        raise _failed(place, error, key) from error
    return module


def _failed(place: str, error: Exception, key: str) -> EdgepruneError:
    return EdgepruneError(
        f"importing {place} failed: {type(error).__name__}: {error}", key=key, remedy="correct the module named here"
    )
