"""What makes the numbers doubtful: a throttled clock, other work on the processor."""

import contextlib
import os
import shutil
import subprocess

from .sysfs import first_line, number, numbers

#: Bits of the Raspberry Pi's firmware, now; the same 16 bits higher: since the start.
FIRMWARE = ("the supply voltage is too low", "the clock is capped", "the clock is throttled", "it is too hot")


def limits(root="/"):
    """What holds the clock down, as far as the system tells: ``{name: number}``, see :func:`throttling`."""
    cores = os.path.join(root, "sys/devices/system/cpu/cpu[0-9]*")
    found = {}
    counts = numbers(os.path.join(cores, "thermal_throttle/core_throttle_count"))
    if counts:
        found["count"] = sum(counts.values())
    maxima = numbers(os.path.join(cores, "cpufreq/scaling_max_freq"))
    caps = [(number(os.path.join(os.path.dirname(p), "cpuinfo_max_freq")) or 0) - khz for p, khz in maxima.items()]
    if caps:
        found["capped_mhz"] = max(0, max(caps)) / 1e3
    states = numbers(os.path.join(root, "sys/class/thermal/cooling_device*/cur_state"))
    kinds = {path: (first_line(os.path.join(os.path.dirname(path), "type")) or "").lower() for path in states}
    states = [state for path, state in states.items() if "cpu" in kinds[path] or kinds[path] == "processor"]
    if states:
        found["cooling"] = max(states)
    bits = first_line(os.path.join(root, "sys/devices/platform/soc/soc:firmware/get_throttled"))
    if bits is None and root == "/" and shutil.which("vcgencmd"):
        done = subprocess.run(["vcgencmd", "get_throttled"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        bits = done.stdout.decode("ascii", "replace").strip().partition("=")[2]
    with contextlib.suppress(ValueError):
        found["firmware"] = int(bits or "", 16)
    return found


def throttling(before, after):
    """What happened between two :func:`limits`: a list of sentences; None where the system tells nothing."""
    if not after:
        return None
    found = []
    times = after.get("count", 0) - before.get("count", 0)
    if times > 0:
        found.append(f"cores were throttled for heat, {times} times in all")
    if after.get("capped_mhz", 0) > 0:
        found.append(f"the clock is capped {after['capped_mhz']:.0f} MHz below the processor's maximum")
    if after.get("cooling", 0) > 0:
        found.append(f"the system holds the CPU down for heat, to state {after['cooling']}")
    bits = after.get("firmware", 0)
    bits = bits | (bits & ~before.get("firmware", 0)) >> 16  # now, or not yet at the beginning
    return found + ["firmware: " + text for i, text in enumerate(FIRMWARE) if bits >> i & 1]


def doubts(before, after, cpu_percent, threads, throttled):
    """Sentences on what makes the numbers doubtful."""
    found, governor = [], before["governor"]
    if cpu_percent < (85 if threads == 1 else 50 * threads):
        found.append(
            f"the process had {cpu_percent:.0f} % of a core for {threads} thread(s): other work took the CPU; "
            "times are too long, the speed-up holds better"
        )
    allowed = before["cores_allowed"]
    if allowed and threads > allowed:
        found.append(f"{threads} threads share {allowed} core(s)")
    if governor and governor != "performance":
        found.append(
            f"the governor is {governor!r}: the clock follows the load; `performance` makes times repeat better"
        )
    frequencies = [each["frequency_mhz"] for each in (before, after)]
    if all(frequencies) and min(frequencies) < 0.9 * max(frequencies):
        found.append("the clock was at {:.0f} MHz before and at {:.0f} MHz after".format(*frequencies))
    return found + (throttled or [])
