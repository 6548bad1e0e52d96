"""Measure a model on a device of the configuration, and tell which run of the grid it belongs to."""

from pathlib import Path

from edgeprune import files
from edgeprune.errors import EdgepruneError
from edgeprune.measuring.devices import connect

FORMAT, VERSION = "edgeprune.measurement", 1
#: What identifies a run; copied from its metrics, so that nobody has to read identities out of paths.
IDENTITY = ("network", "dataset", "variant", "method", "mode", "target", "seed")
#: Settings that are the program's options of the same name.
OPTIONS = ("seconds", "iterations", "warmup", "threads")


def measure(device_name, device, model, reference, metrics=None):
    """Measure ``model`` beside ``reference`` on a device.

    Args:
        device_name: the device's key in the configuration.
        device: its settings, ``{"kind": "local", "seconds", "iterations", "warmup", "threads"}``.
        model, reference: ONNX files; the reference is the dense network of the same seed, as a rule.
        metrics: the run's ``metrics.json``, from which its identity is copied.

    Returns:
        dict: the measurement, ready for :func:`edgeprune.files.write_json`. Latency in milliseconds, memory in
        bytes; null where a thing could not be measured, with the cause under ``reasons``.

    Raises:
        EdgepruneError: unknown kind of device, a model that cannot be loaded or run, a runtime that is missing.
    """
    machine = connect(device_name, device)
    run = None
    if metrics is not None:
        value = files.read_json(metrics)
        missing = [key for key in IDENTITY if not isinstance(value, dict) or key not in value]
        if missing:
            raise EdgepruneError("is not a run's metrics", file=metrics, key=missing[0], remedy="train the run again")
        run = {key: value[key] for key in IDENTITY}
    arguments = ["--model", Path(model)]
    if reference is not None:
        arguments += ["--reference", Path(reference)]
    for name in OPTIONS:
        if name in device:
            arguments += [f"--{name}", str(device[name])]
    result = machine.run(arguments)
    return {
        "format": FORMAT,
        "version": VERSION,
        "device": device_name,
        "kind": device["kind"],
        "run": run,
        **result,
    }
