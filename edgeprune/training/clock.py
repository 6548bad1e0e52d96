"""Seconds and joules of a run, over all its parts if it was interrupted."""

import time

from edgeprune.training.energy import Meter


class Clock:
    """Runs from its making on. ``method`` and ``reason`` are those of :class:`edgeprune.training.energy.Meter`."""

    def __init__(self, device):
        self.meter, self._start = Meter(device), time.perf_counter()
        self.method, self.reason = self.meter.method, self.meter.reason
        self._seconds, self._joules = 0.0, 0.0

    def read(self):
        """``(seconds, joules or None)`` so far."""
        joules = self.meter.update()
        self.reason = self.reason or self.meter.reason
        known = joules is not None and self._joules is not None
        if joules is not None and not known:
            self.reason = self.reason or "an earlier part of the run could not be metered"
        return self._seconds + time.perf_counter() - self._start, self._joules + joules if known else None

    def go_on_from(self, seconds, joules):
        """Add what the parts before an interruption took."""
        self._seconds, self._joules = seconds, joules
