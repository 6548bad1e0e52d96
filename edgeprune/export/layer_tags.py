"""ONNX files whose operators tell which layer of the profile they belong to, however the runtime fuses them."""

import copy
import re
from collections.abc import Mapping, Sequence

import numpy as np
from torch import nn

from edgeprune.errors import EdgepruneError
from edgeprune.export.onnx import to_bytes

_WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_TAG = re.compile(r"LAYER(\d+)\.")
_FILTERS = 64  # compared of each layer: random weights do not agree by chance


def tagged(model: nn.Module, input_shape: Sequence[int], layers: Sequence[str]) -> bytes:
    """The ONNX file of ``model`` with the name of each operator and tensor marked by a layer's number.

    A layer's own operator is found by its weights, which therefore have to be random; an operator without weights
    belongs to the last layer it reads from. ONNX Runtime names what it fuses by the operators or tensors it replaces,
    so that the mark survives.

    Args:
        model: the network, freshly initialised; not touched.
        input_shape: of one sample.
        layers: names of the profile's layers, in its order.

    Returns:
        bytes: the file.

    Raises:
        EdgepruneError: the export fails, or a layer is not found in the exported network.
    """
    import onnx
    from onnx import numpy_helper

    model = copy.deepcopy(model)
    for module in model.modules():
        weight = getattr(module, "weight", None)
        if getattr(module, "running_var", None) is not None and weight is not None:
            nn.init.ones_(weight)  # some are born as zeros, which would hide the layer before
    proto = onnx.load_from_string(to_bytes(model, input_shape))
    graph, state = proto.graph, {k: v.detach().cpu().numpy() for k, v in model.state_dict().items()}
    weights = [_weight_of(name, state) for name in layers]
    constants = {tensor.name: tensor for tensor in graph.initializer}
    alias = {n.output[0]: n.input[0] for n in graph.node if n.op_type in ("Identity", "Transpose")}
    owner, renamed, seen = {}, {}, set()
    for k, node in enumerate(graph.node):
        found = None
        if node.op_type in _WEIGHTED:
            for name in node.input:
                tensor = constants.get(alias.get(name, name))
                if tensor is not None and len(tensor.dims) > 1:
                    found = _layer_of(numpy_helper.to_array(tensor), weights)
                    seen.add(found)
        if found is None:
            found = max((owner[name] for name in node.input if name in owner), default=0)
        node.name = f"LAYER{found}.{k}"
        for i, name in enumerate(node.input):
            node.input[i] = renamed.get(name, name)
        for i, name in enumerate(node.output):
            if name:
                owner[name], renamed[name] = found, f"LAYER{found}.{k}.{i}"
                node.output[i] = renamed[name]
    for value in graph.output:
        value.name = renamed.get(value.name, value.name)
    del graph.value_info[:]
    missing = [name for n, name in enumerate(layers) if n not in seen and weights[n] is not None]
    if missing:
        raise EdgepruneError(
            f"the layer {missing[0]!r} is not found in the exported network, so it cannot be timed",
            remedy="use the modes PA, FA or MA for this network",
        )
    return proto.SerializeToString(deterministic=True)


def layer_of(node: str) -> int | None:
    """The number of the layer that an operator's name was marked with; None without a mark."""
    match = _TAG.search(node)
    return int(match[1]) if match else None


def _weight_of(name: str, state: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """A layer's weight, or None where it has another name than ``weight`` (or is shared with a layer that has it)."""
    return state.get(f"{name}.weight", state.get(name))


def _layer_of(array: np.ndarray, weights: Sequence[np.ndarray | None]) -> int | None:
    """The layer whose weights these are, but for a factor of each filter (that of a batch norm)."""
    for found in (array, array.T):
        for n, weight in enumerate(weights):
            if weight is not None and weight.shape == found.shape:
                ours, theirs = (x[:_FILTERS].reshape(len(x[:_FILTERS]), -1) for x in (found, weight))
                lengths = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
                if np.all((ours * theirs).sum(axis=1) > 0.999 * lengths) and lengths.all():
                    return n
    return None
