"""The energy meter on a recorded sysfs tree."""

import gc
import threading
import time

import torch

from edgeprune.training.energy import Meter


def tree(folder, microjoules):
    package = folder / "intel-rapl:0"
    package.mkdir(exist_ok=True)
    (package / "max_energy_range_uj").write_text("1000000\n")
    (folder / "new").write_text(f"{microjoules}\n")
    (folder / "new").replace(package / "energy_uj")  # whole: the meter's thread may be reading
    return package


def wait_until(condition, *arguments):
    for _ in range(2000):
        if condition(*arguments):
            return
        time.sleep(0.005)
    raise AssertionError("never came true")


def has_taken_in(meter, microjoules):
    return abs(meter.joules - microjoules / 1e6) < 1e-9


def test_a_counter_that_wraps_and_then_goes_away(tmp_path):
    package = tree(tmp_path, 900_000)
    meter = Meter(torch.device("cpu"), powercap=tmp_path)
    tree(tmp_path, 100_000)
    assert abs(meter.update() - 0.2) < 1e-9
    (package / "energy_uj").unlink()
    assert meter.update() is None
    assert "unreadable" in meter.reason
    assert meter.update() is None


def test_a_counter_that_wraps_several_times_between_two_updates(tmp_path):
    """As in an epoch of hours: the meter's own thread sees each turn, and ends with the meter."""
    others = set(threading.enumerate())
    tree(tmp_path, 0)
    meter = Meter(torch.device("cpu"), powercap=tmp_path, every=0.001)
    (thread,) = set(threading.enumerate()) - others
    assert thread.daemon
    drawn = 0
    for _ in range(5):
        for step in (300_000, 600_000):
            drawn += step
            tree(tmp_path, drawn % 1_000_000)
            wait_until(has_taken_in, meter, drawn)  # though nobody calls update
    assert drawn == 4_500_000
    assert abs(meter.update() - 4.5) < 1e-9
    del meter
    gc.collect()
    thread.join(10)
    assert not thread.is_alive()


def test_a_counter_that_never_wraps_needs_no_thread(tmp_path):
    before = threading.active_count()
    tree(tmp_path, 0)
    (tmp_path / "intel-rapl:0" / "max_energy_range_uj").write_text("0\n")
    meter = Meter(torch.device("cpu"), powercap=tmp_path)
    assert threading.active_count() == before
    assert meter.update() == 0.0
