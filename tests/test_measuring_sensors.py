"""Energy sensors that people own: recorded trees of /sys, a firmware's and a meter's program made here."""

import os
import shlex
import sys
import time

import pytest

from edgeprune.config.load import effective
from edgeprune.errors import EdgepruneError
from edgeprune.measuring.measure import measure
from edgeprune.measuring.standalone.energy import command, energy, find_sensor, hwmon, pmic
from edgeprune.measuring.standalone.energy.meters import Counter, Power, Unreadable
from helpers.workflow import Workspace
from test_measuring import FAST, write_model
from test_measuring_energy import write

HWMON = "sys/class/hwmon"
#: A server's whole-board meter, beside a temperature.
ACPI = {
    f"{HWMON}/hwmon0/name": "coretemp",
    f"{HWMON}/hwmon0/temp1_input": 45000,
    f"{HWMON}/hwmon1/name": "power_meter",
    f"{HWMON}/hwmon1/power1_average": 90_000_000,  # microwatts
    f"{HWMON}/hwmon1/power1_average_interval": 1000,
    f"{HWMON}/hwmon1/power1_input": 123,
}
#: Counters of a server's sockets and cores; a graphics card.
AMD = {
    f"{HWMON}/hwmon0/name": "amd_energy",
    f"{HWMON}/hwmon0/energy1_label": "Ecore000",
    f"{HWMON}/hwmon0/energy1_input": 1_000_000,  # microjoules
    f"{HWMON}/hwmon0/energy2_label": "Esocket0",
    f"{HWMON}/hwmon0/energy2_input": 50_000_000,
    f"{HWMON}/hwmon0/energy10_label": "Esocket1",
    f"{HWMON}/hwmon0/energy10_input": 70_000_000,
    f"{HWMON}/hwmon2/name": "amdgpu",
    f"{HWMON}/hwmon2/power1_label": "PPT",
    f"{HWMON}/hwmon2/power1_average": 30_000_000,
    f"{HWMON}/hwmon2/power1_cap": 200_000_000,
    f"{HWMON}/hwmon3/name": "amdgpu",
    f"{HWMON}/hwmon3/power1_label": "PPT",
    f"{HWMON}/hwmon3/power1_input": 31_000_000,
}


def test_the_only_hwmon_channel_is_taken_and_its_average_preferred(tmp_path):
    sensor = hwmon.find(write(tmp_path, ACPI))
    assert (type(sensor), sensor.source, sensor.name) == (Power, "hwmon", "power_meter/power1")
    sensor.poll(0.0)
    sensor.poll(2.0)
    assert sensor.joules == pytest.approx(180)


def test_of_several_hwmon_channels_those_that_are_named_are_added(tmp_path):
    root = write(tmp_path, AMD)
    assert list(hwmon.channels(root)) == [
        "amd_energy/Ecore000", "amd_energy/Esocket0", "amd_energy/Esocket1", "amdgpu/PPT", "amdgpu/PPT@hwmon3",
    ]  # fmt: skip
    with pytest.raises(Unreadable, match=r"several.*amd_energy/Esocket1, amdgpu/PPT"):
        hwmon.find(root)
    sensor = hwmon.find(root, "amd_energy/Esocket*")
    assert (type(sensor), sensor.name) == (Counter, "amd_energy/Esocket0, amd_energy/Esocket1")
    write(tmp_path, {f"{HWMON}/hwmon0/energy10_input": 73_000_000})
    sensor.poll(1.0)
    assert sensor.joules == pytest.approx(3)
    with pytest.raises(Unreadable, match=r"no hwmon sensor is called 'psu'; there are: amd_energy"):
        hwmon.find(root, "psu")
    with pytest.raises(Unreadable, match="cannot be added"):
        hwmon.find(root, "amd*")
    with pytest.raises(Unreadable, match="no energy or power under"):
        hwmon.find(str(tmp_path / "none"))


#: As `vcgencmd pmic_read_adc` prints it; the last two have no current.
PMIC = """\
   3V7_WL_SW_A current(0)=0.10000000A
   VDD_CORE_A current(7)=2.00000000A
   3V7_WL_SW_V volt(8)=3.70000000V
   VDD_CORE_V volt(15)=0.80000000V
   EXT5V_V volt(24)=5.10000000V
   BATT_V volt(25)=0.00000000V
"""


def program(folder, name, text):
    path = folder / name
    path.write_text(f"#!{sys.executable}\n{text}\n")
    path.chmod(0o755)
    return shlex.quote(str(path))


def test_a_raspberry_pi_5_is_the_sum_of_its_rails(tmp_path, monkeypatch):
    program(tmp_path, "vcgencmd", f"import sys; assert sys.argv[1:] == ['pmic_read_adc']; print({PMIC!r}, end='')")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    sensor, reasons = find_sensor(["rapl", "ina", "pmic"], str(tmp_path))
    assert (sensor.source, len(reasons)) == ("pmic", 2)
    sensor.poll(0.0)
    sensor.poll(3.0)
    assert sensor.joules == pytest.approx(3 * (0.37 + 1.6))
    program(tmp_path, "vcgencmd", "print('error=1 error_msg=\"Command not registered\"')")  # an older board
    with pytest.raises(Unreadable, match=r"no rail.*not registered"):
        pmic.find()
    monkeypatch.setenv("PATH", str(tmp_path / "none"))
    with pytest.raises(Unreadable, match="no vcgencmd"):
        pmic.find()


def until(holds):
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_program_that_goes_on_printing_is_followed_to_its_last_line(tmp_path):
    text = """
import pathlib, sys, time
print("1500", flush=True)
while not pathlib.Path(sys.argv[1]).exists():
    time.sleep(0.01)
sys.stdout.write("1\\n2\\n2500\\n99"); sys.stdout.flush()  # the last line is not whole
time.sleep(60)
"""
    sensor = command.find("/", f"{program(tmp_path, 'meter', text)} {tmp_path / 'go'}", "mW")
    assert (type(sensor), sensor.source) == (Power, "command")
    sensor.poll(0.0)
    sensor.poll(2.0)
    assert sensor.joules == pytest.approx(3)
    (tmp_path / "go").touch()
    until(lambda: sensor.readers[0]() == 2.5)
    sensor.stop()
    sensor.stop()  # as at the end of the process


def test_a_program_that_prints_once_is_started_again(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "PERIOD", 0.05)
    text = """
import pathlib
file = pathlib.Path(__file__ + ".count")
count = int(file.read_text()) if file.exists() else 0
file.write_text(str(count + 1))
print(f"\\n{0.001 * count}", end="")
"""
    sensor = command.find("/", program(tmp_path, "plug", text), "Wh")
    assert type(sensor) is Counter
    until(lambda: sensor.readers[0][0]() >= 3 * 3.6)
    sensor.poll(1.0)
    assert sensor.joules >= 3 * 3.6 - 1e-9
    sensor.stop()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("print('5.1 V')", r"printed '5.1 V', which is not a number"),
        ("print('nan')", "not a number"),
        ("raise SystemExit(3)", "ended with status 3"),
        ("pass", "ended with status 0 without a reading"),
        ("import time; time.sleep(60)", "printed nothing for"),
    ],
)
def test_a_program_that_gives_no_readings_is_told(tmp_path, monkeypatch, text, words):
    monkeypatch.setattr(command, "SILENCE", 0.5)
    with pytest.raises(Unreadable, match=words):
        command.find("/", program(tmp_path, "broken", text), "J")


def test_a_program_that_falls_silent_in_the_middle_makes_energy_null(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "SILENCE", 0.3)
    meter = program(tmp_path, "meter", "import time; print(4, flush=True); time.sleep(60)")
    load = lambda: [lambda: time.sleep(0.01)]  # noqa: E731
    (fields,), reason = energy(load, "command", None, 2.0, [1.0], command=meter, unit="W")
    assert fields["energy_mj"] is None
    assert "printed nothing" in reason


def test_the_settings_reach_the_sensor_and_what_lacks_is_refused(tmp_path):
    model = write_model(tmp_path / "m.onnx", 4)
    text = "import time\nstart = time.monotonic()\n"
    text += "while True: print(50 * (time.monotonic() - start), flush=True); time.sleep(0.01)"
    own = {"source": "command", "command": program(tmp_path, "meter", text), "unit": "J", "seconds": 0.6}
    value = measure("desk", FAST | {"energy": own}, model, None)
    assert value["energy"]["sensor"] == own["command"]
    assert sum(value["energy"]["watts"]) / 6 == pytest.approx(50, rel=0.2)
    assert value["energy_source"] == "command" or "no difference" in value["reasons"]["energy_mj"]
    with pytest.raises(EdgepruneError, match="--energy-unit"):
        measure("desk", FAST | {"energy": {"source": "command", "command": "cat"}}, model, None)


def test_the_configuration_asks_for_command_and_unit(tmp_path):
    workspace = Workspace(tmp_path)
    bad = {"devices": {"local": {"energy": {"source": "command", "command": "plug --watts"}}}}
    with pytest.raises(EdgepruneError, match="unit"):
        effective(workspace.root, bad)
    effective(workspace.root, {"devices": {"local": {"energy": bad["devices"]["local"]["energy"] | {"unit": "W"}}}})
