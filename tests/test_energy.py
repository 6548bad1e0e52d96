"""The energy meter on a recorded sysfs tree."""

import torch

from edgeprune.training.energy import Meter


def tree(folder, microjoules):
    package = folder / "intel-rapl:0"
    package.mkdir(exist_ok=True)
    (package / "max_energy_range_uj").write_text("1000000\n")
    (package / "energy_uj").write_text(f"{microjoules}\n")
    return package


def test_a_counter_that_wraps_and_then_goes_away(tmp_path):
    package = tree(tmp_path, 900_000)
    meter = Meter(torch.device("cpu"), powercap=tmp_path)
    tree(tmp_path, 100_000)
    assert abs(meter.update() - 0.2) < 1e-9
    (package / "energy_uj").unlink()
    assert meter.update() is None
    assert "unreadable" in meter.reason
    assert meter.update() is None
