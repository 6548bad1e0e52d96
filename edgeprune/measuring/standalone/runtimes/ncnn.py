"""ncnn on the CPU, in fp32. It reads files of its own, which :mod:`edgeprune.measuring.convert` puts into one."""

import json
import os
import sys
import tempfile
import zipfile

from ..failures import NO_RUNTIME, UNREADABLE, Failure, one_line


def package():
    """The package, or a failure that names what is missing."""
    try:
        import ncnn
    except ImportError as error:
        raise Failure(NO_RUNTIME, f"{error}; install ncnn for {sys.executable}") from error
    return ncnn


def start():
    package().Net()


class Session:
    """A model, loaded: a zip of ``model.param``, ``model.bin`` and ``inputs.json``, ``[[name, shape], ...]``."""

    def __init__(self, path, threads):
        self.ncnn = package()
        self.net = self.ncnn.Net()
        self.net.opt.num_threads = threads
        for half in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_packed", "bf16_storage"):
            setattr(self.net.opt, "use_" + half, False)
        try:
            with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory() as folder:
                archive.extractall(folder)
                param, weights = (os.path.join(folder, "model." + end) for end in ("param", "bin"))
                if self.net.load_param(param) or self.net.load_model(weights):
                    raise ValueError("a layer that it does not know, or a file that is cut")
                with open(os.path.join(folder, "inputs.json")) as stream:
                    self.inputs = {name: (shape, "float32") for name, shape in json.load(stream)}
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise Failure(UNREADABLE, f"{path}: is not a model that ncnn can load: {one_line(error)}") from error
        self.outputs = [f"out{i}" for i in range(len(self.net.output_names()))]

    def run(self, feed):
        import numpy

        extractor = self.net.create_extractor()
        for i, name in enumerate(self.inputs):  # without the batch, which ncnn does not have
            extractor.input(f"in{i}", self.ncnn.Mat(feed[name][0]))
        return [numpy.array(extractor.extract(name)[1])[None] for name in self.outputs]


load = Session


def arena_bytes(path, threads, feed):
    return None
