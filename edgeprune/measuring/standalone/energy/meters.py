"""Sensors whose ``joules`` grow with each ``poll``."""


class Unreadable(Exception):
    """A sensor that is not there or may not be read, and why."""


class Counter:
    """Counters of energy: ``readers`` are (read in joules, the range after which it starts anew or None)."""

    def __init__(self, source, name, readers):
        self.source, self.name, self.readers, self.joules = source, name, readers, 0.0
        self.last = [read() for read, _ in readers]

    def poll(self, now):
        for i, (read, over) in enumerate(self.readers):
            value = read()
            self.joules += value - self.last[i] + (over or 0.0 if value < self.last[i] else 0.0)
            self.last[i] = value


class Power:
    """Readings of power: ``readers`` give watts, which are added up over the time between two polls."""

    def __init__(self, source, name, readers):
        self.source, self.name, self.readers, self.joules = source, name, readers, 0.0
        self.last = None

    def poll(self, now):
        watts = sum(read() for read in self.readers)
        if self.last:
            self.joules += (now - self.last[0]) * (watts + self.last[1]) / 2
        self.last = (now, watts)


def reading(path):
    try:
        with open(path) as stream:
            return int(stream.read())
    except (OSError, ValueError) as error:
        raise Unreadable(f"{path} cannot be read ({getattr(error, 'strerror', None) or error})") from error
