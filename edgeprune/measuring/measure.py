"""Measure a model on a device of the configuration, and tell which run of the grid it belongs to."""

from pathlib import Path
from typing import Any

from edgeprune import files, identity, tasks
from edgeprune.errors import EdgepruneError
from edgeprune.measuring.devices import connect
from edgeprune.measuring.program import Unreachable
from edgeprune.names import IDENTITY

FORMAT, VERSION = "edgeprune.measurement", 2
#: What identifies a run; copied from its metrics, so that nobody has to read identities out of paths.
KEYS = tuple(key for key in IDENTITY if key != "task")
#: Settings that are the program's options of the same name.
OPTIONS = ("seconds", "iterations", "warmup", "threads")
#: Settings under ``energy``, and the program's options.
ENERGY = {"source": "energy", "watts": "watts", "seconds": "energy-seconds"}
#: What the program would have told of a device that was not there.
NULL = (
    "latency_ms", "reference", "speedup", "speedup_low", "speedup_high", "speedup_clock", "speedup_wall", "cpu_percent",
    "cpu_ms_per_inference", "peak_rss_bytes", "idle_rss_bytes", "model_bytes", "model_sha256", "energy_mj",
    "energy_source", "energy",
)  # fmt: skip


def measure(
    device_name: str,
    device: dict[str, Any],
    model: str | Path,
    reference: str | Path | None,
    metrics: str | Path | None = None,
    runtime: str = "fp32",
    quantized: str | Path | None = None,
) -> dict[str, Any]:
    """Measure ``model`` beside ``reference`` on a device.

    Args:
        device_name: the device's key in the configuration.
        device: its settings, ``{"kind": "local", "seconds", "iterations", "warmup", "threads", ...}``.
        model, reference: model files; the reference is the dense fp32 network of the same seed, as a rule.
        metrics: the run's ``metrics.json``, from which its identity and its test score are copied.
        runtime: what the model file is: ``fp32`` or ``int8``.
        quantized: of an int8 model, the ``quantized.json`` beside it: the score is then the int8 model's own.

    Returns:
        dict: the measurement, ready for :func:`edgeprune.files.write_json`. Latency in milliseconds, memory in
        bytes, energy in millijoules; null where a thing could not be measured, with the cause under ``reasons``. All
        are null, and ``unreachable`` is true, where the device was not there.

    Raises:
        EdgepruneError: unknown kind of device, a model that cannot be loaded or run, a runtime that is missing.
    """
    machine = connect(device_name, device)
    run, accuracy = _identity(metrics) if metrics is not None else (None, None)
    scores = None
    if quantized is not None:
        own = files.read_json(quantized)
        accuracy, scores = _headline(own, quantized), {key: own.get(key) for key in ("val", "val_uncertainty", "test")}
    arguments = ["--model", Path(model)]
    if reference is not None:
        arguments += ["--reference", Path(reference)]
    arguments += options(device)
    try:
        result: dict[str, Any] = machine.run(arguments)
    except Unreachable as error:
        reason = str(error).partition("\n")[0]
        result = {**dict.fromkeys(NULL), "unreachable": True, "reasons": dict.fromkeys(NULL, reason), "warnings": []}
    if accuracy is None:
        result["reasons"]["accuracy"] = "no run's metrics were given"
    return {
        "format": FORMAT,
        "version": VERSION,
        "device": device_name,
        "kind": device["kind"],
        "runtime": runtime,
        "run": run,
        "accuracy": accuracy,
        "scores": scores,
        **result,
    }


def options(device: dict[str, Any]) -> list[str]:
    """The program's options for a device's settings."""
    given = []
    for name in OPTIONS:
        if name in device:
            given += [f"--{name}", str(device[name])]
    if device.get("affinity"):
        given += ["--affinity", ",".join(map(str, device["affinity"]))]
    for name, option in ENERGY.items():
        if name in device.get("energy", {}):
            given += [f"--{option}", str(device["energy"][name])]
    return given


def _identity(metrics: str | Path) -> tuple[dict[str, Any], float]:
    value = files.read_json(metrics)
    missing = [key for key in KEYS if not isinstance(value, dict) or key not in value]
    if missing:
        raise EdgepruneError("is not a run's metrics", file=metrics, key=missing[0], remedy="train the run again")
    return identity.copied(value, KEYS), _headline(value, metrics)


def _headline(value: dict[str, Any], file: str | Path) -> float:
    """The test score: the fraction of right labels, of a classification."""
    try:
        return value["test"][tasks.get(value["task"], file=file).headline.name]
    except (KeyError, TypeError) as error:
        raise EdgepruneError("lacks the test score", file=file, key="test", remedy="make the file again") from error
