"""Runtimes, a file each. One has ``package()``, which imports it, ``start()``, which has it run as little as it can,
``load(path, threads)``, which gives a session, and ``arena_bytes(path, threads, feed)``, None where it does not tell.

A session has ``inputs``, ``{name: (shape, dtype)}`` with a symbolic dimension (the batch, as a rule) as 1, and
``run(feed)``, which takes ``{name: array}`` and returns the outputs' arrays. ``load`` raises ``Failure`` for a model
that it cannot read; whatever ``run`` raises is told as a model that cannot be run.
"""

from . import ncnn, onnx_runtime, openvino

ONNX = "onnxruntime"
#: By the names of their packages.
RUNTIMES = {
    ONNX: onnx_runtime,
    "openvino": openvino,
    "ncnn": ncnn,
}
