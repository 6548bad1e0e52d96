"""Sensors of the board: INA."""

import glob
import os

from ..sysfs import first_line
from .meters import Power, Unreadable, reading


def find(root="/"):
    """INA219/226/3221 under hwmon, as on Jetson boards: the rail that feeds the whole board, else all rails."""
    rails = {}
    for folder in sorted(glob.glob(os.path.join(root, "sys/class/hwmon/hwmon*"))):
        if not (first_line(os.path.join(folder, "name")) or "").startswith("ina"):
            continue
        for i in range(1, 4):  # beyond are the INA3221's shunts and their sum
            power, volts, amperes = (os.path.join(folder, f"{n}{i}_input") for n in ("power", "in", "curr"))
            label = first_line(os.path.join(folder, f"in{i}_label")) or f"{os.path.basename(folder)} rail {i}"
            if os.path.exists(power):
                rails[label] = lambda power=power: reading(power) / 1e6
            elif os.path.exists(volts) and os.path.exists(amperes):
                rails[label] = lambda volts=volts, amperes=amperes: reading(volts) * reading(amperes) / 1e6
    if not rails:
        raise Unreadable(f"no INA sensor under {os.path.join(root, 'sys/class/hwmon')}")
    whole = [label for label in rails if label.endswith("_IN")]  # VDD_IN, POM_5V_IN: what the module draws in all
    names = whole[:1] or list(rails)
    for name in names:
        rails[name]()
    return Power("ina", ", ".join(names), [rails[name] for name in names])
