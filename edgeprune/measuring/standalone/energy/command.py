"""Any program that prints readings: of a USB meter, of a smart plug.

It prints a number a line: either it goes on printing, or it prints one and ends, and is started again each second.
"""

import atexit
import math
import os
import subprocess
import time

from .meters import Counter, Power, Unreadable

#: Unit -> (whether it counts energy, how many joules or watts it is).
UNITS = {"W": (False, 1.0), "mW": (False, 1e-3), "J": (True, 1.0), "mJ": (True, 1e-3), "Wh": (True, 3600.0)}
PERIOD = 1.0  # seconds between two starts of a program that prints one reading and ends
SILENCE = 10.0  # seconds after which a program that prints nothing is given up


def find(root, command, unit):
    """The readings of a shell command, in one of :data:`UNITS`."""
    program, (counts, factor) = Program(command), UNITS[unit]
    atexit.register(program.stop)  # for a measurement that fails elsewhere

    def read():
        return program.latest() * factor

    while math.isnan(program.latest()):
        time.sleep(0.01)
    if counts:
        return Counter("command", command, [(read, None)], program.stop)
    return Power("command", command, [read], program.stop)


class Program:
    """A program, and the ``value`` that it printed last."""

    def __init__(self, command):
        self.command, self.value, self.heard = command, math.nan, time.monotonic()
        self.start()

    def start(self):
        self.rest, self.started, self.fresh = b"", time.monotonic(), False
        self.process = subprocess.Popen(
            self.command, shell=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, bufsize=0
        )
        os.set_blocking(self.process.stdout.fileno(), False)

    def latest(self):
        """What it printed last, without waiting for more; nan before the first line."""
        now, text = time.monotonic(), self.process.stdout.read()
        ended = text == b"" and self.process.poll() is not None
        *lines, self.rest = (self.rest + (text or b"\n" * ended)).split(b"\n")
        lines = [line for line in lines if line.strip()]
        if lines:
            self.value, self.heard, self.fresh = self.number(lines[-1]), now, True
        if ended:
            status = self.process.returncode
            if status or not self.fresh:
                raise Unreadable(f"`{self.command}` ended with status {status}" + " without a reading" * (not status))
            if now - self.started >= PERIOD:
                self.process.stdout.close()
                self.start()
        if now - self.heard > SILENCE:
            raise Unreadable(f"`{self.command}` printed nothing for {SILENCE:g} s")
        return self.value

    def number(self, line):
        try:
            value = float(line)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            text = line.decode("utf-8", "replace").strip()[:100]
            raise Unreadable(f"`{self.command}` printed {text!r}, which is not a number")
        return value

    def stop(self):
        self.process.stdout.close()  # ends what the shell has started, when it prints
        self.process.kill()
        self.process.wait()
