"""A model measured beside a reference model."""

import hashlib
import os

from . import runtimes
from .agreement import ask
from .doubts import doubts, limits, throttling
from .energy import energy
from .failures import UNREADABLE, Failure
from .fingerprint import fingerprint
from .interval import ratio_interval
from .process import finish, forked, start
from .rounds import ROUNDS, latency_of, one_round, speedup_of
from .runtimes import ONNX
from .timing import Model

VERSION = 3


def measure(options):
    """The whole protocol; returns what is printed. ``options`` are ``command.parse``'s."""
    threads = options.threads
    agreement = None if options.runtime == ONNX else ask(options)
    memory = start("memory", options)  # it runs beside our own imports: memory does not depend on load
    try:
        paths = [options.model, options.reference] if options.reference else [options.model]
        used = [options.runtime, ONNX][: len(paths)]
        files = [describe(path) for path in paths]
        for runtime in used:
            runtimes.RUNTIMES[runtime].package()
    except Failure:
        memory.kill()
        memory.communicate()
        raise
    memory = finish(memory)
    before, limits_before = fingerprint(threads), limits()
    rounds = [timed(i % 2, options) for i in range(ROUNDS)]
    after, throttled = fingerprint(threads), throttling(limits_before, limits())
    models = [of_model([counts[i] for counts in rounds], file) for i, file in enumerate(files)]
    drawn, reason = energy(
        lambda: [Model(path, threads, runtime).run for path, runtime in zip(paths, used)],
        options.energy,
        options.watts,
        options.energy_seconds,
        [each["cpu_ms_per_inference"] for each in models],
        **options.sensor,
    )
    ours, *others = ({**model, **said} for model, said in zip(models, drawn))
    beside = others[0] if others else None
    result = {
        "program": VERSION,
        "engine": options.runtime,
        "agreement": agreement,
        "protocol": {
            "batch": 1,
            "threads": threads,
            "affinity": options.affinity,
            "rounds": ROUNDS,
            "seconds": options.seconds,
            "iterations": options.iterations,
            "warmup": options.warmup,
            "interleaved": beside is not None,
        },
        "reference": beside,
        "speedup_clock": beside and rounds[0][0]["clock_name"],
        "speedup_wall": beside and p50(beside) / p50(ours),
        "peak_rss_bytes": memory["peak"],
        "idle_rss_bytes": memory["idle"],
        "model_rss_bytes": memory["peak"] and memory["peak"] - memory["idle"],
        "arena_bytes": memory["arena"],
    }
    if beside:
        result["speedup_rounds"] = [speedup_of(counts) for counts in rounds]
        result["speedup"], result["speedup_low"], result["speedup_high"] = ratio_interval(result["speedup_rounds"])
    else:
        result.update(dict.fromkeys(("speedup", "speedup_low", "speedup_high", "speedup_rounds")))
    result.update(ours)
    result["reasons"] = reasons(result, reason)
    result["warnings"] = doubts(before, after, ours["cpu_percent"], threads, throttled)
    result["fingerprint"] = dict(
        before,
        **({options.runtime: agreement["version"]} if agreement else {}),
        temperature_after_celsius=after["temperature_celsius"],
        frequency_after_mhz=after["frequency_mhz"],
        throttled=None if throttled is None else bool(throttled),
    )
    return result


def timed(first, options):
    """A round: in a copy of this process, which has imported the runtime; where there are none, in a fresh Python."""
    if hasattr(os, "fork"):
        return forked(lambda: one_round(options, first))
    return finish(start(f"round-{first}", options))


def describe(path):
    """Size and digest of a model file, read in parts: peak memory must not hold it."""
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as stream:
            for part in iter(lambda: stream.read(1 << 20), b""):
                digest.update(part)
    except OSError as error:
        raise Failure(UNREADABLE, f"{path}: cannot be read: {error.strerror}") from error
    return {"model_bytes": os.path.getsize(path), "model_sha256": digest.hexdigest()}


def of_model(counts, file):
    """The fields of one model from its counts of all rounds; CPU time over wall time in per cent of a core."""
    wall, cpu = (sum(each[key] for each in counts) for key in ("wall", "cpu"))
    latency = latency_of(counts)
    cpu_ms = 1e3 * cpu / latency["iterations"]
    return {**file, "latency_ms": latency, "cpu_percent": 100 * cpu / wall, "cpu_ms_per_inference": cpu_ms}


def p50(fields):
    return fields["latency_ms"]["p50"]


def reasons(result, energy_reason):
    """Why fields of the result are null."""
    found = {}
    if result["speedup"] is None:
        found["speedup"] = "no reference model was given"
    if result["peak_rss_bytes"] is None:
        found["peak_rss_bytes"] = found["model_rss_bytes"] = "this system does not tell a process its peak memory"
    if result["arena_bytes"] is None:
        found["arena_bytes"] = "the runtime, or this release of it, does not tell"
    if energy_reason:
        found["energy_mj"] = energy_reason
    elif result["energy_low"] is None:
        found["energy_low"] = found["energy_high"] = "an estimate has no interval"
    return found
