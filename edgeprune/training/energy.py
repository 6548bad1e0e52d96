"""Energy that a training drew, where the machine has counters that can be read."""

from __future__ import annotations

import ctypes
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

POWERCAP = Path("/sys/class/powercap")
#: Seconds between two readings of a counter that runs over: RAPL's hold 65 kJ or more, minutes at any package's power.
EVERY = 10.0

#: Each counter's function that reads joules and the range after which it starts anew; what was read; why not.
Counters = tuple[list[tuple[Callable[[], float], float]], str | None, str | None]


class Meter:
    """Adds up joules from its making on.

    Counters run over, so a thread reads them ``every`` few seconds, however long nobody calls :meth:`update`; it ends
    with the meter. The counters are those of whole processors: what else ran on them is in the figure.

    Attributes:
        joules: so far; None where nothing can be read.
        method: what was read; None likewise.
        reason: why not, otherwise None.
    """

    def __init__(self, device: torch.device, powercap: Path = POWERCAP, every: float = EVERY) -> None:
        self._counters, self.method, self.reason = _gpu(device) if device.type == "cuda" else _packages(powercap)
        self.joules = 0.0 if self._counters else None
        self._last, self._lock = [read() for read, _ in self._counters], threading.Lock()
        if any(over for _, over in self._counters):
            gone = threading.Event()
            weakref.finalize(self, gone.set)  # the thread holds no meter, or the meter would never end
            arguments = (weakref.ref(self), gone, every)
            threading.Thread(target=_keep_reading, args=arguments, name="energy", daemon=True).start()

    def update(self) -> float | None:
        """Take in what was drawn since the last call; returns :attr:`joules`."""
        with self._lock:
            for i, (read, over) in enumerate(self._counters):
                try:
                    now = read()
                except (OSError, ValueError) as error:  # a meter that fails must not end a training of hours
                    self._counters, self.joules, self.reason = [], None, f"the counter became unreadable: {error}"
                    break
                self.joules = (self.joules or 0.0) + ((now - self._last[i]) + (over if now < self._last[i] else 0.0))
                self._last[i] = now
            return self.joules


def _keep_reading(reference: weakref.ref[Meter], gone: threading.Event, every: float) -> None:
    while not gone.wait(every):
        meter = reference()
        if meter is None or meter.update() is None:
            return
        del meter


def _packages(powercap: Path) -> Counters:
    """``(read in joules, range)`` of each processor package, after Linux's powercap interface (RAPL)."""
    counters: list[tuple[Callable[[], float], float]] = []
    for folder in sorted(powercap.glob("intel-rapl:[0-9]*")):
        if folder.name.count(":") > 1:
            continue  # a part of a package
        try:
            over = int((folder / "max_energy_range_uj").read_text()) / 1e6
            file = folder / "energy_uj"
            file.read_text()
        except (OSError, ValueError) as error:
            return [], None, f"{folder}: {error}"
        counters.append((lambda file=file: int(file.read_text()) / 1e6, over))
    if not counters:
        return [], None, f"no energy counter under {powercap}"
    return counters, "RAPL, whole processor packages", None


def _gpu(device: torch.device) -> Counters:
    """The same of the GPU, by the driver's library (NVML)."""
    import torch

    try:
        library, handle = ctypes.CDLL("libnvidia-ml.so.1"), ctypes.c_void_p()
        uuid = f"GPU-{torch.cuda.get_device_properties(device).uuid}".encode()
        if library.nvmlInit_v2() or library.nvmlDeviceGetHandleByUUID(uuid, ctypes.byref(handle)):
            return [], None, "NVML does not know the GPU"

        def read() -> float:
            millijoules = ctypes.c_ulonglong()
            if library.nvmlDeviceGetTotalEnergyConsumption(handle, ctypes.byref(millijoules)):
                raise OSError("NVML gives no energy of this GPU")
            return millijoules.value / 1e3

        read()
    except (OSError, AttributeError, RuntimeError) as error:
        return [], None, str(error)
    return [(read, 0.0)], "NVML, whole GPU", None
