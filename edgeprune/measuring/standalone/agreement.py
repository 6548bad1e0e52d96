"""Whether a runtime computes what ONNX Runtime does; asked before it is timed, in a process of its own.

A package that is missing, or made for another processor, so ends that process and nothing else.
"""

from . import runtimes
from .failures import UNSUPPORTED, Failure
from .process import finish, start
from .timing import Model


def ask(options):
    """``{"difference", "tolerance", "version"}`` of a model that agrees, see :func:`compare`; else a failure."""
    try:
        return finish(start("compare", options))
    except Failure as failure:
        raise Failure(UNSUPPORTED, f"{options.runtime}: {failure}") from failure


def compare(options):
    """What the fresh process finds; both run the same fixed input."""
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
