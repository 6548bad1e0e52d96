"""A model and its times; models that take turns."""

import math
import time

from . import runtimes
from .failures import UNRUNNABLE, Failure, one_line
from .interval import median

BLOCKS = 6  # turns that each model takes in a round, at least
BLOCK_RUNS = 3  # timed runs of a block, at least
PATIENCE = 4  # times the seconds asked for, if other processes take the cores


class Model:
    """A model file, loaded and ready to run on fixed inputs of batch 1."""

    def __init__(self, path, threads, runtime="onnxruntime", trace=None):
        """``trace`` is for a runtime that can tell how long each operator took, see its ``load``."""
        self.path = path
        self.session = runtimes.RUNTIMES[runtime].load(path, threads, **({"trace": trace} if trace else {}))
        self.feed = {name: random_input(*kind) for name, kind in self.session.inputs.items()}
        exact = time.get_clock_info("thread_time").resolution < 2e-6  # Windows counts in 1/64 seconds
        self.clock_name = "cpu" if threads == 1 and exact else "wall"
        self.clock = time.thread_time if self.clock_name == "cpu" else time.perf_counter
        self.wall = self.cpu = self.busy = 0.0  # seconds in blocks: by the wall, by the processor, by ``clock``
        self.times, self.block_medians = [], []  # of each run by the wall, of each block by ``clock``

    def run(self):
        try:
            return self.session.run(self.feed)
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
