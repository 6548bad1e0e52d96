"""ONNX Runtime on the CPU."""

import sys

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


load = Session
