"""Peak memory, in a fresh process."""

import sys

from . import runtimes
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


def probe(options):
    """What a fresh process finds: its peak memory with the runtime started, then with the model loaded and run, and
    what the runtime says of its own."""
    runtime = runtimes.RUNTIMES[options.runtime]
    runtime.start()
    idle = peak_memory()
    model = Model(options.model, options.threads, options.runtime)
    for _ in range(3):
        model.run()
    return {
        "idle": idle,
        "peak": peak_memory(),
        "arena": runtime.arena_bytes(options.model, options.threads, model.feed),
    }
