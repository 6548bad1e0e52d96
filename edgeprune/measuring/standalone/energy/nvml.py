"""Counters of an NVIDIA GPU."""

from .meters import Counter, Power, Unreadable


def find(root="/"):
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
