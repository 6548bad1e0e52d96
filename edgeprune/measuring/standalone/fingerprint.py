"""What the device is."""

import glob
import os
import platform
import sys

from .sysfs import first_line, number


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
