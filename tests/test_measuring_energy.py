"""Energy and throttling, from trees of /sys as boards and PCs have them, with a clock that only moves when told to."""

import json
import subprocess
import sys
import types

import pytest

from edgeprune.measuring.program import FOLDER
from edgeprune.measuring.standalone import energy
from edgeprune.measuring.standalone.doubts import doubts, limits, throttling
from edgeprune.measuring.standalone.energy import ina, meters, nvml, rapl
from edgeprune.measuring.standalone.energy.windows import WINDOWS, draws


def write(root, tree):
    for name, text in tree.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"{text}\n")
    return str(root)


RAPL = "sys/class/powercap"
PC = {
    f"{RAPL}/intel-rapl:0/name": "package-0",
    f"{RAPL}/intel-rapl:0/energy_uj": 262_143_000_000,
    f"{RAPL}/intel-rapl:0/max_energy_range_uj": 262_143_328_850,
    f"{RAPL}/intel-rapl:0:0/name": "core",
    f"{RAPL}/intel-rapl:0:0/energy_uj": 900_000,
    f"{RAPL}/intel-rapl:0:0/max_energy_range_uj": 262_143_328_850,
    f"{RAPL}/intel-rapl:0:1/name": "dram",
    f"{RAPL}/intel-rapl:0:1/energy_uj": 500_000,
    f"{RAPL}/intel-rapl:0:1/max_energy_range_uj": 65_712_999_613,
    f"{RAPL}/intel-rapl:1/name": "psys",
    f"{RAPL}/intel-rapl:1/energy_uj": 1_000_000,
    f"{RAPL}/intel-rapl:1/max_energy_range_uj": 262_143_328_850,
}
INA = "sys/class/hwmon"
JETSON = {
    f"{INA}/hwmon0/name": "tmp451",
    f"{INA}/hwmon0/in1_input": 9999,
    f"{INA}/hwmon0/curr1_input": 9999,
    f"{INA}/hwmon3/name": "ina3221",
    f"{INA}/hwmon3/in1_label": "VDD_IN",
    f"{INA}/hwmon3/in1_input": 5000,  # mV
    f"{INA}/hwmon3/curr1_input": 800,  # mA
    f"{INA}/hwmon3/in2_label": "VDD_CPU_GPU_CV",
    f"{INA}/hwmon3/in2_input": 5000,
    f"{INA}/hwmon3/curr2_input": 300,
    f"{INA}/hwmon3/in4_input": 8,  # a shunt
    f"{INA}/hwmon3/in7_label": "sum of shunt voltages",
    f"{INA}/hwmon3/in7_input": 24,
    f"{INA}/hwmon3/curr4_input": 1100,
}


class Machine:
    """A clock, and files that change with it: ``draw(watts, seconds)`` lets time pass."""

    def __init__(self, root, idle, busy, inference):
        self.root, self.idle, self.busy, self.inference, self.now = root, idle, busy, inference, 0.0

    def clock(self):
        return self.now

    def sleep(self, seconds):
        self.draw(self.idle, seconds)

    def run(self):
        self.draw(self.busy, self.inference)


class Pc(Machine):
    def draw(self, watts, seconds):
        self.now += seconds
        for name, share in (("intel-rapl:0", 0.75), ("intel-rapl:0:1", 0.25), ("intel-rapl:0:0", 0.7)):
            zone = self.root / RAPL / name
            value = int((zone / "energy_uj").read_text()) + round(1e6 * share * watts * seconds)
            (zone / "energy_uj").write_text(str(value % int((zone / "max_energy_range_uj").read_text())))


class Jetson(Machine):
    def draw(self, watts, seconds):
        self.now += seconds
        (self.root / INA / "hwmon3/curr1_input").write_text(str(round(watts / 5 * 1000)))


def test_rapl_adds_packages_and_memory_and_survives_a_counter_that_starts_anew(tmp_path):
    sensor = rapl.find(write(tmp_path, PC))
    assert sensor.name == "package-0, dram"  # its parts and the platform would count twice
    pc = Pc(tmp_path, idle=4, busy=16, inference=0.05)
    (found,) = draws([pc.run], sensor, 2.0, pc.clock, pc.sleep)
    assert int((tmp_path / RAPL / "intel-rapl:0/energy_uj").read_text()) < 1e9  # it did
    assert found["mj"] == pytest.approx([1e3 * (16 - 4) * 0.05] * WINDOWS, rel=1e-3)
    assert found["idle_watts"] == pytest.approx([4] * WINDOWS, rel=1e-3)
    assert found["watts"] == pytest.approx([16] * WINDOWS, rel=1e-3)
    assert found["inferences"] == 7 * WINDOWS  # of a third of a second
    fields, reason = energy.tell(sensor, found)
    assert (fields["energy_source"], reason) == ("rapl", None)
    assert fields["energy_low"] <= fields["energy_mj"] <= fields["energy_high"]


def test_a_jetson_is_read_at_the_rail_that_feeds_the_module(tmp_path):
    sensor = ina.find(write(tmp_path, JETSON))
    assert (sensor.source, sensor.name) == ("ina", "VDD_IN")
    jetson = Jetson(tmp_path, idle=4, busy=10, inference=0.01)
    (found,) = draws([jetson.run], sensor, 12.0, jetson.clock, jetson.sleep)
    assert found["mj"] == pytest.approx([1e3 * 6 * 0.01] * WINDOWS, rel=0.02)
    assert found["idle_watts"] == pytest.approx([4] * WINDOWS, rel=0.02)


def test_other_ina_sensors_add_their_rails(tmp_path):
    tree = {f"{INA}/hwmon1/name": "ina219", f"{INA}/hwmon1/in1_input": 5100, f"{INA}/hwmon1/curr1_input": 10}
    tree |= {f"{INA}/hwmon1/power1_input": 3_500_000}  # microwatts, preferred
    tree |= {f"{INA}/hwmon2/name": "ina226", f"{INA}/hwmon2/in1_input": 1000, f"{INA}/hwmon2/curr1_input": 500}
    sensor = ina.find(write(tmp_path, tree))
    sensor.poll(0.0)
    sensor.poll(2.0)
    assert sensor.joules == pytest.approx(2 * (3.5 + 0.5))
    assert sensor.name == "hwmon1 rail 1, hwmon2 rail 1"


def test_no_difference_to_idle_is_null_with_the_reason(tmp_path):
    sensor = rapl.find(write(tmp_path, PC))
    pc = Pc(tmp_path, idle=10, busy=10, inference=0.05)
    fields, reason = energy.tell(sensor, draws([pc.run], sensor, 1.0, pc.clock, pc.sleep)[0])
    assert "energy_mj" not in fields
    assert fields["energy"]["windows"] == WINDOWS
    assert "no difference" in reason
    assert fields["energy"]["reason"] == reason  # the reference's, too


def test_model_and_reference_take_turns_so_that_a_drift_of_the_idle_power_falls_on_both(tmp_path):
    """Idle and busy power rise by half a watt a second; the interval holds what is drawn above idle."""
    sensor = rapl.find(write(tmp_path, PC))

    class Warming(Pc):
        def draw(self, watts, seconds):
            super().draw(watts + 0.5 * self.now, seconds)

    pc = Warming(tmp_path, idle=4, busy=16, inference=0.01)
    found = draws([pc.run, lambda: (pc.run(), pc.run())], sensor, 6.0, pc.clock, pc.sleep)
    told = [energy.tell(sensor, each)[0] for each in found]
    for fields, truth in zip(told, (120, 240)):
        assert fields["energy_low"] < truth < fields["energy_high"]
        assert fields["energy_mj"] == pytest.approx(truth, rel=0.03)
    assert min(found[0]["mj"]) < 120 < max(found[0]["mj"])


def test_a_machine_without_sensors_says_what_was_looked_for(tmp_path):
    sensor, reasons = energy.find_sensor(energy.AUTO, str(tmp_path))
    assert sensor is None
    assert "no RAPL counter" in reasons[0]
    assert "no INA sensor" in reasons[1]
    for source, watts, expected in (("auto", None, None), ("auto", 2.0, "estimated"), ("rapl", 2.0, None)):
        fields, reason = energy.energy(None, source, watts, 1.0, [3.0, 9.0], str(tmp_path))
        assert {each["energy_source"] for each in fields} == {expected}
        assert [each["energy_mj"] for each in fields] == ([6.0, 18.0] if expected else [None] * 2)  # 3 ms of 2 W
        assert (reason is None) == bool(expected)
    assert energy.energy(None, "none", None, 1.0, [3.0])[1] == "not asked for"
    write(tmp_path, PC)
    assert energy.find_sensor(energy.AUTO, str(tmp_path))[0].source == "rapl"


def test_counters_that_may_not_be_read_are_told_with_the_remedy(tmp_path, monkeypatch):
    root = write(tmp_path, PC)

    def forbidden(path):
        raise meters.Unreadable(f"{path} cannot be read (Permission denied)")

    monkeypatch.setattr(rapl, "reading", forbidden)  # the tests may run as root, whom nothing is forbidden
    monkeypatch.setattr(rapl.os, "access", lambda path, mode: False)
    with pytest.raises(meters.Unreadable, match=r"Permission denied.*sudo chmod a\+r"):
        rapl.find(root)


def test_nvml_is_read_where_its_library_is_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(meters.Unreadable, match="nvidia-ml-py is not installed"):
        nvml.find()
    total = iter((10_000, 10_000, 13_000))  # millijoules

    class Refused(Exception):
        pass

    library = types.SimpleNamespace(
        NVMLError=Refused, nvmlInit=lambda: None, nvmlDeviceGetHandleByIndex=lambda i: i,
        nvmlDeviceGetName=lambda gpu: b"Some GPU", nvmlDeviceGetTotalEnergyConsumption=lambda gpu: next(total),
        nvmlDeviceGetPowerUsage=lambda gpu: 4000,
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "pynvml", library)
    sensor = nvml.find()
    sensor.poll(0.0)
    sensor.poll(1.0)
    assert (sensor.name, sensor.joules) == ("Some GPU", 3.0)

    def older(gpu):
        raise Refused("not supported")

    library.nvmlDeviceGetTotalEnergyConsumption = older
    sensor = nvml.find()
    sensor.poll(0.0)
    sensor.poll(0.5)
    assert sensor.joules == pytest.approx(2.0)


CPU = "sys/devices/system/cpu/cpu{}"


def test_throttling_is_seen_in_counters_caps_and_the_firmware(tmp_path):
    assert limits(str(tmp_path)) == {}
    assert throttling({}, {}) is None
    tree = {f"{CPU.format(i)}/thermal_throttle/core_throttle_count": 5 for i in (0, 1)}
    tree |= {f"{CPU.format(0)}/cpufreq/scaling_max_freq": 1_800_000}
    tree |= {f"{CPU.format(0)}/cpufreq/cpuinfo_max_freq": 1_800_000}
    tree |= {"sys/class/thermal/cooling_device0/type": "cpufreq-cpu0", "sys/class/thermal/cooling_device0/cur_state": 0}
    tree |= {"sys/class/thermal/cooling_device1/type": "pwm-fan", "sys/class/thermal/cooling_device1/cur_state": 3}
    tree |= {"sys/devices/platform/soc/soc:firmware/get_throttled": "10000"}  # too low a voltage, once, long ago
    before = limits(write(tmp_path, tree))
    assert throttling(before, before) == []
    write(tmp_path, {
        f"{CPU.format(1)}/thermal_throttle/core_throttle_count": 9,
        f"{CPU.format(0)}/cpufreq/scaling_max_freq": 1_200_000,
        "sys/class/thermal/cooling_device0/cur_state": 2,
        "sys/devices/platform/soc/soc:firmware/get_throttled": "90008",
    })  # fmt: skip
    said = "\n".join(throttling(before, limits(str(tmp_path))))
    for words in ("4 times", "600 MHz below", "state 2", "firmware: it is too hot"):
        assert words in said
    assert "voltage" not in said


def test_doubts_name_the_load_the_governor_and_the_clock():
    quiet = {"cores_allowed": 4, "governor": "performance", "frequency_mhz": 1800}
    assert doubts(quiet, quiet, 99, 1, []) == []
    assert doubts(quiet, quiet, 250, 4, None) == []
    assert "60 % of a core" in doubts(quiet, quiet, 60, 1, [])[0]
    other = {"cores_allowed": 1, "governor": "ondemand", "frequency_mhz": 600}
    said = doubts(other, quiet, 399, 4, ["it was hot"])
    assert [word in text for word, text in zip(("share 1 core", "ondemand", "600 MHz", "hot"), said)] == [True] * 4


def test_the_energy_run_is_part_of_the_program(tmp_path):
    from test_measuring import write_model

    model = write_model(tmp_path / "m.onnx", 4)
    command = [sys.executable, str(FOLDER), "--json", "--model", str(model), "--seconds", "0.02", "--iterations", "3"]
    for options, source in ((["--energy", "none"], None), (["--energy", "estimated", "--watts", "3"], "estimated")):
        value = json.loads(subprocess.run([*command, *options], check=True, capture_output=True, text=True).stdout)
        assert value["energy_source"] == source
        assert (value["energy_mj"] is None) == ("energy_mj" in value["reasons"]) == (source is None)
        assert value["speedup"] is None
        assert "no reference" in value["reasons"]["speedup"]
