"""A model measured beside a reference model."""

import time

from .doubts import doubts, limits, throttling
from .energy import energy
from .failures import Failure
from .fingerprint import fingerprint
from .memory import finish_probe, start_probe
from .timing import Model, speedup_of, take_turns

VERSION = 2


def measure(model_path, reference_path, options):
    """The whole protocol; returns what is printed. ``options`` are :func:`parse`'s."""
    threads = options.threads
    process = start_probe(model_path, threads)  # it runs beside our own imports: memory does not depend on load
    try:
        model = Model(model_path, threads)
        reference = Model(reference_path, threads) if reference_path else None
    except Failure:
        process.kill()
        process.communicate()
        raise
    memory = finish_probe(process)
    before, limits_before = fingerprint(threads), limits()
    models = [model, reference] if reference else [model]
    for each in models:
        for _ in range(options.warmup):
            each.run()
    take_turns(models, options.seconds, options.iterations)
    after, throttled = fingerprint(threads), throttling(limits_before, limits())
    latency, reasons = model.latency(), {}
    cpu_percent, cpu_ms = 100 * model.cpu / model.wall, 1e3 * model.cpu / latency["iterations"]
    speedup, low, high = speedup_of(model, reference) if reference else (None, None, None)
    if reference is None:
        reasons["speedup"] = "no reference model was given"
    elif low is None:
        reasons["speedup_low"] = reasons["speedup_high"] = "an interval needs 6 pairs of blocks"
    if memory["peak"] is None:
        reasons["peak_rss_bytes"] = "this system does not tell a process its peak memory"
    drawn, reason, warnings = energy(model, options.energy, options.watts, options.energy_seconds, cpu_ms)
    if reason:
        reasons["energy_mj"] = reason
    result = {
        "program": VERSION,
        "engine": "onnxruntime",
        "protocol": {
            "batch": 1,
            "threads": threads,
            "affinity": options.affinity,
            "seconds": options.seconds,
            "iterations": options.iterations,
            "warmup": options.warmup,
            "interleaved": reference is not None,
        },
        "latency_ms": latency,
        "reference": reference
        and {
            "latency_ms": reference.latency(),
            "cpu_ms_per_inference": 1e3 * reference.cpu / len(reference.times),
            "model_bytes": reference.bytes,
            "model_sha256": reference.sha256,
        },
        "speedup": speedup,
        "speedup_low": low,
        "speedup_high": high,
        "speedup_clock": reference and ("wall" if model.clock is time.perf_counter else "cpu"),
        "speedup_wall": reference and reference.latency()["p50"] / latency["p50"],
        "cpu_percent": cpu_percent,
        "cpu_ms_per_inference": cpu_ms,
        "peak_rss_bytes": memory["peak"],
        "idle_rss_bytes": memory["idle"],
        "model_bytes": model.bytes,
        "model_sha256": model.sha256,
    }
    result.update(drawn)
    result["reasons"] = reasons
    result["warnings"] = doubts(before, after, cpu_percent, threads, throttled) + warnings
    result["fingerprint"] = dict(
        before,
        temperature_after_celsius=after["temperature_celsius"],
        frequency_after_mhz=after["frequency_mhz"],
        throttled=None if throttled is None else bool(throttled),
    )
    return result
