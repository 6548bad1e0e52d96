"""Runtimes, a file each. One has ``package()``, which imports it, and ``load(path, threads)``, which gives a session.

A session has ``inputs``, ``{name: (shape, dtype)}`` with a symbolic dimension (the batch, as a rule) as 1, and
``run(feed)``, which takes ``{name: array}`` and returns the outputs' arrays. ``load`` raises ``Failure`` for a model
that it cannot read; whatever ``run`` raises is told as a model that cannot be run.
"""

from . import onnx_runtime

RUNTIMES = {"onnxruntime": onnx_runtime}
