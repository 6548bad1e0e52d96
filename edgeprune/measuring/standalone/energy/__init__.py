"""Energy of an inference above idle: a table of sensors, and a run between two idle windows."""

import time

from . import ina, nvml, rapl
from .meters import Unreadable

SENSORS = {"rapl": rapl.find, "ina": ina.find, "nvml": nvml.find}
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
