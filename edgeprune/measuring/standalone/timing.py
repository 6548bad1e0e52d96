"""A model and its times; models that take turns."""

import hashlib
import math
import time

from . import runtimes
from .failures import UNREADABLE, UNRUNNABLE, Failure, one_line
from .interval import median, median_interval

BLOCKS = 40  # turns that each model takes, at least
BLOCK_RUNS = 3  # timed runs of a block, at least
PATIENCE = 4  # times the seconds asked for, if other processes take the cores


class Model:
    """A model file, loaded and ready to run on fixed inputs of batch 1."""

    def __init__(self, path, threads, runtime="onnxruntime", trace=None):
        """``trace`` is for a runtime that can tell how long each operator took, see its ``load``."""
        runtimes.RUNTIMES[runtime].package()
        self.path = path
        try:
            with open(path, "rb") as stream:
                content = stream.read()
        except OSError as error:
            raise Failure(UNREADABLE, f"{path}: cannot be read: {error.strerror}") from error
        self.bytes, self.sha256 = len(content), hashlib.sha256(content).hexdigest()
        del content  # peak memory must not hold the file twice
        self.session = runtimes.RUNTIMES[runtime].load(path, threads, **({"trace": trace} if trace else {}))
        self.feed = {name: random_input(*kind) for name, kind in self.session.inputs.items()}
        exact = time.get_clock_info("thread_time").resolution < 2e-6  # Windows counts in 1/64 seconds
        self.clock = time.thread_time if threads == 1 and exact else time.perf_counter
        self.wall = self.cpu = self.busy = 0.0  # seconds in blocks: by the wall, by the processor, by ``clock``
        self.times, self.block_medians = [], []  # of each run by the wall, of each block by ``clock``

    def run(self):
        try:
            self.session.run(self.feed)
        except Exception as error:
            raise Failure(UNRUNNABLE, f"{self.path}: fails when run: {one_line(error)}") from error

    def block(self, seconds):
        """Be busy for ``seconds`` and run at least ``BLOCK_RUNS`` times, after one run that is not counted."""
        self.run()
        started, cpu, own = time.perf_counter(), time.process_time(), []
        total = 0.0
        while total < seconds or len(own) < BLOCK_RUNS:
            before, busy = time.perf_counter(), self.clock()
            self.run()
            own.append(self.clock() - busy)
            total += own[-1]
            self.times.append(time.perf_counter() - before)
        self.wall += time.perf_counter() - started
        self.cpu += time.process_time() - cpu
        self.busy += total
        self.block_medians.append(median(own))

    def latency(self):
        """Milliseconds; ``std`` is the sample standard deviation, ``iqr`` the width of the middle half."""
        import numpy

        times = numpy.array(self.times) * 1e3
        p25, p50, p75, p90, p99 = (float(value) for value in numpy.percentile(times, [25, 50, 75, 90, 99]))
        std = float(times.std(ddof=1)) if len(times) > 1 else None
        values = {"p50": p50, "p90": p90, "p99": p99, "mean": float(times.mean()), "std": std, "iqr": p75 - p25}
        values["iterations"] = len(times)
        values["blocks"] = len(self.block_medians)
        return values


def random_input(shape, dtype):
    import numpy

    values = numpy.random.RandomState(0).random_sample(shape)
    return (values if dtype.startswith("float") else values * 2).astype(dtype)


def take_turns(models, seconds, iterations):
    """Run the models in the order A B B A A B B A … until each has its seconds and its iterations."""
    turn = min(max(seconds / BLOCKS, 0.005), 0.25)
    blocks = min(BLOCKS, math.ceil(iterations / BLOCK_RUNS))
    order = list(models)
    while any(
        (m.busy < seconds and m.wall < PATIENCE * seconds) or len(m.times) < iterations or len(m.block_medians) < blocks
        for m in models
    ):
        for model in order:
            model.block(turn)
        order.reverse()


def speedup_of(model, reference):
    """(speed-up, low, high): the median of the pairs' ratios and its interval of 95 %, see :func:`median_interval`."""
    ratios = [theirs / ours for ours, theirs in zip(model.block_medians, reference.block_medians)]
    return (median(ratios),) + median_interval(ratios)
