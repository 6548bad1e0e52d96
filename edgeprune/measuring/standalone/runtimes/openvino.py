"""OpenVINO on the CPU, in fp32 and in int8: it reads the ONNX file, quantised or not."""

import sys

from ..failures import NO_RUNTIME, UNREADABLE, Failure, one_line


def package():
    """The package, or a failure that names what is missing."""
    # Its own package of statistics reports each import to a server, unasked; OpenVINO does without it.
    sys.modules["openvino_telemetry"] = None  # pyrefly: ignore[unsupported-operation]
    try:
        import openvino
    except ImportError as error:
        raise Failure(NO_RUNTIME, f"{error}; install openvino for {sys.executable}") from error
    return openvino


def start():
    """Run the smallest model there is, so that what the runtime takes whatever it runs is in memory."""
    import numpy

    openvino = package()
    number = openvino.op.Parameter(openvino.Type.f32, openvino.Shape([1]))
    model = openvino.Model([openvino.op.Result(number.output(0))], [number], "smallest")
    openvino.Core().compile_model(model, "CPU").create_infer_request().infer({0: numpy.zeros(1, "float32")})


class Session:
    """A model, loaded. Without its settings, some processors would compute in half precision."""

    def __init__(self, path, threads):
        openvino = package()
        settings = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "INFERENCE_PRECISION_HINT": "f32",
            "ENABLE_CPU_PINNING": False,  # the cores are the caller's choice
        }
        try:
            model = openvino.Core().read_model(path)
            shapes = {}
            for tensor in model.inputs:
                shape = tensor.get_partial_shape()
                shapes[tensor.get_any_name()] = [size.get_length() if size.is_static else 1 for size in shape]
            model.reshape(shapes)
            self.request = openvino.Core().compile_model(model, "CPU", settings).create_infer_request()
        except Exception as error:  # its exceptions have no common base but RuntimeError
            raise Failure(UNREADABLE, f"{path}: is not a model that OpenVINO can load: {one_line(error)}") from error
        dtypes = {tensor.get_any_name(): tensor.get_element_type().to_dtype().name for tensor in model.inputs}
        self.inputs = {name: (shape, dtypes[name]) for name, shape in shapes.items()}

    def run(self, feed):
        return list(self.request.infer(feed, share_inputs=True).values())


load = Session


def arena_bytes(path, threads, feed):
    return None
