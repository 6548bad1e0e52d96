"""Windows of work between windows of sleep, whose difference is what the work draws."""

import time

WINDOWS = 6  # of each model, and of sleep; even, because they take turns in an order that is turned round
POLL = 0.02  # seconds between two readings, as far as an inference's length allows


def window(sensor, step, seconds, clock):
    """(joules, seconds, steps) of repeating ``step`` for ``seconds``."""
    started = polled = now = clock()
    sensor.poll(now)
    joules, steps = sensor.joules, 0
    while now - started < seconds:
        step()
        steps, now = steps + 1, clock()
        if now - polled >= POLL:
            sensor.poll(now)
            polled = now
    sensor.poll(now)
    return sensor.joules - joules, now - started, steps


def draws(runs, sensor, seconds, clock=time.perf_counter, sleep=time.sleep):
    """What each of ``runs`` draws in windows that share ``seconds``, each beside a window of sleep of the same length.

    Returns:
        list: for each, ``{"idle_watts": [...], "watts": [...], "mj": [...], "seconds", "inferences"}``, lists with a
        value for each window; ``mj`` is one call's energy above idle, in millijoules.
    """
    steps = [lambda: sleep(POLL), *runs]
    found = [{"idle_watts": [], "watts": [], "mj": [], "seconds": 0.0, "inferences": 0} for _ in runs]
    for turn in range(WINDOWS):
        order = range(len(steps)) if turn % 2 == 0 else reversed(range(len(steps)))
        seen = {i: window(sensor, steps[i], seconds / WINDOWS, clock) for i in order}
        idle = seen[0][0] / seen[0][1]
        for each, (joules, took, count) in zip(found, (seen[i + 1] for i in range(len(runs)))):
            each["idle_watts"].append(idle)
            each["watts"].append(joules / took)
            each["mj"].append(1e3 * (joules / took - idle) * took / count)
            each["seconds"] += took
            each["inferences"] += count
    return found
