"""Counters of the processor: RAPL."""

import glob
import os

from ..sysfs import first_line, number
from .meters import Counter, Unreadable, reading


def find(root="/"):
    """Processor packages and the memory they count, by Linux's powercap: Intel's, and AMD's under the same name."""
    folder = os.path.join(root, "sys/class/powercap")
    readers, names = [], []
    for zone in sorted(glob.glob(os.path.join(folder, "intel-rapl:*"))):
        name = first_line(os.path.join(zone, "name")) or ""
        if not (name.startswith("package") or name == "dram"):
            continue  # a part of a package, or the platform, which would count the package again
        over = number(os.path.join(zone, "max_energy_range_uj"))
        readers.append((microjoules(os.path.join(zone, "energy_uj")), over and over / 1e6))
        names.append(name)
    if not readers:
        raise Unreadable(f"no RAPL counter under {folder}")
    return Counter("rapl", ", ".join(names), readers)


def microjoules(path):
    def read():
        return reading(path) / 1e6

    try:
        read()
    except Unreadable as error:
        if os.path.exists(path) and not os.access(path, os.R_OK):
            raise Unreadable(
                f"{error}; run as root, or: sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj"
            ) from error
        raise
    return read
