"""Runtimes beside ONNX Runtime: asked for by name, checked before they are timed, null with a reason where they fail.

OpenVINO is played by a package made here, so that each way to fail is tried; the real engines are tried where they are
installed (requirements-runtimes.txt).
"""

import json
import re
import zipfile
from importlib import metadata

import numpy
import pytest
import torch
import yaml

from edgeprune.cli import main
from edgeprune.export import int8, onnx
from edgeprune.measuring import convert, measure
from edgeprune.measuring.convert import to_ncnn
from edgeprune.measuring.program import Unsupported
from edgeprune.measuring.standalone import runtimes
from edgeprune.measuring.standalone.agreement import difference
from edgeprune.names import INT8, RUNTIMES
from edgeprune.networks.detection import centernet
from edgeprune.networks.restoration import dncnn
from helpers.workflow import ROOT
from test_measuring import FAST, write_model

#: OpenVINO's Python interface as far as it is used, on ONNX Runtime; ``{how}`` is what it does to an output.
FAKE = """
import os, signal, sys
import onnxruntime
__version__ = "1.2.3"
try:
    import openvino_telemetry
except ImportError:
    pass
else:
    raise AssertionError("it would report to a server")
class Type:
    f32 = None
class op:
    Parameter = Result = lambda *args: op
    output = lambda number: op
def Shape(shape):
    return shape
class Model:
    def __init__(self, *args):
        self.inputs = []
    def create_infer_request(self):
        return self
    def infer(self, feed):
        return {}
class Core:
    def read_model(self, path):
        return File(path)
    def compile_model(self, model, device, settings=None):
        assert device == "CPU" and (settings is None or settings["INFERENCE_NUM_THREADS"] == 1)
        return model
class File:
    def __init__(self, path):
        self.session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        self.inputs = [Tensor(i) for i in self.session.get_inputs()]
    def reshape(self, shapes):
        assert all(isinstance(size, int) for shape in shapes.values() for size in shape)
    def create_infer_request(self):
        return self
    def infer(self, feed, share_inputs):
        outputs = self.session.run(None, feed)
        return {i: {how} for i, output in enumerate(outputs)}
class Tensor:
    def __init__(self, tensor):
        self.tensor = tensor
    def get_any_name(self):
        return self.tensor.name
    def get_partial_shape(self):
        return [Size(size) for size in self.tensor.shape]
    def get_element_type(self):
        return self
    def to_dtype(self):
        import numpy
        return numpy.dtype("float32")
class Size:
    def __init__(self, size):
        self.size, self.is_static = size, isinstance(size, int)
    def get_length(self):
        return self.size
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return write_model(folder / "small.onnx", 4), write_model(folder / "dense.onnx", 64)


@pytest.fixture
def engine(tmp_path, monkeypatch):
    def write(how):
        (tmp_path / "openvino.py").write_text(FAKE.replace("{how}", how))
        (tmp_path / "openvino_telemetry.py").touch()

    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return write


def test_an_engine_that_agrees_is_timed_beside_the_dense_network_in_onnx_runtime(models, engine):
    engine("output * (1 + 1e-4)")
    value = measure.measure("desk", FAST, *models, runtime="openvino-fp32")
    assert (value["runtime"], value["engine"]) == ("openvino-fp32", "openvino")
    assert value["agreement"]["difference"] == pytest.approx(1e-4, rel=0.01)
    assert value["agreement"]["tolerance"] == 1e-3
    assert value["fingerprint"]["openvino"] == "1.2.3"
    assert value["fingerprint"]["onnxruntime"]
    assert value["speedup"] > 2
    assert value["reasons"]["arena_bytes"]
    assert "unsupported" not in value


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("output * 1.01", r"openvino: its output differs from ONNX Runtime's by 0.01 of .*allowed: 0.001"),
        ("output * float('nan')", "differs from ONNX Runtime's by nan"),
        ("output[:, :1]", "differs from ONNX Runtime's by inf"),
        ("1 / 0", "fails when run: division by zero"),
        ("os.kill(os.getpid(), signal.SIGILL)", "openvino: a process of its own ended with status -4"),
        ("sys.exit('no licence')", "no licence"),
    ],
)
def test_an_engine_that_fails_makes_a_measurement_without_numbers(models, engine, how, words):
    engine(how)
    value = measure.measure("desk", FAST, *models, runtime="openvino-fp32")
    assert value["unsupported"] is True
    assert value["latency_ms"] is value["speedup"] is value["energy_mj"] is value["agreement"] is None
    assert value["reasons"].keys() == {"unsupported", "accuracy"}
    assert re.search(words, value["reasons"]["unsupported"])
    engine("output")
    assert measure.measure("desk", FAST, *models, runtime="openvino-fp32")["latency_ms"]


def test_int8_may_round_the_other_way(models, engine):
    engine("output * 1.1")
    value = measure.measure("desk", FAST, *models, runtime="openvino-int8")
    assert value["agreement"]["difference"] == pytest.approx(0.1, rel=0.01)


def test_the_difference_is_that_of_the_worst_output():
    one, two = numpy.array([[1.0, -4.0]], "f4"), numpy.zeros((1, 3), "f4")
    assert difference([one, two], [one, two]) == 0
    assert difference([one + 0.4, two], [one, two]) == pytest.approx(0.1)
    assert difference([one, two + 1e-6], [one, two]) > 1  # of an output that is zero throughout
    assert difference([one], [one, two]) == difference([two, one], [one, two]) == float("inf")
    assert numpy.isnan(difference([one * float("nan"), two], [one, two]))


def test_what_is_not_installed_is_null_with_what_to_install(models, monkeypatch, tmp_path):
    for name in ("openvino", "ncnn"):
        (tmp_path / f"{name}.py").write_text(f"raise ModuleNotFoundError(\"No module named '{name}'\")")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    value = measure.measure("desk", FAST, *models, runtime="openvino-fp32")
    assert "No module named 'openvino'; install openvino for" in value["reasons"]["unsupported"]
    monkeypatch.setitem(convert.CONVERTERS, "ncnn", ("pnnx", lambda model, target: target.write_bytes(b"")))
    value = measure.measure("desk", FAST, *models, runtime="ncnn-fp32")
    assert "No module named 'ncnn'; install ncnn for" in value["reasons"]["unsupported"]
    monkeypatch.undo()
    monkeypatch.setattr(convert.importlib.util, "find_spec", lambda name: None)
    value = measure.measure("desk", FAST, *models, runtime="ncnn-fp32")
    assert value["unsupported"] is True
    assert "pnnx package, which converts for ncnn, is not installed" in value["reasons"]["unsupported"]


def test_names_engines_and_the_schema_agree():
    schema = yaml.safe_load((ROOT / "edgeprune/config/config.schema.yaml").read_text())
    assert schema["$defs"]["device"]["properties"]["runtimes"]["items"]["enum"] == list(RUNTIMES)
    assert {engine for engine, _ in RUNTIMES.values()} == set(runtimes.RUNTIMES)
    assert {precision for _, precision in RUNTIMES.values()} == set(measure.TOLERANCE)
    assert sorted(INT8) == ["int8", "openvino-int8"]


def test_the_command_lists_what_is_here_and_what_to_install(capsys, monkeypatch):
    def version(package):
        if package in ("onnxruntime", "pnnx"):
            return "1.0"
        raise metadata.PackageNotFoundError

    monkeypatch.setattr(metadata, "version", version)
    assert main(["runtimes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(RUNTIMES)
    assert "onnxruntime 1.0" in lines[0]
    assert "pip install openvino" in lines[2]
    assert "pip install ncnn" in lines[-1]
    assert lines[-1].endswith("pnnx 1.0")


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """Files of a denoiser and of a detector with three outputs, in fp32 and int8."""
    folder = tmp_path_factory.mktemp("networks")
    torch.manual_seed(0)
    draws, written = numpy.random.default_rng(0), {}
    for name, model, shape in (("denoiser", dncnn(1, 4, 8), (1, 24, 32)), ("detector", centernet(3), (3, 64, 64))):
        fp32 = folder / f"{name}.onnx"
        onnx.export(model.eval(), shape, fp32)
        written[name, "fp32"], written[name, "int8"] = fp32, folder / f"{name}-int8.onnx"
        written[name, "int8"].write_bytes(int8.to_bytes(fp32, draws.random((8, *shape), dtype="float32")))
    return written


@pytest.mark.parametrize("network", ["denoiser", "detector"])
@pytest.mark.parametrize("runtime", [name for name in RUNTIMES if "-" in name])
def test_a_real_engine_computes_what_onnx_runtime_does(networks, runtime, network):
    engine, precision = RUNTIMES[runtime]
    pytest.importorskip(engine)
    file = networks[network, precision]
    value = measure.measure("desk", FAST, file, networks[network, "fp32"], runtime=runtime)
    assert value["engine"] == engine
    assert value["agreement"]["difference"] < (1e-4 if precision == "fp32" else 0.2)
    assert value["latency_ms"]["p50"] > 0
    assert value["idle_rss_bytes"] < value["peak_rss_bytes"]
    assert value["fingerprint"][engine]


def test_what_pnnx_makes_is_the_same_each_time_and_its_failures_are_told(networks, tmp_path):
    pytest.importorskip("pnnx")
    for name in ("one", "two"):
        to_ncnn(networks["detector", "fp32"], tmp_path / f"{name}.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert archive.namelist() == ["model.param", "model.bin", "inputs.json"]
        assert json.loads(archive.read("inputs.json")) == [["input", [1, 3, 64, 64]]]
    with pytest.raises(Unsupported, match="ncnn has no layer for"):
        to_ncnn(networks["denoiser", "int8"], tmp_path / "int8.zip")
