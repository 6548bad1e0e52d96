"""The measuring program, alone and called by the pipeline, on tiny models made here."""

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy
import pytest

from edgeprune.errors import EdgepruneError
from edgeprune.measuring import standalone
from edgeprune.measuring.measure import IDENTITY, measure

SCRIPT = Path(__file__).parents[1] / "scripts" / "measure_model.py"
FAST = {"kind": "local", "seconds": 0.05, "iterations": 20, "warmup": 2, "threads": 1}


def write_model(path, channels, batch="batch", kind=1):
    import onnx
    from onnx import helper, numpy_helper

    kernel = numpy.full((channels, channels, 3, 3), 0.01, "f4")
    shape = [batch, channels, 16, 16]
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])]
    if kind != 1:
        nodes = [helper.make_node("Identity", ["x"], ["y"])]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", kind, shape)], [numpy_helper.from_array(kernel, "w")] if kind == 1 else [],
    )  # fmt: skip
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return write_model(folder / "small.onnx", 4), write_model(folder / "dense.onnx", 64)


def test_the_program_needs_only_the_standard_library_numpy_and_onnxruntime():
    tree = ast.parse(Path(standalone.__file__).read_text(), feature_version=(3, 8))
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names.add(node.module.partition(".")[0])
    assert names - set(sys.stdlib_module_names) == {"numpy", "onnxruntime", "psutil"}


def test_a_copy_of_the_program_measures_in_an_empty_folder(models, tmp_path):
    copy = shutil.copy(standalone.__file__, tmp_path / "bench.py")
    small, dense = models
    command = [sys.executable, "-I", str(copy), "--model", str(small), "--reference", str(dense)]
    command += ["--seconds", "0.1", "--iterations", "30", "--warmup", "3", "--threads", "1"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    value = json.loads(done.stdout)
    latency, reference = value["latency_ms"], value["reference"]["latency_ms"]
    assert 0 < latency["p50"] <= latency["p90"] <= latency["p99"]
    assert latency["std"] >= 0
    assert latency["iterations"] >= 30
    assert reference["iterations"] >= 30
    assert latency["blocks"] == reference["blocks"] >= 10
    assert value["speedup"] == pytest.approx(reference["p50"] / latency["p50"])
    assert value["speedup"] > 2  # 256 times the multiplications
    assert value["model_bytes"] == small.stat().st_size < value["reference"]["model_bytes"]
    assert 20 < value["cpu_percent"] < 150
    assert 10e6 < value["idle_rss_bytes"] < value["peak_rss_bytes"] < 1e9
    assert value["energy_mj"] is None
    assert value["reasons"]["energy_mj"]
    assert value["fingerprint"]["threads"] == 1
    assert value["fingerprint"]["onnxruntime"]


def test_turns_are_abba_and_last_until_both_have_enough():
    class Fake:
        def __init__(self, name, each):
            self.name, self.each, self.wall, self.times, self.block_medians = name, each, 0.0, [], []

        def block(self, seconds):
            log.append(self.name)
            self.wall += seconds
            self.times += [seconds / self.each] * self.each
            self.block_medians.append(0)

    log = []
    fast, slow = Fake("a", 100), Fake("b", 2)
    standalone.take_turns([fast, slow], seconds=0.5, iterations=50)
    assert log[:8] == list("abbaabba")
    assert log.count("a") == log.count("b") == 25  # the slow one needs 25 blocks for 50 runs
    assert fast.wall == pytest.approx(slow.wall)


def test_fingerprint_reads_what_a_board_tells(tmp_path):
    tree = {
        "proc/cpuinfo": "processor\t: 0\nBogoMIPS\t: 108.00\n\nModel\t\t: Some Board Rev 1.4\n",
        "proc/meminfo": "MemTotal:        3884112 kB\n",
        "proc/device-tree/model": "Some Board Rev 1.4\0",
        "etc/os-release": 'NAME="X"\nPRETTY_NAME="Some OS 12"\n',
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "ondemand\n",
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "600000\n",
        "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq": "1800000\n",
        "sys/class/thermal/thermal_zone0/temp": "48200\n",
        "sys/class/thermal/thermal_zone1/temp": "51300\n",
    }
    for name, text in tree.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    value = standalone.fingerprint(4, root=str(tmp_path))
    assert value["cpu_model"] == value["board"] == "Some Board Rev 1.4"
    assert (value["governor"], value["frequency_mhz"], value["frequency_max_mhz"]) == ("ondemand", 600, 1800)
    assert value["temperature_celsius"] == pytest.approx(51.3)
    assert (value["memory_bytes"], value["os"], value["threads"]) == (3884112 * 1024, "Some OS 12", 4)
    (tmp_path / "empty").mkdir()
    nothing = standalone.fingerprint(1, root=str(tmp_path / "empty"))
    assert nothing["governor"] is nothing["frequency_mhz"] is nothing["temperature_celsius"] is None


def test_without_the_runtime_the_program_says_what_is_missing(models):
    command = [sys.executable, "-S", standalone.__file__, "--model", str(models[0])]
    done = subprocess.run(command, capture_output=True, text=True, env={}, check=False)
    assert done.returncode == standalone.NO_RUNTIME
    assert "install numpy and onnxruntime" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("broken", ["model", "reference"])
def test_a_corrupt_or_missing_file_is_named(models, tmp_path, broken):
    whole = models[1].read_bytes()
    (tmp_path / "cut.onnx").write_bytes(whole[: len(whole) // 2])
    for path, words in ((tmp_path / "cut.onnx", "ONNX Runtime can load"), (tmp_path / "none.onnx", "cannot be read")):
        files = {"model": models[0], "reference": models[1], broken: path}
        with pytest.raises(EdgepruneError, match=words) as caught:
            measure("local", FAST, **files)
        assert str(path) in str(caught.value)
        assert caught.value.remedy


def test_wrong_settings_are_refused(models):
    with pytest.raises(EdgepruneError, match="unknown kind of device 'toaster'") as caught:
        measure("desk", {"kind": "toaster"}, *models)
    assert caught.value.key == "devices.desk.kind"
    assert "local" in caught.value.remedy
    with pytest.raises(EdgepruneError, match="unknown setting 'speed'"):
        measure("desk", {"kind": "local", "speed": 3}, *models)
    with pytest.raises(EdgepruneError, match="at least 1"):
        measure("desk", {"kind": "local", "threads": 0}, *models)


def test_integer_inputs_and_fixed_batches_run(tmp_path):
    model = standalone.Model(str(write_model(tmp_path / "int.onnx", 2, batch=3, kind=7)), threads=1)
    assert model.inputs["x"].shape == (3, 2, 16, 16)
    assert model.inputs["x"].dtype == numpy.int64
    model.block(0)
    assert len(model.times) == 1
    assert model.latency()["std"] is None


def test_the_script_writes_the_measurement_with_the_runs_identity(models, tmp_path):
    run = dict.fromkeys(IDENTITY, "x") | {"network": "vgg8", "seed": 3, "target": 0.5}
    (tmp_path / "metrics.json").write_text(json.dumps({**run, "test": {}}))
    out = tmp_path / "deep" / "m.json"
    command = [sys.executable, str(SCRIPT), "--model", str(models[0]), "--reference", str(models[1])]
    command += ["--metrics", str(tmp_path / "metrics.json"), "--device", json.dumps(FAST), "--device-name", "here"]
    env = {"PYTHONPATH": str(SCRIPT.parents[1])}
    subprocess.run([*command, "--out", str(out)], check=True, env=env, capture_output=True)
    value = json.loads(out.read_text())
    assert (value["format"], value["version"], value["device"]) == ("edgeprune.measurement", 1, "here")
    assert value["run"] == run
    assert value["protocol"]["seconds"] == FAST["seconds"]

    before = out.read_bytes()
    command[command.index(str(models[0]))] = str(tmp_path / "none.onnx")
    failed = subprocess.run([*command, "--out", str(out)], check=False, env=env, capture_output=True, text=True)
    assert failed.returncode == 1
    assert "error: " in failed.stderr
    assert "Traceback" not in failed.stderr
    assert out.read_bytes() == before
