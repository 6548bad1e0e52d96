"""Energy of an inference above idle: a table of sensors, and what the one that can be read says."""

from ..interval import mean_interval
from . import command, hwmon, ina, nvml, pmic, rapl
from .meters import Unreadable
from .windows import WINDOWS, draws

#: ``find(root)`` of each, and the settings that it takes beside.
SENSORS = {
    "rapl": (rapl.find,),
    "ina": (ina.find,),
    "nvml": (nvml.find,),
    "pmic": (pmic.find,),
    "hwmon": (hwmon.find, "sensor"),
    "command": (command.find, "command", "unit"),
}
#: NVML is left out: it counts a GPU, and the models run on the CPU. So is what has to be named.
AUTO = ("rapl", "ina", "pmic")


def find_sensor(names, root="/", **settings):
    """(the first sensor that can be read or None, why not those before it)."""
    reasons = []
    for name in names:
        find, *takes = SENSORS[name]
        try:
            return find(root, **{key: settings.get(key) for key in takes}), reasons
        except Unreadable as error:
            reasons.append(str(error))
    return None, reasons


def energy(load, source, watts, seconds, cpu_ms, root="/", **settings):
    """What the result says of energy, a dict for each model, and why a number is missing.

    ``load`` gives the models' functions to run, and is called only where a sensor is read; ``cpu_ms`` is an inference's
    CPU time of each model in the timed runs. ``settings`` are the sensor's.
    """
    keys = ("energy_mj", "energy_low", "energy_high", "energy_source", "energy")
    fields = [dict.fromkeys(keys) for _ in cpu_ms]
    if source == "none":
        return fields, "not asked for"
    reasons = []
    if source != "estimated":
        try:
            sensor, reasons = find_sensor(AUTO if source == "auto" else [source], root, **settings)
            if sensor:
                runs = load()
                for run in runs * 3:
                    run()
                try:
                    told = [tell(sensor, found) for found in draws(runs, sensor, seconds)]
                finally:
                    sensor.stop()
                for each, (values, _) in zip(fields, told):
                    each.update(values)
                return fields, told[0][1]
        except Unreadable as error:  # it could be read before
            reasons = [str(error)]
    if source == "estimated" or (source == "auto" and watts):
        for each, ms in zip(fields, cpu_ms):
            details = {"watts_per_core": watts, "cpu_ms_per_inference": ms, "no_sensor": reasons}
            each.update(energy_mj=ms * watts, energy_source="estimated", energy=details)
        return fields, None
    return fields, "; ".join(reasons)


def tell(sensor, found):
    """``(fields, reason)`` of one of :func:`draws`."""
    mean, low, high = mean_interval(found["mj"])
    idle, watts = (sum(found[key]) / WINDOWS for key in ("idle_watts", "watts"))
    fields = {"energy": dict(found, sensor=sensor.name, windows=WINDOWS)}
    if low <= 0:
        said = f"the runs drew {watts:.2f} W and idle {idle:.2f} W on the average of {WINDOWS} windows"
        fields["energy"]["reason"] = f"{said}: no difference to tell"
        return fields, fields["energy"]["reason"]
    return dict(fields, energy_mj=mean, energy_low=low, energy_high=high, energy_source=sensor.source), None
