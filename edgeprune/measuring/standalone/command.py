"""Measure an ONNX model on the machine that runs this, beside a reference model; print the result as JSON.

The folder stands alone: copy it to a board that has Python >= 3.8, numpy and onnxruntime (psutil only where there is
no /proc), and run::

    python3 standalone --model pruned.onnx --reference dense.onnx --seconds 10 --iterations 100 --threads 1

Protocol:

* single stream, batch 1, fixed random input, ONNX Runtime's CPU provider with a fixed number of threads, on the cores
  of ``--affinity`` where it is given;
* the model and the reference take turns in short blocks, in the order ABBA, so that a drift of the clock frequency or
  of the load falls on both alike. The first run of a block refills the caches and is not counted;
* it ends when each of the two has been busy for ``--seconds`` and has run ``--iterations`` times, warm-up not counted
  (or has waited for the processor so long that four times the seconds are over);
* latency is wall time. The speed-up goes by CPU time if the inference has one thread, since it is the wall time of a
  machine that does nothing else: other processes that take the core for a while lengthen a slow model's runs more than
  a fast one's. With several threads it goes by wall time. ``speedup_clock`` says which, ``speedup_wall`` is the plain
  ratio of the median latencies;
* two blocks that follow one another make a pair, a pair gives the ratio of the two blocks' medians, and the speed-up is
  the median of the pairs' ratios. Its 95 % interval goes by ranks: it reaches from the k-th smallest to the k-th
  largest ratio, k from the binomial distribution, and so assumes nothing of how the times are distributed;
* CPU utilisation is the process's CPU time over the wall time of the model's blocks, in per cent of *one* core: two
  busy threads read 200;
* peak resident memory is that of a fresh process which loads and runs only this model; what the same process held
  before it loaded the model, the runtime imported, is given beside it;
* energy is a run of its own, after the timing: ``--energy-seconds`` of the model alone between two windows of half that
  length in which the program sleeps; their mean power is subtracted. ``estimated`` is no measurement: CPU time of an
  inference times ``--watts``, what one busy core draws more than an idle one;
* ``warnings`` says what makes the numbers doubtful: another process took the CPU, the clock was throttled.

Exit status: 0; 2 wrong usage; 3 a model cannot be read; 4 the runtime is missing; 5 a model cannot be run.
What cannot be measured is null, and ``reasons`` says why.
"""

import argparse
import json
import os
import platform
import sys

from .energy import POLL, SENSORS
from .failures import USAGE, Failure
from .layers import measure_layers
from .measurement import measure
from .memory import probe


def pin(cores):
    """Let this process, and those it starts, run on these cores only."""
    if not hasattr(os, "sched_setaffinity"):
        raise Failure(USAGE, f"affinity: this system ({platform.system()}) has none to set")
    try:
        os.sched_setaffinity(0, cores)
    except (OSError, ValueError, OverflowError) as error:
        has = ",".join(map(str, sorted(os.sched_getaffinity(0))))
        raise Failure(USAGE, f"affinity: cores {sorted(cores)}: {error}; there are {has}") from error


def core_list(text):
    cores = sorted({int(part) for part in text.split(",")})
    if cores[0] < 0:
        raise ValueError
    return cores


core_list.__name__ = "list of cores"  # argparse's message


def parse(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--model", help="ONNX file to measure")
    what.add_argument("--layers", nargs="+", metavar="MODEL", help="time each operator of these, beside the first one")
    parser.add_argument("--reference", help="ONNX file to compare with, as a rule the dense network")
    parser.add_argument("--seconds", type=float, default=10.0, help="time for each model, at least (default 10)")
    parser.add_argument("--iterations", type=int, default=100, help="runs of each model, at least (default 100)")
    parser.add_argument("--warmup", type=int, default=10, help="runs of each model that are not counted (default 10)")
    parser.add_argument("--threads", type=int, default=1, help="threads of one inference (default 1)")
    parser.add_argument("--affinity", type=core_list, help="cores to run on, e.g. 2,3 (default: all that are allowed)")
    parser.add_argument(
        "--energy",
        choices=["auto"] + sorted(SENSORS) + ["estimated", "none"],
        default="auto",
        help="where energy is read: auto is the first of rapl and ina that can be read, else an estimate if --watts is "
        "given (default auto)",
    )
    parser.add_argument("--watts", type=float, help="for an estimate: what a busy core draws more than an idle one")
    parser.add_argument("--energy-seconds", type=float, help="length of the energy run (default: as --seconds)")
    parser.add_argument("--probe", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.energy_seconds is None:
        args.energy_seconds = max(args.seconds, POLL)
    infinity = float("inf")
    if args.threads < 1 or args.iterations < 1 or args.warmup < 0 or not 0 <= args.seconds < infinity:
        parser.error("threads and iterations must be at least 1, warm-up runs and seconds at least 0")
    most = max(64, 4 * (os.cpu_count() or 1))  # ONNX Runtime takes thousands, and then hangs
    if args.threads > most:
        parser.error(f"more than {most} threads are not of use on this machine")
    if not 0 < args.energy_seconds < infinity or not (args.watts is None or 0 < args.watts < infinity):
        parser.error("the energy run's seconds and watts must be above 0")
    if args.energy == "estimated" and args.watts is None:
        parser.error("an estimate of energy needs --watts")
    return args


def main(argv=None):
    args = parse(argv)
    try:
        if args.affinity:
            pin(args.affinity)
        if args.layers:
            result = measure_layers(args.layers, args)
        else:
            result = probe(args.model, args.threads) if args.probe else measure(args.model, args.reference, args)
    except Failure as failure:
        print(failure, file=sys.stderr)
        return failure.status
    print(json.dumps(result, indent=2))
    return 0
