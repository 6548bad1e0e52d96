"""The measuring program, alone and called by the pipeline, on tiny models made here."""

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy
import pytest

from edgeprune.errors import EdgepruneError
from edgeprune.measuring.measure import KEYS, measure
from edgeprune.measuring.program import FOLDER, Unreachable, archive
from edgeprune.measuring.standalone import command, failures, measurement, page, process, rounds, timing
from edgeprune.measuring.standalone.fingerprint import fingerprint
from edgeprune.measuring.standalone.runtimes import onnx_runtime
from edgeprune.provenance.sources import digests

SCRIPT = Path(__file__).parents[1] / "scripts" / "measure_model.py"
SCORE = {"task": "classification", "test": {"accuracy": 0.75, "loss": 1.0}}
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
    names = set()
    for path in FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(), feature_version=(3, 8))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names.add(node.module.partition(".")[0])
    assert names - set(sys.stdlib_module_names) == {
        "ncnn", "numpy", "onnxruntime", "openvino", "psutil", "pynvml", "standalone"
    }  # fmt: skip


@pytest.mark.parametrize("script", ["scripts/measure_model.py", "scripts/measure_layers.py"])
def test_all_of_the_program_is_in_the_digests_of_what_measures(script):
    reached = {digest.partition("@")[0] for digest in digests(script)}
    assert {path.relative_to(SCRIPT.parents[1]).as_posix() for path in FOLDER.rglob("*.py")} <= reached


def test_the_first_file_parses_in_any_python_and_refuses_an_old_one_in_a_sentence(tmp_path):
    text = (FOLDER / "__main__.py").read_text()
    modern = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.Nonlocal, ast.Starred, ast.AsyncFunctionDef)
    assert text.isascii()
    assert not [node for node in ast.walk(ast.parse(text)) if isinstance(node, modern)]
    old = f"import sys, runpy; sys.version_info = (3, 7, 9); runpy.run_path({str(FOLDER)!r}, run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", old], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip() == f"{sys.executable} is Python 3.7; this program needs Python 3.8 or newer"


def test_what_is_sent_is_a_zip_that_runs_and_is_the_same_each_time(tmp_path):
    assert archive() == archive()
    (tmp_path / "p.zip").write_bytes(archive())
    command = [sys.executable, "-I", "p.zip", "--help"]
    assert "--affinity" in subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True).stdout


def test_a_copy_of_the_program_measures_in_an_empty_folder(models, tmp_path):
    copy = shutil.copytree(FOLDER, tmp_path / "the bench")
    small, dense = models
    command = [sys.executable, "-I", str(copy), "--json", "--model", str(small), "--reference", str(dense)]
    command += ["--seconds", "0.1", "--iterations", "30", "--warmup", "3", "--threads", "1"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    value = json.loads(done.stdout)
    latency, reference = value["latency_ms"], value["reference"]["latency_ms"]
    assert 0 < latency["p50"] <= latency["p90"] <= latency["p99"]
    assert latency["std"] >= 0
    assert latency["iterations"] >= 30
    assert reference["iterations"] >= 30
    assert latency["blocks"] == reference["blocks"] >= 16
    assert latency["p50_low"] < latency["p50_high"]
    assert len(value["speedup_rounds"]) == value["protocol"]["rounds"] == 8
    assert value["speedup_wall"] == pytest.approx(reference["p50"] / latency["p50"])
    assert value["speedup_clock"] == "cpu"
    assert value["speedup_low"] <= value["speedup"] <= value["speedup_high"]
    assert value["speedup"] > 2  # 256 times the multiplications
    assert value["model_bytes"] == small.stat().st_size < value["reference"]["model_bytes"]
    assert 0 < value["cpu_percent"] < 150
    assert 10e6 < value["idle_rss_bytes"] < value["peak_rss_bytes"] < 1e9
    assert value["model_rss_bytes"] == value["peak_rss_bytes"] - value["idle_rss_bytes"] < 5e6  # of a file of 2 KiB
    assert 4 * 16 * 16 * 4 <= value["arena_bytes"] < 1e6  # a feature map of float32
    assert (value["energy_mj"] is None) == ("energy_mj" in value["reasons"])
    assert value["fingerprint"]["threads"] == 1
    assert isinstance(value["warnings"], list)
    assert value["fingerprint"]["onnxruntime"]


def test_turns_are_abba_and_last_until_both_have_enough():
    class Fake:
        def __init__(self, name, each):
            self.name, self.each, self.wall, self.busy, self.times, self.block_medians = name, each, 0.0, 0.0, [], []

        def block(self, seconds):
            log.append(self.name)
            self.wall += 5 * seconds * (self.name == "starved")
            self.busy += seconds
            self.times += [seconds / self.each] * self.each
            self.block_medians.append(0)

    log = []
    fast, slow = Fake("a", 100), Fake("b", 2)
    timing.take_turns([fast, slow], seconds=0.5, iterations=50)
    assert log[:8] == list("abbaabba")
    assert log.count("a") == log.count("b") == 25  # of 2 runs a block the slow one needs 25 for its 50
    assert fast.busy == pytest.approx(slow.busy)
    starved = Fake("starved", 100)
    timing.take_turns([starved], seconds=6, iterations=50)
    assert log.count("starved") == 20  # a fifth of the core for four times as long, not the 24 blocks it asks for


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
    value = fingerprint(4, root=str(tmp_path))
    assert value["cpu_model"] == value["board"] == "Some Board Rev 1.4"
    assert (value["governor"], value["frequency_mhz"], value["frequency_max_mhz"]) == ("ondemand", 600, 1800)
    assert value["temperature_celsius"] == pytest.approx(51.3)
    assert (value["memory_bytes"], value["os"], value["threads"]) == (3884112 * 1024, "Some OS 12", 4)
    (tmp_path / "empty").mkdir()
    nothing = fingerprint(1, root=str(tmp_path / "empty"))
    assert nothing["governor"] is nothing["frequency_mhz"] is nothing["temperature_celsius"] is None


def test_without_the_runtime_the_program_says_what_is_missing(models):
    command = [sys.executable, "-S", str(FOLDER), "--model", str(models[0])]
    done = subprocess.run(command, capture_output=True, text=True, env={}, check=False)
    assert done.returncode == failures.NO_RUNTIME
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


def test_each_round_is_a_fresh_process_that_loads_both_models_each_first_by_turns(models, monkeypatch):
    seen = []

    class Loaded(timing.Model):
        def __init__(self, path, threads, runtime):
            super().__init__(path, threads)
            seen.append(path)

        def __getattribute__(self, name):
            return [os.getpid(), *seen] if name == "block_medians" and seen else super().__getattribute__(name)

    monkeypatch.setattr(rounds, "Model", Loaded)
    monkeypatch.setattr(rounds, "take_turns", lambda *ignored: None)
    options = command.parse(["--model", str(models[0]), "--reference", str(models[1]), "--seconds", "0.01"])
    told = [measurement.timed(i % 2, options)[0]["block_medians"] for i in range(4)]
    assert len({pid for pid, *_ in told} | {os.getpid()}) == 5
    small, dense = map(str, models)
    assert [paths for _, *paths in told] == [[small, dense], [dense, small]] * 2
    assert not seen


def test_a_round_where_there_is_no_fork_runs_in_a_fresh_python(models, monkeypatch):
    monkeypatch.delattr(os, "fork")
    options = command.parse(["--model", str(models[0]), "--seconds", "0.01", "--iterations", "8"])
    assert len(measurement.timed(1, options)[0]["times"]) >= 1


def test_a_process_of_its_own_that_fails_or_is_killed_says_so():
    def refused():
        raise failures.Failure(failures.UNREADABLE, "m.onnx: is no model")

    with pytest.raises(failures.Failure, match="is no model") as caught:
        process.forked(refused)
    assert caught.value.status == failures.UNREADABLE
    with pytest.raises(failures.Failure, match="status -9"):
        process.forked(lambda: os.kill(os.getpid(), 9))
    assert process.forked(lambda: [1, None]) == [1, None]


def test_the_arena_of_a_release_that_does_not_tell_is_null(models, monkeypatch):
    monkeypatch.setattr(onnx_runtime.Session, "operators", lambda session: [{"args": {}}, {}])
    image = numpy.zeros((1, 4, 16, 16), "float32")
    assert onnx_runtime.arena_bytes(str(models[0]), 1, {"x": image}) is None


def test_by_default_a_person_gets_a_page(models):
    words = [sys.executable, str(FOLDER), "--seconds", "0.02", "--iterations", "8", "--model", str(models[0])]
    said = subprocess.run([*words, "--reference", str(models[1])], capture_output=True, text=True, check=True).stdout
    for part in (
        "small.onnx",
        "dense.onnx",
        "latency p50",
        "ms",
        "speed-up",
        "95 %",
        "above the idle process",
        "energy",
    ):
        assert part in said
    assert len(said.splitlines()) < 20
    alone = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert "\nspeed-up" not in alone


def test_two_files_of_one_name_have_different_heads():
    assert page.names(["a/MA-0.70/seed-0/model.onnx", "a/dense/seed-0/model.onnx"]) == [
        "MA-0.70/seed-0/model.onnx", "dense/seed-0/model.onnx",
    ]  # fmt: skip
    assert page.names(["a/small.onnx", "b/dense.onnx"]) == ["small.onnx", "dense.onnx"]
    assert page.names(["model.onnx"]) == ["model.onnx"]
    assert page.names(["x/model.onnx"] * 2) == ["x/model.onnx"] * 2


def test_no_time_at_all_is_refused(models, capsys):
    with pytest.raises(SystemExit):
        command.parse(["--model", str(models[0]), "--seconds", "0"])
    assert "seconds above 0" in capsys.readouterr().err


def test_wrong_settings_are_refused(models):
    with pytest.raises(EdgepruneError, match="unknown kind of device 'toaster'") as caught:
        measure("desk", {"kind": "toaster"}, *models)
    assert caught.value.key == "devices.desk.kind"
    assert "local" in caught.value.remedy
    with pytest.raises(EdgepruneError, match="unknown setting 'speed'"):
        measure("desk", {"kind": "local", "speed": 3}, *models)
    with pytest.raises(EdgepruneError, match="at least 1"):
        measure("desk", {"kind": "local", "threads": 0}, *models)
    with pytest.raises(EdgepruneError, match=r"affinity: cores \[4000\].*there are 0"):
        measure("desk", {"kind": "local", "affinity": [4000]}, *models)
    with pytest.raises(EdgepruneError, match="needs --watts"):
        measure("desk", {"kind": "local", "energy": {"source": "estimated"}}, *models)


def test_settings_reach_the_program(models):
    device = {**FAST, "affinity": [0], "runtimes": ["fp32"], "energy": {"source": "estimated", "watts": 2.5}}
    value = measure("desk", device, *models)
    assert value["fingerprint"]["affinity"] == value["protocol"]["affinity"] == [0]
    assert value["energy_source"] == "estimated"
    assert value["energy_mj"] == pytest.approx(2.5 * value["cpu_ms_per_inference"])
    assert value["accuracy"] is None
    assert value["reasons"].keys() == {"accuracy", "energy_low", "energy_high", "resolution"}


def test_a_device_that_is_not_there_gives_a_measurement_of_nothing(models, monkeypatch):
    def gone(self, arguments):
        raise Unreachable("the board does not answer", key="devices.desk", remedy="switch it on")

    present = measure("desk", FAST, models[0], None)
    monkeypatch.setattr("edgeprune.measuring.local.Local.run", gone)
    value = measure("desk", FAST, *models)
    assert value["unreachable"] is True
    assert value["latency_ms"] is value["speedup"] is value["energy_mj"] is None
    assert "does not answer" in value["reasons"].pop("unreachable")
    assert value["reasons"].keys() == {"accuracy"}  # the device's is said once
    assert value.keys() - present.keys() == {"unreachable"}
    assert present.keys() - value.keys() == {"program", "engine", "protocol", "fingerprint"}


def test_integer_inputs_and_fixed_batches_run(tmp_path):
    model = timing.Model(str(write_model(tmp_path / "int.onnx", 2, batch=3, kind=7)), threads=1)
    assert model.feed["x"].shape == (3, 2, 16, 16)
    assert model.feed["x"].dtype == numpy.int64
    model.block(0)
    assert len(model.times) == len(model.block_medians) * timing.BLOCK_RUNS == 3
    assert rounds.latency_of([vars(model)] * 2)["iqr"] >= 0


def test_the_script_writes_the_measurement_with_the_runs_identity(models, tmp_path):
    run = dict.fromkeys(KEYS, "x") | {"network": "vgg8", "seed": 3, "target": 0.5}
    (tmp_path / "metrics.json").write_text(json.dumps({**run, **SCORE}))
    out = tmp_path / "deep" / "m.json"
    command = [sys.executable, str(SCRIPT), "--model", str(models[0]), "--reference", str(models[1])]
    command += ["--metrics", str(tmp_path / "metrics.json"), "--device", json.dumps(FAST), "--device-name", "here"]
    env = {"PYTHONPATH": str(SCRIPT.parents[1])}
    subprocess.run([*command, "--out", str(out)], check=True, env=env, capture_output=True)
    value = json.loads(out.read_text())
    assert (value["format"], value["version"], value["device"]) == ("edgeprune.measurement", 3, "here")
    assert value["run"] == run
    assert (value["runtime"], value["accuracy"]) == ("fp32", 0.75)
    assert value["protocol"]["seconds"] == FAST["seconds"]

    before = out.read_bytes()
    command[command.index(str(models[0]))] = str(tmp_path / "none.onnx")
    failed = subprocess.run([*command, "--out", str(out)], check=False, env=env, capture_output=True, text=True)
    assert failed.returncode == 1
    assert "error: " in failed.stderr
    assert "Traceback" not in failed.stderr
    assert out.read_bytes() == before


def test_the_program_runs_in_an_environment_with_numpy_and_onnxruntime_only(models, tmp_path):
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if not uv:
        pytest.skip("uv is not installed, which would make the empty environment")
    environment = tmp_path / "env"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(environment)], check=True, timeout=60)
    python = str(environment / "bin/python")
    try:
        installed = subprocess.run(
            [uv, "pip", "install", "--quiet", "--python", python, "numpy", "onnxruntime"],
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        pytest.skip("the package index did not answer within two minutes")
    if installed.returncode:
        pytest.skip(f"no package index is reachable: {installed.stderr.strip()[-200:]}")
    copy = shutil.copytree(FOLDER, tmp_path / "standalone")
    command = [
        python,
        str(copy),
        "--json",
        "--model",
        str(models[0]),
        "--reference",
        str(models[1]),
        "--seconds",
        "0.1",
    ]
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=clean, check=False)
    assert done.returncode == 0, done.stderr
    value = json.loads(done.stdout)
    assert value["speedup"] > 2
    assert value["peak_rss_bytes"] > 1e7
