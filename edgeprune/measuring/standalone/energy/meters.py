"""Sensors whose ``joules`` grow with each ``poll``."""


class Unreadable(Exception):
    """A sensor that is not there or may not be read, and why."""


class Meter:
    """``stop()`` ends what it has started."""

    def __init__(self, source, name, readers, stop=lambda: None):
        self.source, self.name, self.readers, self.stop, self.joules = source, name, readers, stop, 0.0
        self.last = None


class Counter(Meter):
    """Counters of energy: ``readers`` are (read in joules, the range after which it starts anew or None)."""

    def __init__(self, *args):
        super().__init__(*args)
        self.last = [read() for read, _ in self.readers]

    def poll(self, now):
        for i, (read, over) in enumerate(self.readers):
            value = read()
            self.joules += value - self.last[i] + (over or 0.0 if value < self.last[i] else 0.0)
            self.last[i] = value


class Power(Meter):
    """Readings of power: ``readers`` give watts, which are added up over the time between two polls."""

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
