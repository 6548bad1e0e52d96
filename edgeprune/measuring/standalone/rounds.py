"""A model beside a reference in rounds: each is a fresh process with fresh sessions, and gives one value.

Two sessions of one file in one process differ, for as long as they live, by a few per cent: by what memory they got.
Only another round tells that from a difference of the models, so the rounds are what an interval is made of.
"""

import math

from .interval import median, ratio_interval
from .runtimes import ONNX
from .timing import Model, take_turns

ROUNDS = 8  # even, so that each of the two models is loaded first equally often


def one_round(options, first):
    """What a process finds that loads the models anew, the reference first if ``first`` is 1; for each, its counts."""
    paths = [options.model, options.reference] if options.reference else [options.model]
    order = list(range(len(paths)))
    if first:
        order.reverse()
    loaded = {i: Model(paths[i], options.threads, options.runtime if i == 0 else ONNX) for i in order}
    turns = [loaded[i] for i in order]
    for model in turns:
        for _ in range(max(2, math.ceil(options.warmup / ROUNDS))):
            model.run()
    take_turns(turns, options.seconds / ROUNDS, math.ceil(options.iterations / ROUNDS))
    keys = ("times", "block_medians", "wall", "cpu", "clock_name")
    return [{key: getattr(model, key) for key in keys} for _, model in sorted(loaded.items())]


def speedup_of(counts):
    """A round's: the median over pairs of neighbouring blocks of the ratio of their medians."""
    ours, theirs = (each["block_medians"] for each in counts)
    return median(theirs / ours for ours, theirs in zip(ours, theirs))


def latency_of(counts):
    """Milliseconds of one model by its counts of all rounds; ``std`` is the sample standard deviation, ``iqr`` the
    width of the middle half, ``p50_low`` to ``p50_high`` the interval over the rounds."""
    import numpy

    times = numpy.array([seconds for each in counts for seconds in each["times"]]) * 1e3
    p25, p50, p75, p90, p99 = (float(value) for value in numpy.percentile(times, [25, 50, 75, 90, 99]))
    std = float(times.std(ddof=1)) if len(times) > 1 else None
    _, low, high = ratio_interval([1e3 * median(each["times"]) for each in counts])
    values = {"p50": p50, "p90": p90, "p99": p99, "mean": float(times.mean()), "std": std, "iqr": p75 - p25}
    values.update(p50_low=low, p50_high=high, iterations=len(times))
    values["blocks"] = sum(len(each["block_medians"]) for each in counts)
    return values
