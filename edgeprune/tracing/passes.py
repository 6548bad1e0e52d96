"""One forward pass on the meta device, and what goes wrong in it."""

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from edgeprune.errors import EdgepruneError
from edgeprune.tracing.counting import MacCounter
from edgeprune.tracing.mode import VALUE_DEPENDENT, Tracer
from edgeprune.tracing.records import Shapes
from edgeprune.tracing.sources import failure_site


def inputs(shapes: Shapes, batch: int, dtype: torch.dtype) -> list[Tensor]:
    """Inputs without data, ``(batch, *shape)`` each."""
    return [torch.empty((batch, *shape), dtype=dtype, device="meta") for shape in shapes]


def leaves(value: object) -> list[Tensor]:
    """The tensors in a network's result: tensors, sequences, mappings, data classes."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        return [t for v in value.values() for t in leaves(v)]
    if isinstance(value, (list, tuple, set)):
        return [t for v in value for t in leaves(v)]
    if hasattr(value, "__dict__") and not isinstance(value, type):
        return [t for v in vars(value).values() for t in leaves(v)]
    return []


@contextmanager
def untouched_random_state() -> Iterator[None]:
    """Leave torch's, Python's and NumPy's random state as they were."""
    state, python = torch.random.get_rng_state(), random.getstate()
    numpy = sys.modules.get("numpy.random")
    numpy_state = numpy.get_state() if numpy else None
    try:
        yield
    finally:
        torch.random.set_rng_state(state)
        random.setstate(python)
        if numpy:
            numpy.set_state(numpy_state)


def set_training(model: nn.Module, training: bool) -> None:
    """``model.train(training)`` without the overrides that some networks put on it."""
    for module in model.modules():
        vars(module)["training"] = training  # nn.Module's own way takes ten times as long


def failure(error: Exception, tracer: Tracer | MacCounter, shapes: Shapes) -> EdgepruneError:
    """The :class:`EdgepruneError` for an exception in the user's forward pass."""
    if isinstance(error, EdgepruneError):
        return error
    site = failure_site(error)
    operator = tracer.current or "Python code"
    text = str(error).strip().split("\n")[0]
    at = f" at {site}" if site else ""
    if "meta" in text and any(
        word in text for word in ("item()", "is_nonzero", "nonzero", "local_scalar", "numpy", "tolist")
    ):
        return EdgepruneError(
            f"the forward pass depends on the values of a tensor{at} ({text})",
            remedy="make the control flow depend on shapes only, or prune the parts before and after it",
        )
    if tracer.current is not None and tracer.current.rpartition(".")[2] in VALUE_DEPENDENT:
        return EdgepruneError(
            f"the forward pass depends on the values of a tensor: {operator}{at} ({text})",
            remedy="make the control flow depend on shapes only, or prune the parts before and after it",
        )
    if isinstance(error, NotImplementedError) and tracer.current:
        return EdgepruneError(
            f"the operator {operator}{at} does not say what shape its result has ({text})",
            remedy="give it a function that does, with torch.library.register_fake, and then edgeprune.register_rule",
        )
    return EdgepruneError(
        f"the forward pass failed in {operator}{at}: {type(error).__name__}: {text}",
        key="input_shape",
        remedy=f"check that inputs of shape {[tuple(s) for s in shapes]} (without the batch) suit the network",
    )
