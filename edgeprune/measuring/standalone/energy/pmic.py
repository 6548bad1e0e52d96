"""The power controller of a Raspberry Pi 5, by its firmware's program."""

import re
import subprocess
import time

from .meters import Power, Unreadable

COMMAND = ["vcgencmd", "pmic_read_adc"]
PERIOD = 0.2  # seconds; each reading starts a program


def find(root="/"):
    """The sum, over the rails that the controller sees, of volts times amperes.

    What it does not see: its own losses, and what hangs on the 5 V rail (USB, the HAT's pins).
    """
    known = {"at": None, "watts": 0.0}

    def read():
        if known["at"] is None or time.monotonic() - known["at"] >= PERIOD:
            known["watts"], known["at"] = watts(), time.monotonic()
        return known["watts"]

    read()
    return Power("pmic", " ".join(COMMAND), [read])


def watts():
    try:
        done = subprocess.run(COMMAND, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=5)
    except FileNotFoundError as error:
        raise Unreadable("no vcgencmd, as a Raspberry Pi has it") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unreadable(f"`{' '.join(COMMAND)}` does not answer: {error}") from error
    text = done.stdout.decode("ascii", "replace")
    rails = {}
    for rail, kind, value in re.findall(r"(\w+)_[AV] (current|volt)\(\d+\)=([\d.]+)", text):
        rails.setdefault(rail, {})[kind] = float(value)
    products = [rail["current"] * rail["volt"] for rail in rails.values() if len(rail) == 2]
    if not products:
        said = " ".join(text.split())[:200]
        raise Unreadable(f"`{' '.join(COMMAND)}` tells of no rail, it says {said!r}")
    return sum(products)
