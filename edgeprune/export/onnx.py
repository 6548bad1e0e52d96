"""ONNX files, checked against the network they were made from."""

import contextlib
import copy
import ctypes
import io
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from edgeprune import files
from edgeprune.errors import EdgepruneError, extras
from edgeprune.tasks.outputs import named

OPSET = 17  # read by every runtime of the last years; the networks need nothing newer
TOLERANCE = 1e-3  # of the largest output: float32 sums in another order
WITHOUT = "train with --no-onnx (nothing can be measured then)"


def export(model: nn.Module, input_shape: Sequence[int], path: str | Path) -> float:
    """Write ``model`` as an ONNX file and check it.

    Args:
        model: the network; it is left as it is.
        input_shape: of one sample, e.g. (C, H, W).
        path: the file to write.

    Returns:
        float: largest absolute difference between the two runtimes' outputs, see :func:`check`.

    Raises:
        EdgepruneError: as :func:`to_bytes` and :func:`check`.
    """
    data = to_bytes(model, input_shape)
    error = check(data, model, input_shape)
    with files.replacing(path) as temporary:
        temporary.write_bytes(data)
    return error


def to_bytes(model: nn.Module, input_shape: Sequence[int]) -> bytes:
    r"""The ONNX file, in eval mode; the same network gives the same bytes.

    It has ``input`` (1, \*input_shape), and an ``output`` or outputs of the names of
    :func:`edgeprune.tasks.outputs.named`.

    Raises:
        EdgepruneError: the onnx package is missing, or neither exporter of torch manages the network.
    """
    with extras(WITHOUT):
        import onnx  # noqa: F401  torch's exporters need it and fail later and less clearly
    model, sample = _on_cpu(model), torch.zeros(1, *input_shape)
    with torch.no_grad():
        output = model(sample)
    names = list(named(output))
    if not isinstance(output, Tensor):
        model = _Flat(model)
    try:
        return _by_tracing(model, sample, names)
    except Exception as first:  # the exporters fail with many kinds of error, some of them private
        try:
            return _by_graph_capture(model, sample, names)
        except Exception as second:
            reasons = "; ".join(
                f"{name}: {str(e).strip().partition(chr(10))[0]}"
                for name, e in (("by tracing", first), ("by torch.export", second))
            )
            raise EdgepruneError(
                f"the network cannot be exported to ONNX ({reasons})",
                remedy="replace the operator that is named, or train with --no-onnx",
            ) from second


def check(data: bytes, model: nn.Module, input_shape: Sequence[int]) -> float:
    """Run the file in ONNX Runtime and compare with the network on one random input.

    Returns:
        float: largest absolute difference.

    Raises:
        EdgepruneError: onnxruntime is missing, or the outputs differ by more than ``TOLERANCE`` of the largest.
    """
    with extras(WITHOUT):
        import onnxruntime
    sample = torch.randn(1, *input_shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = named(_on_cpu(model)(sample))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    found = map(torch.from_numpy, session.run(list(expected), {"input": sample.numpy()}))
    return max(_difference(ours, theirs) for ours, theirs in zip(expected.values(), found))


def _difference(expected: Tensor, found: Tensor) -> float:
    if found.shape != expected.shape:
        problem = f"the ONNX file's output is {tuple(found.shape)}, the network's {tuple(expected.shape)}"
        raise EdgepruneError(problem, remedy="report the network to this project, or train with --no-onnx")
    error = (found - expected).abs().max().item()
    allowed = TOLERANCE * max(1.0, expected.abs().max().item())
    if not error <= allowed:
        raise EdgepruneError(
            f"the ONNX file's output differs by {error:.3g} from the network's (allowed: {allowed:.3g})",
            remedy="report the network to this project, or train with --no-onnx",
        )
    return error


class _Flat(nn.Module):
    """A network whose outputs stand one after another, as the exporters want them."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(named(self.model(x)).values())


def _on_cpu(model: nn.Module) -> nn.Module:
    return copy.deepcopy(model).cpu().float().to(memory_format=torch.contiguous_format).eval()


def _by_tracing(model: nn.Module, sample: Tensor, names: list[str]) -> bytes:
    """The TorchScript-based exporter: 0.1 s, against 2 s and another dependency for the newer one."""
    stream = io.BytesIO()
    with warnings.catch_warnings(), _silent():
        # It is deprecated in favour of the newer one, which is the fallback here: no news to the user.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            model,
            (sample,),
            stream,  # pyrefly: ignore[bad-argument-type]  this exporter writes to files that are open, too
            dynamo=False,
            opset_version=OPSET,
            input_names=["input"],
            output_names=names,
        )
    return stream.getvalue()


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Nothing on standard output: a network that it cannot export this exporter prints whole, from C++."""
    flush = ctypes.CDLL(None).fflush if os.name == "posix" else lambda _: None
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        with open(os.devnull, "wb") as null:
            os.dup2(null.fileno(), 1)
        yield
    finally:
        flush(None)
        os.dup2(kept, 1)
        os.close(kept)


def _by_graph_capture(model: nn.Module, sample: Tensor, names: list[str]) -> bytes:
    program = torch.onnx.export(model, (sample,), dynamo=True, input_names=["input"], output_names=names, verbose=False)
    assert program is not None  # as there is no file to write
    proto = program.model_proto
    # stack traces and names of temporary objects would make the bytes differ from run to run
    for item in [proto.graph, *proto.graph.node, *proto.graph.value_info, *proto.graph.initializer, *proto.functions]:
        item.ClearField("metadata_props")
        item.ClearField("doc_string")
    return proto.SerializeToString(deterministic=True)
