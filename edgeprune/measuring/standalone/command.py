"""Measure an ONNX model on the machine that runs this, beside a reference model; print a table, or JSON.

The folder stands alone: copy it to a board that has Python >= 3.8, numpy and onnxruntime (psutil only where there is
no /proc), and run::

    python3 standalone --model pruned.onnx --reference dense.onnx --seconds 10 --iterations 100 --threads 1

Protocol:

* single stream, batch 1, fixed random input, ONNX Runtime's CPU provider with a fixed number of threads, on the cores
  of ``--affinity`` where it is given;
* a measurement is eight rounds. Each is a fresh process that loads both models anew, by turns the one or the other
  first: where their memory comes to lie makes two sessions of the same file differ by a few per cent, for as long as
  they live. Seconds, iterations and warm-up runs are shared among the rounds;
* within a round the two take turns in short blocks, in the order ABBA, so that a drift of the clock frequency or of the
  load falls on both alike. The first run of a block refills the caches and is not counted;
* a round ends when each of the two has been busy for its share of ``--seconds`` and has run its share of
  ``--iterations`` (or has waited for the processor so long that four times the seconds are over);
* latency is wall time. The speed-up goes by CPU time if the inference has one thread, since it is the wall time of a
  machine that does nothing else: other processes that take the core for a while lengthen a slow model's runs more than
  a fast one's. With several threads it goes by wall time. ``speedup_clock`` says which, ``speedup_wall`` is the plain
  ratio of the median latencies;
* two blocks that follow one another make a pair, a pair gives the ratio of the two blocks' medians, and a round's
  speed-up is the median of its pairs' ratios (``speedup_rounds``). The speed-up is the geometric mean of the rounds,
  and its 95 % interval is Student's t over the logarithms of these eight values. ``p50_low`` and ``p50_high`` are the
  interval of the median latency, made alike;
* CPU utilisation is the process's CPU time over the wall time of the model's blocks, in per cent of *one* core: two
  busy threads read 200;
* memory is that of a fresh process which loads and runs only this model: ``peak_rss_bytes`` is its largest resident
  set, ``idle_rss_bytes`` what it held when it had run a model of one operator only, ``model_rss_bytes`` the
  difference, ``arena_bytes`` the most that an inference had in use of the runtime's own arena;
* a runtime other than ONNX Runtime (``--runtime``) must give the outputs that ONNX Runtime gives for the same input, to
  ``--tolerance``, before anything is timed; the largest difference is told. The reference always runs in ONNX Runtime;
* energy is a run of its own, after the timing: six windows of the model, six of the reference and six in which the
  program sleeps take turns. A window's power less that of the sleep beside it gives one value, the energy is their mean
  with Student's 95 % interval. The model's windows last ``--energy-seconds`` together. ``estimated`` is no measurement:
  CPU time of an inference times ``--watts``, what one busy core draws more than an idle one;
* ``warnings`` says what makes the numbers doubtful: another process took the CPU, the clock was throttled.

Exit status: 0; 2 wrong usage; 3 a model cannot be read; 4 the runtime is missing; 5 a model cannot be run;
6 a runtime other than ONNX Runtime is missing, cannot run the model, or gives other outputs.
What cannot be measured is null, and ``reasons`` says why.
"""

import argparse
import json
import os
import platform
import sys

from .agreement import compare
from .energy import AUTO, SENSORS
from .energy.command import UNITS
from .energy.windows import POLL
from .failures import USAGE, Failure
from .layers import measure_layers
from .measurement import measure
from .memory import probe
from .page import page
from .rounds import one_round
from .runtimes import RUNTIMES

#: What a process of its own can be asked for, see ``process.start``.
TASKS = {
    "compare": compare,
    "memory": probe,
    "round-0": lambda options: one_round(options, 0),
    "round-1": lambda options: one_round(options, 1),
}


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
    parser.add_argument("--runtime", choices=list(RUNTIMES), default="onnxruntime", help="what runs the model")
    parser.add_argument("--original", help="ONNX file that the model was made from (default: the model)")
    parser.add_argument(
        "--tolerance", type=float, default=1e-3, help="difference to ONNX Runtime, of the largest value (default 1e-3)"
    )
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
        help=f"where energy is read: auto is the first of {', '.join(AUTO)} that can be read, else an estimate if "
        "--watts is given (default auto)",
    )
    parser.add_argument("--energy-sensor", metavar="CHIP/LABEL", help="for hwmon: which, * stands for anything")
    parser.add_argument("--energy-command", metavar="COMMAND", help="for command: it prints a number a line")
    parser.add_argument("--energy-unit", choices=list(UNITS), help="for command: of what it prints")
    parser.add_argument("--watts", type=float, help="for an estimate: what a busy core draws more than an idle one")
    parser.add_argument("--energy-seconds", type=float, help="of the model's windows together (default: as --seconds)")
    parser.add_argument("--json", action="store_true", help="print all that was found as JSON, not a table")
    parser.add_argument("--task", choices=TASKS, help=argparse.SUPPRESS)
    argv = sys.argv[1:] if argv is None else argv
    args = parser.parse_args(argv)
    args.argv, args.original = argv, args.original or args.model
    args.sensor = {"sensor": args.energy_sensor, "command": args.energy_command, "unit": args.energy_unit}
    if args.energy_seconds is None:
        args.energy_seconds = max(args.seconds, POLL)
    infinity = float("inf")
    if args.threads < 1 or args.iterations < 1 or args.warmup < 0 or not 0 < args.seconds < infinity:
        parser.error("threads and iterations must be at least 1, warm-up runs at least 0, seconds above 0")
    most = max(64, 4 * (os.cpu_count() or 1))  # ONNX Runtime takes thousands, and then hangs
    if args.threads > most:
        parser.error(f"more than {most} threads are not of use on this machine")
    if not 0 < args.energy_seconds < infinity or not (args.watts is None or 0 < args.watts < infinity):
        parser.error("the energy run's seconds and watts must be above 0")
    if args.energy == "estimated" and args.watts is None:
        parser.error("an estimate of energy needs --watts")
    if args.energy == "command" and not (args.energy_command and args.energy_unit):
        parser.error("energy by a command needs --energy-command and --energy-unit")
    return args


def main(argv=None):
    args = parse(argv)
    try:
        if args.affinity:
            pin(args.affinity)
        if args.layers:
            result = measure_layers(args.layers, args)
        else:
            result = TASKS[args.task](args) if args.task else measure(args)
    except Failure as failure:
        print(failure, file=sys.stderr)
        return failure.status
    readable = not (args.json or args.layers or args.task)
    print(page(result, args.model, args.reference) if readable else json.dumps(result, indent=2))
    return 0
