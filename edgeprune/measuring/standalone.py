#!/usr/bin/env python3
"""Measure an ONNX model on the machine that runs this file, beside a reference model; print the result as JSON.

The file stands alone: copy it to a board that has Python >= 3.8, numpy and onnxruntime (psutil only where there is no
/proc), and run::

    python standalone.py --model pruned.onnx --reference dense.onnx --seconds 10 --iterations 100 --threads 1

Protocol:

* single stream, batch 1, fixed random input, ONNX Runtime's CPU provider with a fixed number of threads;
* the model and the reference take turns in short blocks, in the order ABBA, so that a drift of the clock frequency or
  of the load falls on both alike. The first run of a block refills the caches and is not counted;
* it ends when each of the two has run for ``--seconds`` and for ``--iterations``, warm-up not counted;
* the speed-up is the ratio of the two medians;
* CPU utilisation is the process's CPU time over the wall time of the model's blocks, in per cent of *one* core: two
  busy threads read 200;
* peak resident memory is that of a fresh process which loads and runs only this model; what the same process held
  before it loaded the model, the runtime imported, is given beside it.

Exit status: 0; 2 wrong usage; 3 a model cannot be read; 4 the runtime is missing; 5 a model cannot be run.
What cannot be measured is null, and ``reasons`` says why.
"""

import argparse
import glob
import hashlib
import json
import os
import platform
import subprocess
import sys
import time

VERSION = 1
UNREADABLE, NO_RUNTIME, UNRUNNABLE = 3, 4, 5
BLOCKS = 10  # turns that each model takes, at least
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


class Failure(Exception):
    """What the caller can act on: an exit status and one sentence."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


def import_runtime():
    """Return (numpy, onnxruntime), or fail with a sentence that names what is missing."""
    try:
        import numpy
        import onnxruntime
    except ImportError as error:
        raise Failure(NO_RUNTIME, f"{error}; install numpy and onnxruntime for {sys.executable}") from error
    onnxruntime.set_default_logger_severity(3)
    return numpy, onnxruntime


class Model:
    """An ONNX file, loaded and ready to run on fixed inputs of batch 1."""

    def __init__(self, path, threads):
        numpy, onnxruntime = import_runtime()
        self.path = path
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        try:
            with open(path, "rb") as stream:
                content = stream.read()
        except OSError as error:
            raise Failure(UNREADABLE, f"{path}: cannot be read: {error.strerror}") from error
        self.bytes, self.sha256 = len(content), hashlib.sha256(content).hexdigest()
        del content  # peak memory must not hold the file twice
        try:
            self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's exceptions have no common base but Exception
            raise Failure(
                UNREADABLE, f"{path}: is not a model that ONNX Runtime can load: {one_line(error)}"
            ) from error
        random = numpy.random.RandomState(0)
        self.inputs = {}
        for tensor in self.session.get_inputs():
            if tensor.type not in DTYPES:
                raise Failure(UNRUNNABLE, f"{path}: input {tensor.name!r} has the unknown type {tensor.type}")
            # A symbolic dimension (the batch, as a rule) is 1.
            shape = [size if isinstance(size, int) and size > 0 else 1 for size in tensor.shape]
            dtype = DTYPES[tensor.type]
            values = random.random_sample(shape)
            self.inputs[tensor.name] = (values if dtype.startswith("float") else values * 2).astype(dtype)
        self.wall = self.cpu = 0.0
        self.times, self.block_medians = [], []

    def run(self):
        try:
            self.session.run(None, self.inputs)
        except Exception as error:
            raise Failure(UNRUNNABLE, f"{self.path}: fails when run: {one_line(error)}") from error

    def block(self, seconds):
        """Run for ``seconds`` and at least twice; the first run is not counted."""
        self.run()
        started, cpu = time.perf_counter(), time.process_time()
        now, first = started, len(self.times)
        while True:
            self.run()
            before, now = now, time.perf_counter()
            self.times.append(now - before)
            if now - started >= seconds:
                break
        self.wall += now - started
        self.cpu += time.process_time() - cpu
        block = sorted(self.times[first:])
        self.block_medians.append(block[len(block) // 2])

    def latency(self):
        """Milliseconds; ``std`` is the sample standard deviation."""
        import numpy

        times = numpy.array(self.times) * 1e3
        p50, p90, p99 = (float(value) for value in numpy.percentile(times, [50, 90, 99]))
        std = float(times.std(ddof=1)) if len(times) > 1 else None
        values = {"p50": p50, "p90": p90, "p99": p99, "mean": float(times.mean()), "std": std}
        values["iterations"] = len(times)
        values["blocks"] = len(self.block_medians)
        return values


def one_line(error):
    return " ".join(str(error).split())


def take_turns(models, seconds, iterations):
    """Run the models in the order A B B A A B B A … until each has its seconds and its iterations."""
    turn = min(max(seconds / BLOCKS, 0.005), 0.25)
    order = list(models)
    while any(
        m.wall < seconds or len(m.times) < iterations or len(m.block_medians) < min(BLOCKS, iterations) for m in models
    ):
        for model in order:
            model.block(turn)
        order.reverse()


def peak_memory():
    """Bytes of this process's largest resident set so far, or None."""
    try:
        with open("/proc/self/status") as stream:
            for line in stream:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        import resource

        value = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return value if sys.platform == "darwin" else value * 1024  # bytes there, KiB elsewhere
    except ImportError:
        pass
    try:
        import psutil

        return getattr(psutil.Process().memory_info(), "peak_wset", None)  # Windows
    except ImportError:
        return None


def probe(path, threads):
    """What a fresh process prints: its peak memory with the runtime imported, then with the model loaded and run."""
    import_runtime()
    idle = peak_memory()
    model = Model(path, threads)
    for _ in range(3):
        model.run()
    return {"idle": idle, "peak": peak_memory()}


def start_probe(path, threads):
    command = [sys.executable, os.path.abspath(__file__), "--probe", "--model", path, "--threads", str(threads)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)


def finish_probe(process):
    out, err = process.communicate()
    if process.returncode:
        message = err.strip().splitlines()[-1] if err.strip() else f"ended with status {process.returncode}"
        raise Failure(max(process.returncode, UNRUNNABLE), f"the process that measures memory: {message}")
    return json.loads(out)


def fingerprint(threads, root="/"):
    """What the device is; null where this system does not tell. ``root`` is another file system, for tests."""
    cpu_model, mhz = cpu_info(root)
    cpufreq = os.path.join(root, "sys/devices/system/cpu/cpu0/cpufreq")
    current = number(os.path.join(cpufreq, "scaling_cur_freq"))
    maximum = number(os.path.join(cpufreq, "cpuinfo_max_freq"))
    affinity = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    return {
        "cpu_model": cpu_model or platform.processor() or None,
        "board": first_line(os.path.join(root, "proc/device-tree/model")),
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "cores_allowed": len(affinity) if affinity else None,
        "threads": threads,
        "governor": first_line(os.path.join(cpufreq, "scaling_governor")),
        "frequency_mhz": current / 1e3 if current is not None else mhz,
        "frequency_max_mhz": maximum / 1e3 if maximum is not None else None,
        "temperature_celsius": temperature(root),
        "memory_bytes": memory_total(root),
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "os": os_name(root),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "numpy": sys.modules["numpy"].__version__ if "numpy" in sys.modules else None,
        "onnxruntime": sys.modules["onnxruntime"].__version__ if "onnxruntime" in sys.modules else None,
    }


def first_line(path):
    try:
        with open(path, errors="replace") as stream:
            return stream.readline().strip().strip("\0") or None
    except OSError:
        return None


def number(path):
    try:
        return int(first_line(path) or "")
    except ValueError:
        return None


def cpu_info(root):
    """(model name, MHz of the first core) of /proc/cpuinfo."""
    values = {}
    try:
        with open(os.path.join(root, "proc/cpuinfo"), errors="replace") as stream:
            for line in stream:
                key, _, value = line.partition(":")
                values.setdefault(key.strip(), value.strip())
    except OSError:
        return None, None
    name = next((values[key] for key in ("model name", "Model", "Hardware", "Processor") if values.get(key)), None)
    try:
        return name, float(values["cpu MHz"])
    except (KeyError, ValueError):
        return name, None


def temperature(root):
    """The hottest thermal zone, degrees Celsius."""
    zones = [number(path) for path in glob.glob(os.path.join(root, "sys/class/thermal/thermal_zone*/temp"))]
    zones = [zone / 1e3 for zone in zones if zone is not None and zone > 0]
    return max(zones) if zones else None


def memory_total(root):
    line = first_line(os.path.join(root, "proc/meminfo")) or ""
    return int(line.split()[1]) * 1024 if line.startswith("MemTotal:") else None


def os_name(root):
    try:
        with open(os.path.join(root, "etc/os-release"), errors="replace") as stream:
            for line in stream:
                if line.startswith("PRETTY_NAME="):
                    return line.split("=", 1)[1].strip().strip('"')
    except OSError:
        pass
    return platform.system() or None


def measure(model_path, reference_path, seconds, iterations, warmup, threads):
    """The whole protocol; returns what is printed."""
    process = start_probe(model_path, threads)  # it runs beside our own imports: memory does not depend on load
    try:
        model = Model(model_path, threads)
        reference = Model(reference_path, threads) if reference_path else None
    except Failure:
        process.kill()
        process.communicate()
        raise
    memory = finish_probe(process)
    before = fingerprint(threads)
    models = [model, reference] if reference else [model]
    for each in models:
        for _ in range(warmup):
            each.run()
    take_turns(models, seconds, iterations)
    latency = model.latency()
    reasons = {"energy_mj": "this program reads no energy sensor; energy needs a run of its own"}
    if memory["peak"] is None:
        reasons["peak_rss_bytes"] = "this system does not tell a process its peak memory"
    if reference is None:
        reasons["speedup"] = "no reference model was given"
    return {
        "program": VERSION,
        "runtime": "onnxruntime",
        "protocol": {
            "batch": 1,
            "threads": threads,
            "seconds": seconds,
            "iterations": iterations,
            "warmup": warmup,
            "interleaved": reference is not None,
        },
        "latency_ms": latency,
        "reference": reference
        and {"latency_ms": reference.latency(), "model_bytes": reference.bytes, "model_sha256": reference.sha256},
        "speedup": reference and reference.latency()["p50"] / latency["p50"],
        "cpu_percent": 100 * model.cpu / model.wall,
        "cpu_ms_per_inference": 1e3 * model.cpu / latency["iterations"],
        "peak_rss_bytes": memory["peak"],
        "idle_rss_bytes": memory["idle"],
        "model_bytes": model.bytes,
        "model_sha256": model.sha256,
        "energy_mj": None,
        "reasons": reasons,
        "fingerprint": dict(before, temperature_after_celsius=temperature("/")),
    }


def parse(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="ONNX file to measure")
    parser.add_argument("--reference", help="ONNX file to compare with, as a rule the dense network")
    parser.add_argument("--seconds", type=float, default=10.0, help="time for each model, at least (default 10)")
    parser.add_argument("--iterations", type=int, default=100, help="runs of each model, at least (default 100)")
    parser.add_argument("--warmup", type=int, default=10, help="runs of each model that are not counted (default 10)")
    parser.add_argument("--threads", type=int, default=1, help="threads of one inference (default 1)")
    parser.add_argument("--probe", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.threads < 1 or args.iterations < 1 or args.warmup < 0 or not 0 <= args.seconds < float("inf"):
        parser.error("threads and iterations must be at least 1, warm-up runs and seconds at least 0")
    return args


def main(argv=None):
    args = parse(argv)
    try:
        if args.probe:
            result = probe(args.model, args.threads)
        else:
            result = measure(args.model, args.reference, args.seconds, args.iterations, args.warmup, args.threads)
    except Failure as failure:
        print(failure, file=sys.stderr)
        return failure.status
    print(json.dumps(result, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
