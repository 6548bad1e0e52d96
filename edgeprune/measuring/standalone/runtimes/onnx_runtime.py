"""ONNX Runtime on the CPU."""

import json
import os
import shutil
import sys
import tempfile

from ..failures import NO_RUNTIME, UNREADABLE, UNRUNNABLE, Failure, one_line

DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(uint8)": "uint8",
    "tensor(int8)": "int8",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(bool)": "bool",
}
#: A model of one operator, Identity, in ONNX's format.
SMALLEST = (
    b'\x08\x08:7\n\x10\n\x01x\x12\x01y"\x08Identity\x12\x01gZ\x0f\n\x01x\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01b\x0f\n\x01y\x12\n\n'
    b"\x08\x08\x01\x12\x04\n\x02\x08\x01B\x04\n\x00\x10\x11"
)


def package():
    """The package, or a failure that names what is missing."""
    try:
        import numpy  # noqa: F401, without which the next line says less
        import onnxruntime
    except ImportError as error:
        raise Failure(NO_RUNTIME, f"{error}; install numpy and onnxruntime for {sys.executable}") from error
    onnxruntime.set_default_logger_severity(3)
    return onnxruntime


class Session:
    """A model, loaded; ``trace``: a file's name without its end, where it writes how long each operator took."""

    def __init__(self, path, threads, trace=None):
        onnxruntime = package()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        if trace:
            options.enable_profiling, options.profile_file_prefix = True, trace
        try:
            self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's exceptions have no common base but Exception
            raise Failure(
                UNREADABLE, f"{path}: is not a model that ONNX Runtime can load: {one_line(error)}"
            ) from error
        self.inputs = {}
        for tensor in self.session.get_inputs():
            if tensor.type not in DTYPES:
                raise Failure(UNRUNNABLE, f"{path}: input {tensor.name!r} has the unknown type {tensor.type}")
            shape = [size if isinstance(size, int) and size > 0 else 1 for size in tensor.shape]
            self.inputs[tensor.name] = (shape, DTYPES[tensor.type])

    def run(self, feed):
        return self.session.run(None, feed)

    def operators(self):
        """The events of the trace so far that are operators; ends it."""
        with open(self.session.end_profiling()) as stream:
            return [event for event in json.load(stream) if event.get("cat") == "Node"]


load = Session


def start():
    """Run the smallest model there is, so that what the runtime takes whatever it runs is in memory."""
    import numpy

    session = Session(SMALLEST, 1)
    session.run({"x": numpy.zeros(1, "float32")})


def arena_bytes(path, threads, feed):
    """The most that one inference had in use of ONNX Runtime's arena, from which it takes feature maps and weights that
    it has put into another order; None of an older release, which does not tell."""
    folder = tempfile.mkdtemp()
    try:
        session = Session(path, threads, trace=os.path.join(folder, "trace"))
        session.run(feed)
        used = [event.get("args", {}).get("mem_in_use_peak") for event in session.operators()]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return max((int(value) for value in used if value is not None), default=None)
