"""Being asked to stop: a cluster's preemption (SIGTERM) or the keyboard (SIGINT)."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from types import FrameType

from edgeprune.errors import EdgepruneError

#: Exit status of a training that was asked to stop and can go on later (EX_TEMPFAIL of sysexits.h).
EXIT_STATUS = 75


class Stopped(EdgepruneError):
    """The training was asked to stop; ``file`` holds its state, if one is kept."""

    exit_status = EXIT_STATUS


@contextlib.contextmanager
def listening(
    signals: Iterable[int] = (signal.SIGTERM, signal.SIGINT),
) -> Iterator[Callable[[], str | None]]:
    """Yield a function that returns the name of the signal that came, or None.

    The first signal is only noted; Ctrl-C after it does what it would have done. Further SIGTERMs are ignored, because
    Slurm sends several within milliseconds, and one that ended the process would do so while it keeps its state. In a
    thread other than the main one, where Python handles no signals, none is ever noted.
    """
    came = []

    def note(number: int, frame: FrameType | None) -> None:
        if came and number == signal.SIGTERM:
            return
        if came:
            signal.signal(number, previous[number])
            os.kill(os.getpid(), number)
            return
        came.append(signal.Signals(number).name)
        os.write(2, f"{came[0]}: stopping after this step\n".encode())  # print could be interrupted by itself

    def name() -> str | None:
        return came[0] if came else None

    if threading.current_thread() is not threading.main_thread():
        yield name
        return
    previous = {number: signal.signal(number, note) for number in signals}
    try:
        yield name
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
