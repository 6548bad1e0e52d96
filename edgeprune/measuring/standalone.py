#!/usr/bin/env python3
"""Measure an ONNX model on the machine that runs this file, beside a reference model; print the result as JSON.

The file stands alone: copy it to a board that has Python >= 3.8, numpy and onnxruntime (psutil only where there is no
/proc), and run::

    python standalone.py --model pruned.onnx --reference dense.onnx --seconds 10 --iterations 100 --threads 1

Protocol:

* single stream, batch 1, fixed random input, ONNX Runtime's CPU provider with a fixed number of threads, on the cores
  of ``--affinity`` where it is given;
* the model and the reference take turns in short blocks, in the order ABBA, so that a drift of the clock frequency or
  of the load falls on both alike. The first run of a block refills the caches and is not counted;
* it ends when each of the two has been busy for ``--seconds`` and has run ``--iterations`` times, warm-up not counted
  (or has waited for the processor so long that four times the seconds are over);
* latency is wall time. The speed-up goes by CPU time if the inference has one thread, since it is the wall time of a
  machine that does nothing else: other processes that take the core for a while lengthen a slow model's runs more than
  a fast one's. With several threads it goes by wall time. ``speedup_clock`` says which, ``speedup_wall`` is the plain
  ratio of the median latencies;
* two blocks that follow one another make a pair, a pair gives the ratio of the two blocks' medians, and the speed-up is
  the median of the pairs' ratios. Its 95 % interval goes by ranks: it reaches from the k-th smallest to the k-th
  largest ratio, k from the binomial distribution, and so assumes nothing of how the times are distributed;
* CPU utilisation is the process's CPU time over the wall time of the model's blocks, in per cent of *one* core: two
  busy threads read 200;
* peak resident memory is that of a fresh process which loads and runs only this model; what the same process held
  before it loaded the model, the runtime imported, is given beside it;
* energy is a run of its own, after the timing: ``--energy-seconds`` of the model alone between two windows of half that
  length in which the program sleeps; their mean power is subtracted. ``estimated`` is no measurement: CPU time of an
  inference times ``--watts``, what one busy core draws more than an idle one;
* ``warnings`` says what makes the numbers doubtful: another process took the CPU, the clock was throttled.

Exit status: 0; 2 wrong usage; 3 a model cannot be read; 4 the runtime is missing; 5 a model cannot be run.
What cannot be measured is null, and ``reasons`` says why.
"""

import argparse
import contextlib
import glob
import hashlib
import json
import math
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time

VERSION = 2
USAGE, UNREADABLE, NO_RUNTIME, UNRUNNABLE = 2, 3, 4, 5
BLOCKS = 40  # turns that each model takes, at least
BLOCK_RUNS = 3  # timed runs of a block, at least
PATIENCE = 4  # times the seconds asked for, if other processes take the cores
LAYER_TURNS = 6  # turns of each model whose layers are timed
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


# ---------------------------------------------------------------------------------------------------------------------
# A model and its times


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

    def __init__(self, path, threads, trace=None):
        numpy, onnxruntime = import_runtime()
        self.path = path
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        if trace:  # a file's name without its end: ONNX Runtime writes there how long each operator took
            options.enable_profiling, options.profile_file_prefix = True, trace
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
        exact = time.get_clock_info("thread_time").resolution < 2e-6  # Windows counts in 1/64 seconds
        self.clock = time.thread_time if threads == 1 and exact else time.perf_counter
        self.wall = self.cpu = self.busy = 0.0  # seconds in blocks: by the wall, by the processor, by ``clock``
        self.times, self.block_medians = [], []  # of each run by the wall, of each block by ``clock``

    def run(self):
        try:
            self.session.run(None, self.inputs)
        except Exception as error:
            raise Failure(UNRUNNABLE, f"{self.path}: fails when run: {one_line(error)}") from error

    def block(self, seconds):
        """Be busy for ``seconds`` and run at least ``BLOCK_RUNS`` times, after one run that is not counted."""
        self.run()
        started, cpu, own = time.perf_counter(), time.process_time(), []
        total = 0.0
        while total < seconds or len(own) < BLOCK_RUNS:
            before, busy = time.perf_counter(), self.clock()
            self.run()
            own.append(self.clock() - busy)
            total += own[-1]
            self.times.append(time.perf_counter() - before)
        self.wall += time.perf_counter() - started
        self.cpu += time.process_time() - cpu
        self.busy += total
        self.block_medians.append(median(own))

    def latency(self):
        """Milliseconds; ``std`` is the sample standard deviation, ``iqr`` the width of the middle half."""
        import numpy

        times = numpy.array(self.times) * 1e3
        p25, p50, p75, p90, p99 = (float(value) for value in numpy.percentile(times, [25, 50, 75, 90, 99]))
        std = float(times.std(ddof=1)) if len(times) > 1 else None
        values = {"p50": p50, "p90": p90, "p99": p99, "mean": float(times.mean()), "std": std, "iqr": p75 - p25}
        values["iterations"] = len(times)
        values["blocks"] = len(self.block_medians)
        return values


def one_line(error):
    return " ".join(str(error).split())


def median(values):
    values = sorted(values)
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


def take_turns(models, seconds, iterations):
    """Run the models in the order A B B A A B B A … until each has its seconds and its iterations."""
    turn = min(max(seconds / BLOCKS, 0.005), 0.25)
    blocks = min(BLOCKS, math.ceil(iterations / BLOCK_RUNS))
    order = list(models)
    while any(
        (m.busy < seconds and m.wall < PATIENCE * seconds) or len(m.times) < iterations or len(m.block_medians) < blocks
        for m in models
    ):
        for model in order:
            model.block(turn)
        order.reverse()


def speedup_of(model, reference):
    """(speed-up, low, high): the median of the pairs' ratios and its interval of 95 %, see :func:`median_interval`."""
    ratios = [theirs / ours for ours, theirs in zip(model.block_medians, reference.block_medians)]
    return (median(ratios),) + median_interval(ratios)


def median_interval(values, confidence=0.95):
    """(low, high) that hold the median of what the values were drawn from with at least this confidence.

    The k-th smallest and the k-th largest value: the median lies outside only if fewer than k of n draws fall on one
    side of it, which has the probability of the binomial distribution (n, 1/2). (None, None) for fewer than 6 values.
    """
    values, k, tail = sorted(values), 0, 0
    while 2 * (tail + math.comb(len(values), k)) <= (1 - confidence) * 2 ** len(values):
        tail += math.comb(len(values), k)
        k += 1
    return (values[k - 1], values[-k]) if k else (None, None)


# ---------------------------------------------------------------------------------------------------------------------
# Memory, in a fresh process


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


# ---------------------------------------------------------------------------------------------------------------------
# What the device is, and what it did meanwhile


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
        "affinity": affinity,
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


#: Bits of the Raspberry Pi's firmware, now; the same 16 bits higher: since the start.
FIRMWARE = ("the supply voltage is too low", "the clock is capped", "the clock is throttled", "it is too hot")


def limits(root="/"):
    """What holds the clock down, as far as the system tells: ``{name: number}``, see :func:`throttling`."""
    cores = os.path.join(root, "sys/devices/system/cpu/cpu[0-9]*")
    found = {}
    counts = numbers(os.path.join(cores, "thermal_throttle/core_throttle_count"))
    if counts:
        found["count"] = sum(counts.values())
    maxima = numbers(os.path.join(cores, "cpufreq/scaling_max_freq"))
    caps = [(number(os.path.join(os.path.dirname(p), "cpuinfo_max_freq")) or 0) - khz for p, khz in maxima.items()]
    if caps:
        found["capped_mhz"] = max(0, max(caps)) / 1e3
    states = numbers(os.path.join(root, "sys/class/thermal/cooling_device*/cur_state"))
    kinds = {path: (first_line(os.path.join(os.path.dirname(path), "type")) or "").lower() for path in states}
    states = [state for path, state in states.items() if "cpu" in kinds[path] or kinds[path] == "processor"]
    if states:
        found["cooling"] = max(states)
    bits = first_line(os.path.join(root, "sys/devices/platform/soc/soc:firmware/get_throttled"))
    if bits is None and root == "/" and shutil.which("vcgencmd"):
        done = subprocess.run(["vcgencmd", "get_throttled"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        bits = done.stdout.decode("ascii", "replace").strip().partition("=")[2]
    with contextlib.suppress(ValueError):
        found["firmware"] = int(bits or "", 16)
    return found


def numbers(pattern):
    found = {path: number(path) for path in sorted(glob.glob(pattern))}
    return {path: value for path, value in found.items() if value is not None}


def throttling(before, after):
    """What happened between two :func:`limits`: a list of sentences; None where the system tells nothing."""
    if not after:
        return None
    found = []
    times = after.get("count", 0) - before.get("count", 0)
    if times > 0:
        found.append(f"cores were throttled for heat, {times} times in all")
    if after.get("capped_mhz", 0) > 0:
        found.append(f"the clock is capped {after['capped_mhz']:.0f} MHz below the processor's maximum")
    if after.get("cooling", 0) > 0:
        found.append(f"the system holds the CPU down for heat, to state {after['cooling']}")
    bits = after.get("firmware", 0)
    bits = bits | (bits & ~before.get("firmware", 0)) >> 16  # now, or not yet at the beginning
    return found + ["firmware: " + text for i, text in enumerate(FIRMWARE) if bits >> i & 1]


def doubts(before, after, cpu_percent, threads, throttled):
    """Sentences on what makes the numbers doubtful."""
    found, governor = [], before["governor"]
    if cpu_percent < (85 if threads == 1 else 50 * threads):
        found.append(
            f"the process had {cpu_percent:.0f} % of a core for {threads} thread(s): other work took the CPU; "
            "times are too long, the speed-up holds better"
        )
    allowed = before["cores_allowed"]
    if allowed and threads > allowed:
        found.append(f"{threads} threads share {allowed} core(s)")
    if governor and governor != "performance":
        found.append(
            f"the governor is {governor!r}: the clock follows the load; `performance` makes times repeat better"
        )
    frequencies = [each["frequency_mhz"] for each in (before, after)]
    if all(frequencies) and min(frequencies) < 0.9 * max(frequencies):
        found.append("the clock was at {:.0f} MHz before and at {:.0f} MHz after".format(*frequencies))
    return found + (throttled or [])


# ---------------------------------------------------------------------------------------------------------------------
# Energy: sensors whose ``joules`` grow with each ``poll``, and a run between two idle windows


class Unreadable(Exception):
    """A sensor that is not there or may not be read, and why."""


class Counter:
    """Counters of energy: ``readers`` are (read in joules, the range after which it starts anew or None)."""

    def __init__(self, source, name, readers):
        self.source, self.name, self.readers, self.joules = source, name, readers, 0.0
        self.last = [read() for read, _ in readers]

    def poll(self, now):
        for i, (read, over) in enumerate(self.readers):
            value = read()
            self.joules += value - self.last[i] + (over or 0.0 if value < self.last[i] else 0.0)
            self.last[i] = value


class Power:
    """Readings of power: ``readers`` give watts, which are added up over the time between two polls."""

    def __init__(self, source, name, readers):
        self.source, self.name, self.readers, self.joules = source, name, readers, 0.0
        self.last = None

    def poll(self, now):
        watts = sum(read() for read in self.readers)
        if self.last:
            self.joules += (now - self.last[0]) * (watts + self.last[1]) / 2
        self.last = (now, watts)


def rapl(root="/"):
    """Processor packages and the memory they count, by Linux's powercap: Intel's, and AMD's under the same name."""
    folder = os.path.join(root, "sys/class/powercap")
    readers, names = [], []
    for zone in sorted(glob.glob(os.path.join(folder, "intel-rapl:*"))):
        name = first_line(os.path.join(zone, "name")) or ""
        if not (name.startswith("package") or name == "dram"):
            continue  # a part of a package, or the platform, which would count the package again
        over = number(os.path.join(zone, "max_energy_range_uj"))
        readers.append((microjoules(os.path.join(zone, "energy_uj")), over and over / 1e6))
        names.append(name)
    if not readers:
        raise Unreadable(f"no RAPL counter under {folder}")
    return Counter("rapl", ", ".join(names), readers)


def microjoules(path):
    def read():
        return reading(path) / 1e6

    try:
        read()
    except Unreadable as error:
        if os.path.exists(path) and not os.access(path, os.R_OK):
            raise Unreadable(
                f"{error}; run as root, or: sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj"
            ) from error
        raise
    return read


def reading(path):
    try:
        with open(path) as stream:
            return int(stream.read())
    except (OSError, ValueError) as error:
        raise Unreadable(f"{path} cannot be read ({getattr(error, 'strerror', None) or error})") from error


def ina(root="/"):
    """INA219/226/3221 under hwmon, as on Jetson boards: the rail that feeds the whole board, else all rails."""
    rails = {}
    for folder in sorted(glob.glob(os.path.join(root, "sys/class/hwmon/hwmon*"))):
        if not (first_line(os.path.join(folder, "name")) or "").startswith("ina"):
            continue
        for i in range(1, 4):  # beyond are the INA3221's shunts and their sum
            power, volts, amperes = (os.path.join(folder, f"{n}{i}_input") for n in ("power", "in", "curr"))
            label = first_line(os.path.join(folder, f"in{i}_label")) or f"{os.path.basename(folder)} rail {i}"
            if os.path.exists(power):
                rails[label] = lambda power=power: reading(power) / 1e6
            elif os.path.exists(volts) and os.path.exists(amperes):
                rails[label] = lambda volts=volts, amperes=amperes: reading(volts) * reading(amperes) / 1e6
    if not rails:
        raise Unreadable(f"no INA sensor under {os.path.join(root, 'sys/class/hwmon')}")
    whole = [label for label in rails if label.endswith("_IN")]  # VDD_IN, POM_5V_IN: what the module draws in all
    names = whole[:1] or list(rails)
    for name in names:
        rails[name]()
    return Power("ina", ", ".join(names), [rails[name] for name in names])


def nvml(root="/"):
    """The first NVIDIA GPU, by its driver's library; needs the package nvidia-ml-py."""
    try:
        import pynvml
    except ImportError as error:
        raise Unreadable("the package nvidia-ml-py is not installed") from error
    try:
        pynvml.nvmlInit()
        gpu = pynvml.nvmlDeviceGetHandleByIndex(0)
        name = pynvml.nvmlDeviceGetName(gpu)
        name = name.decode() if isinstance(name, bytes) else name
        try:
            return Counter("nvml", name, [(lambda: pynvml.nvmlDeviceGetTotalEnergyConsumption(gpu) / 1e3, None)])
        except pynvml.NVMLError:
            power = Power("nvml", name, [lambda: pynvml.nvmlDeviceGetPowerUsage(gpu) / 1e3])
            power.readers[0]()
            return power
    except pynvml.NVMLError as error:
        raise Unreadable(f"NVML: {error}") from error


SENSORS = {"rapl": rapl, "ina": ina, "nvml": nvml}
#: NVML is left out: it counts a GPU, and the models run on the CPU.
AUTO = ("rapl", "ina")
POLL = 0.02  # seconds between two readings, as far as an inference's length allows


def find_sensor(names, root="/"):
    """(the first sensor that can be read or None, why not those before it)."""
    reasons = []
    for name in names:
        try:
            return SENSORS[name](root), reasons
        except Unreadable as error:
            reasons.append(str(error))
    return None, reasons


def window(sensor, step, seconds, clock):
    """(joules, seconds, steps) of repeating ``step`` for ``seconds``."""
    started = polled = now = clock()
    sensor.poll(now)
    joules, steps = sensor.joules, 0
    while now - started < seconds:
        step()
        steps, now = steps + 1, clock()
        if now - polled >= POLL:
            sensor.poll(now)
            polled = now
    sensor.poll(now)
    return sensor.joules - joules, now - started, steps


def draw_of(run, sensor, seconds, clock=time.perf_counter, sleep=time.sleep):
    """Energy of ``run()`` above idle: ``(millijoules or None, details, reason, warnings)``."""

    def idle():
        joules, took, _ = window(sensor, lambda: sleep(POLL), seconds / 2, clock)
        return joules / took

    before = idle()
    joules, took, runs = window(sensor, run, seconds, clock)
    after = idle()
    rest = (before + after) / 2
    details = {
        "sensor": sensor.name,
        "idle_watts": [before, after],
        "running_watts": joules / took,
        "seconds": took,
        "inferences": runs,
    }
    above = joules / took - rest
    if above <= abs(before - after) / 2:
        said = f"the run drew {joules / took:.2f} W, idle {before:.2f} W before and {after:.2f} W after"
        return None, details, f"{said}: no difference to tell", []
    warnings = []
    if abs(before - after) > 0.2 * above:
        warnings.append(f"idle power was {before:.2f} W before and {after:.2f} W after: the energy is uncertain")
    return 1e3 * above * took / runs, details, None, warnings


def energy(model, source, watts, seconds, cpu_ms, root="/"):
    """The fields of the result that tell of energy; ``cpu_ms`` is an inference's CPU time in the timed run."""
    fields = {"energy_mj": None, "energy_source": None, "energy": None}
    if source == "none":
        return fields, "not asked for", []
    reasons = []
    if source != "estimated":
        try:
            sensor, reasons = find_sensor(AUTO if source == "auto" else [source], root)
            if sensor:
                for _ in range(3):
                    model.run()
                millijoules, details, reason, warnings = draw_of(model.run, sensor, seconds)
                fields.update(energy_mj=millijoules, energy=details)
                fields["energy_source"] = None if millijoules is None else sensor.source
                return fields, reason, warnings
        except Unreadable as error:  # it could be read before
            reasons = [str(error)]
    if source == "estimated" or (source == "auto" and watts):
        details = {"watts_per_core": watts, "cpu_ms_per_inference": cpu_ms, "no_sensor": reasons}
        fields.update(energy_mj=cpu_ms * watts, energy_source="estimated", energy=details)
        return fields, None, []
    return fields, "; ".join(reasons), []


# ---------------------------------------------------------------------------------------------------------------------
# The whole


def measure(model_path, reference_path, options):
    """The whole protocol; returns what is printed. ``options`` are :func:`parse`'s."""
    threads = options.threads
    process = start_probe(model_path, threads)  # it runs beside our own imports: memory does not depend on load
    try:
        model = Model(model_path, threads)
        reference = Model(reference_path, threads) if reference_path else None
    except Failure:
        process.kill()
        process.communicate()
        raise
    memory = finish_probe(process)
    before, limits_before = fingerprint(threads), limits()
    models = [model, reference] if reference else [model]
    for each in models:
        for _ in range(options.warmup):
            each.run()
    take_turns(models, options.seconds, options.iterations)
    after, throttled = fingerprint(threads), throttling(limits_before, limits())
    latency, reasons = model.latency(), {}
    cpu_percent, cpu_ms = 100 * model.cpu / model.wall, 1e3 * model.cpu / latency["iterations"]
    speedup, low, high = speedup_of(model, reference) if reference else (None, None, None)
    if reference is None:
        reasons["speedup"] = "no reference model was given"
    elif low is None:
        reasons["speedup_low"] = reasons["speedup_high"] = "an interval needs 6 pairs of blocks"
    if memory["peak"] is None:
        reasons["peak_rss_bytes"] = "this system does not tell a process its peak memory"
    drawn, reason, warnings = energy(model, options.energy, options.watts, options.energy_seconds, cpu_ms)
    if reason:
        reasons["energy_mj"] = reason
    result = {
        "program": VERSION,
        "engine": "onnxruntime",
        "protocol": {
            "batch": 1,
            "threads": threads,
            "affinity": options.affinity,
            "seconds": options.seconds,
            "iterations": options.iterations,
            "warmup": options.warmup,
            "interleaved": reference is not None,
        },
        "latency_ms": latency,
        "reference": reference
        and {
            "latency_ms": reference.latency(),
            "cpu_ms_per_inference": 1e3 * reference.cpu / len(reference.times),
            "model_bytes": reference.bytes,
            "model_sha256": reference.sha256,
        },
        "speedup": speedup,
        "speedup_low": low,
        "speedup_high": high,
        "speedup_clock": reference and ("wall" if model.clock is time.perf_counter else "cpu"),
        "speedup_wall": reference and reference.latency()["p50"] / latency["p50"],
        "cpu_percent": cpu_percent,
        "cpu_ms_per_inference": cpu_ms,
        "peak_rss_bytes": memory["peak"],
        "idle_rss_bytes": memory["idle"],
        "model_bytes": model.bytes,
        "model_sha256": model.sha256,
    }
    result.update(drawn)
    result["reasons"] = reasons
    result["warnings"] = doubts(before, after, cpu_percent, threads, throttled) + warnings
    result["fingerprint"] = dict(
        before,
        temperature_after_celsius=after["temperature_celsius"],
        frequency_after_mhz=after["frequency_mhz"],
        throttled=None if throttled is None else bool(throttled),
    )
    return result


def pin(cores):
    """Let this process, and those it starts, run on these cores only."""
    if not hasattr(os, "sched_setaffinity"):
        raise Failure(USAGE, f"affinity: this system ({platform.system()}) has none to set")
    try:
        os.sched_setaffinity(0, cores)
    except (OSError, ValueError, OverflowError) as error:
        has = ",".join(map(str, sorted(os.sched_getaffinity(0))))
        raise Failure(USAGE, f"affinity: cores {sorted(cores)}: {error}; there are {has}") from error


def core_list(text):
    cores = sorted({int(part) for part in text.split(",")})
    if cores[0] < 0:
        raise ValueError
    return cores


core_list.__name__ = "list of cores"  # argparse's message


def measure_layers(paths, options):
    """How long each operator of some models takes, each model in turns with the first one; what is printed.

    A model runs in two sessions by turns: as it is, and with ONNX Runtime's own profiler, which counts whole
    microseconds; an operator's time is the mean of the quicker half of its runs, the quickest tenth left out. One
    thread's time is counted in CPU time, so that what other processes take does not count; that of several, as the
    median of the wall clock. Energy is that of the whole model.
    """
    threads, results = options.threads, []
    reference, before = Model(paths[0], threads), None
    for path in paths:
        folder = tempfile.mkdtemp()
        try:
            models = [reference, Model(path, threads), Model(path, threads, os.path.join(folder, "trace"))]
            before = before or fingerprint(threads)
            for model in models:
                for _ in range(options.warmup):
                    model.run()
            reference.wall, reference.cpu, reference.times = 0.0, 0.0, []
            for turn in range(LAYER_TURNS):
                for model in models if turn % 2 else models[::-1]:
                    model.block(options.seconds / LAYER_TURNS)
            with open(models[2].session.end_profiling()) as stream:
                events = json.load(stream)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        times = {}
        for event in events:
            if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
                name = event["name"][: -len("_kernel_time")]
                times.setdefault((name, event.get("args", {}).get("op_name")), []).append(event["dur"])
        cpu_ms = 1e3 * models[1].cpu / len(models[1].times)
        drawn, reason, _ = energy(models[1], options.energy, options.watts, options.energy_seconds, cpu_ms)
        results.append(
            {
                "ms": milliseconds(models[1], threads),
                "reference_ms": milliseconds(reference, threads),
                "cpu_share": models[1].cpu / models[1].wall,
                "energy_mj": drawn["energy_mj"],
                "energy_source": drawn["energy_source"],
                "energy_reason": reason,
                "model_sha256": models[1].sha256,
                "nodes": [[name, op, quicker_half(runs[options.warmup :])] for (name, op), runs in times.items()],
            }
        )
    return {
        "program": VERSION,
        "engine": "onnxruntime",
        "clock": "CPU time" if threads == 1 else "wall time",
        "reference_ms": median(result["reference_ms"] for result in results),
        "models": results,
        "fingerprint": before,
    }


def milliseconds(model, threads):
    """Of one inference, see :func:`measure_layers`."""
    return 1e3 * model.cpu / len(model.times) if threads == 1 else model.latency()["p50"]


def quicker_half(values):
    values = sorted(values)
    kept = values[len(values) // 10 : max(1, len(values) // 2)]
    return sum(kept) / len(kept)


def parse(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--model", help="ONNX file to measure")
    what.add_argument("--layers", nargs="+", metavar="MODEL", help="time each operator of these, beside the first one")
    parser.add_argument("--reference", help="ONNX file to compare with, as a rule the dense network")
    parser.add_argument("--seconds", type=float, default=10.0, help="time for each model, at least (default 10)")
    parser.add_argument("--iterations", type=int, default=100, help="runs of each model, at least (default 100)")
    parser.add_argument("--warmup", type=int, default=10, help="runs of each model that are not counted (default 10)")
    parser.add_argument("--threads", type=int, default=1, help="threads of one inference (default 1)")
    parser.add_argument("--affinity", type=core_list, help="cores to run on, e.g. 2,3 (default: all that are allowed)")
    parser.add_argument(
        "--energy",
        choices=["auto"] + sorted(SENSORS) + ["estimated", "none"],
        default="auto",
        help="where energy is read: auto is the first of rapl and ina that can be read, else an estimate if --watts is "
        "given (default auto)",
    )
    parser.add_argument("--watts", type=float, help="for an estimate: what a busy core draws more than an idle one")
    parser.add_argument("--energy-seconds", type=float, help="length of the energy run (default: as --seconds)")
    parser.add_argument("--probe", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.energy_seconds is None:
        args.energy_seconds = max(args.seconds, POLL)
    infinity = float("inf")
    if args.threads < 1 or args.iterations < 1 or args.warmup < 0 or not 0 <= args.seconds < infinity:
        parser.error("threads and iterations must be at least 1, warm-up runs and seconds at least 0")
    most = max(64, 4 * (os.cpu_count() or 1))  # ONNX Runtime takes thousands, and then hangs
    if args.threads > most:
        parser.error(f"more than {most} threads are not of use on this machine")
    if not 0 < args.energy_seconds < infinity or not (args.watts is None or 0 < args.watts < infinity):
        parser.error("the energy run's seconds and watts must be above 0")
    if args.energy == "estimated" and args.watts is None:
        parser.error("an estimate of energy needs --watts")
    return args


def main(argv=None):
    args = parse(argv)
    try:
        if args.affinity:
            pin(args.affinity)
        if args.layers:
            result = measure_layers(args.layers, args)
        else:
            result = probe(args.model, args.threads) if args.probe else measure(args.model, args.reference, args)
    except Failure as failure:
        print(failure, file=sys.stderr)
        return failure.status
    print(json.dumps(result, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
