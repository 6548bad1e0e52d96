"""One line on stderr now and then."""

import sys
import time


def say(line: str) -> None:
    """Print one line on stderr, at once."""
    print(line, file=sys.stderr, flush=True)


class Progress:
    """Report how much of a long job is done, at most every ``every`` seconds."""

    def __init__(self, what: str, total: int | None, unit: str, every: float = 5.0) -> None:
        self.what, self.total, self.unit, self.every = what, total, unit, every
        self.due = time.monotonic() + every

    def at(self, done: int) -> None:
        """Report that ``done`` units are ready, if a line is due."""
        if time.monotonic() >= self.due:
            self.due = time.monotonic() + self.every
            say(
                f"{self.what}: {done:,} of {self.total:,} {self.unit}"
                if self.total
                else f"{self.what}: {done:,} {self.unit}"
            )
