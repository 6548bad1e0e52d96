"""Whether a runtime computes what ONNX Runtime does; asked before it is timed, in a process of its own.

A package that is missing, or made for another processor, so ends that process and nothing else.
"""

import json
import os
import subprocess
import sys

from . import runtimes
from .failures import UNSUPPORTED, Failure
from .timing import Model


def ask(options):
    """``{"difference", "tolerance", "version"}`` of a model that agrees, see :func:`compare`; else a failure."""
    command = [sys.executable, os.path.dirname(os.path.abspath(__file__)), "--compare", "--model", options.model]
    command += ["--original", options.original or options.model, "--tolerance", str(options.tolerance)]
    command += ["--runtime", options.runtime, "--threads", str(options.threads)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode < 0:
        raise Failure(UNSUPPORTED, f"{options.runtime} was ended by signal {-done.returncode} when it ran the model")
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"it ended with status {done.returncode}"]
        raise Failure(UNSUPPORTED, f"{options.runtime}: {said[-1]}")
    return json.loads(done.stdout)


def compare(options):
    """What the fresh process prints; both run the same fixed input."""
    model = Model(options.model, options.threads, options.runtime)
    original = Model(options.original, options.threads)
    found = difference(model.run(), original.run())
    if not found <= options.tolerance:
        text = f"its output differs from ONNX Runtime's by {found:.2g} of the largest value"
        raise Failure(UNSUPPORTED, f"{text} (allowed: {options.tolerance:g})")
    version = getattr(runtimes.RUNTIMES[options.runtime].package(), "__version__", None)
    return {"difference": found, "tolerance": options.tolerance, "version": version}


def difference(found, expected):
    """The largest difference of two lists of outputs, each relative to the expected one's largest value."""
    import numpy

    if [output.shape for output in found] != [output.shape for output in expected]:
        return float("inf")
    worst = 0.0
    for ours, theirs in zip(found, expected):
        apart = float(numpy.abs(ours.astype("float64") - theirs).max())
        worst = numpy.maximum(worst, apart and apart / max(float(numpy.abs(theirs).max()), 1e-30))  # keeps a nan
    return float(worst)
