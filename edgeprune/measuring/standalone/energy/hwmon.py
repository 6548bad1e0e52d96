"""Any other sensor of the kernel's under hwmon: ``energy*_input``, ``power*_average`` or ``power*_input``."""

import fnmatch
import glob
import os
import re

from ..sysfs import first_line
from .meters import Counter, Power, Unreadable, reading

#: A channel's files, the best first: a counter misses nothing, an average less than a reading.
KINDS = ("energy{}_input", "power{}_average", "power{}_input")


def find(root="/", sensor=None):
    """The channels called ``sensor``, ``chip/label`` with ``*`` for anything, added up.

    None will do if there is only one: which of several feeds the processor, and which is a part of another, no file
    says.
    """
    found = channels(root)
    if not found:
        raise Unreadable(f"no energy or power under {os.path.join(root, 'sys/class/hwmon')}")
    names, here = [name for name in found if fnmatch.fnmatchcase(name, sensor or "*")], ", ".join(found)
    if not names:
        raise Unreadable(f"no hwmon sensor is called {sensor!r}; there are: {here}")
    if not sensor and len(names) > 1:
        raise Unreadable(f"several hwmon sensors, one has to be named: {here}")
    counts = {os.path.basename(found[name]).startswith("energy") for name in names}
    if len(counts) > 1:
        raise Unreadable(f"hwmon: some of {', '.join(names)} count energy, others read power: they cannot be added")
    readers = [lambda path=found[name]: reading(path) / 1e6 for name in names]
    if counts == {True}:
        return Counter("hwmon", ", ".join(names), [(read, None) for read in readers])
    for read in readers:
        read()
    return Power("hwmon", ", ".join(names), readers)


def channels(root):
    """``{chip/label: file}``; a channel without a label is called as its files begin, ``power1``."""
    found = {}
    for folder in sorted(glob.glob(os.path.join(root, "sys/class/hwmon/hwmon*"))):
        chip = first_line(os.path.join(folder, "name")) or os.path.basename(folder)
        here = os.listdir(folder)
        for number in sorted({int(n) for name in here for n in re.findall(r"^(?:energy|power)(\d+)_", name)}):
            file = next((kind.format(number) for kind in KINDS if kind.format(number) in here), None)
            if file:
                channel = file.partition("_")[0]
                label = first_line(os.path.join(folder, channel + "_label")) or channel
                name = f"{chip}/{label}"
                # two chips of one name
                found[name + f"@{os.path.basename(folder)}" * (name in found)] = os.path.join(folder, file)
    return found
