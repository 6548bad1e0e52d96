"""Peak memory, in a fresh process."""

import json
import os
import subprocess
import sys

from . import runtimes
from .failures import UNRUNNABLE, Failure
from .timing import Model


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
    runtimes.RUNTIMES["onnxruntime"].package()
    idle = peak_memory()
    model = Model(path, threads)
    for _ in range(3):
        model.run()
    return {"idle": idle, "peak": peak_memory()}


def start_probe(path, threads):
    command = [
        sys.executable,
        os.path.dirname(os.path.abspath(__file__)),
        "--probe",
        "--model",
        path,
        "--threads",
        str(threads),
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)


def finish_probe(process):
    out, err = process.communicate()
    if process.returncode:
        message = err.strip().splitlines()[-1] if err.strip() else f"ended with status {process.returncode}"
        raise Failure(max(process.returncode, UNRUNNABLE), f"the process that measures memory: {message}")
    return json.loads(out)
