"""Measure a model on a device of the configuration, and tell which run of the grid it belongs to."""

import tempfile
from pathlib import Path
from typing import Any

from edgeprune import files, identity, tasks
from edgeprune.errors import EdgepruneError
from edgeprune.measuring import resolution
from edgeprune.measuring.convert import CONVERTERS
from edgeprune.measuring.devices import Device, connect
from edgeprune.measuring.program import Unreachable, Unsupported
from edgeprune.measuring.standalone.runtimes.onnx_runtime import SMALLEST
from edgeprune.names import IDENTITY, RUNTIMES

FORMAT, VERSION = "edgeprune.measurement", 3
#: What identifies a run; copied from its metrics, so that nobody has to read identities out of paths.
KEYS = tuple(key for key in IDENTITY if key != "task")
#: Settings that are the program's options of the same name.
OPTIONS = ("seconds", "iterations", "warmup", "threads")
#: Settings under ``energy``, and the program's options.
ENERGY = {
    "source": "energy", "watts": "watts", "seconds": "energy-seconds", "sensor": "energy-sensor",
    "command": "energy-command", "unit": "energy-unit",
}  # fmt: skip
#: How far an engine's outputs may be from ONNX Runtime's, of the largest value: sums in another order; in int8, values
#: that are rounded the other way, layer after layer.
TOLERANCE = {"fp32": 1e-3, "int8": 0.2}
#: Seconds that a device that is only asked may take, once it is connected.
PATIENCE = 60
#: What the program would have told of a device that was not there.
NULL = (
    "latency_ms", "reference", "speedup", "speedup_low", "speedup_high", "speedup_rounds", "speedup_clock",
    "speedup_wall", "cpu_percent", "cpu_ms_per_inference", "peak_rss_bytes", "idle_rss_bytes", "model_rss_bytes",
    "arena_bytes", "model_bytes", "model_sha256", "energy_mj", "energy_low", "energy_high", "energy_source", "energy",
    "agreement",
)  # fmt: skip


def check(device_name: str, device: dict[str, Any]) -> None:
    """Let a device run the smallest model there is, asked once.

    Raises:
        EdgepruneError: it is not there, or lacks what the program needs.
    """
    if device["kind"] == "ssh":
        device = device | {"retries": 0, "timeout": min(PATIENCE, device.get("timeout", PATIENCE))}
    with tempfile.TemporaryDirectory(prefix="edgeprune-") as folder:
        model = Path(folder, "smallest.onnx")
        model.write_bytes(SMALLEST)
        connect(device_name, device).run(["--model", model, "--task", "memory", *options(device)])


def measure(
    device_name: str,
    device: dict[str, Any],
    model: str | Path,
    reference: str | Path | None,
    metrics: str | Path | None = None,
    runtime: str = "fp32",
    quantized: str | Path | None = None,
    calibration: str | Path | None = None,
) -> dict[str, Any]:
    """Measure ``model`` beside ``reference`` on a device.

    Args:
        device_name: the device's key in the configuration.
        device: its settings, ``{"kind": "local", "seconds", "iterations", "warmup", "threads", ...}``.
        model, reference: model files; the reference is the dense fp32 network of the same seed, as a rule.
        metrics: the run's ``metrics.json``, from which its identity and its test score are copied.
        runtime: a name of :data:`edgeprune.names.RUNTIMES`; its engine runs ``model``, or what is made of it here.
        calibration: the device's, for ``resolution``; there need not be such a file.
        quantized: of an int8 model, the ``quantized.json`` beside it: the score is then the int8 model's own.

    Returns:
        dict: the measurement, ready for :func:`edgeprune.files.write_json`. Latency in milliseconds, memory in
        bytes, energy in millijoules; null where a thing could not be measured, with the cause under ``reasons``. All
        are null where the device was not there, ``unreachable`` then is true, and where it has no such engine, or one
        that does not compute what ONNX Runtime does: ``unsupported``.

    Raises:
        EdgepruneError: unknown kind of device, a model that cannot be loaded or run, a runtime that is missing.
    """
    machine = connect(device_name, device)
    run, accuracy = _identity(metrics) if metrics is not None else (None, None)
    scores = None
    if quantized is not None:
        own = files.read_json(quantized)
        accuracy, scores = _headline(own, quantized), {key: own.get(key) for key in ("val", "val_uncertainty", "test")}
    arguments: list[str | Path] = [*options(device)]
    if reference is not None:
        arguments += ["--reference", Path(reference)]
    try:
        result: dict[str, Any] = _run(machine, Path(model), arguments, *RUNTIMES[runtime])
    except (Unreachable, Unsupported) as error:
        why = "unreachable" if isinstance(error, Unreachable) else "unsupported"
        reason = str(error).partition("\n")[0]
        result = {**dict.fromkeys(NULL), why: True, "reasons": {why: reason}, "warnings": []}
    smallest, reason = None, None
    if result["latency_ms"]:
        smallest, reason = resolution.read(calibration, device_name, result)
    if reason:
        result["reasons"]["resolution"] = reason
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
        "resolution": smallest,
        "scores": scores,
        **result,
    }


def _run(machine: Device, model: Path, arguments: list[str | Path], engine: str, precision: str) -> dict[str, Any]:
    if engine == "onnxruntime":
        return machine.run(["--model", model, *arguments])
    arguments = ["--runtime", engine, "--tolerance", str(TOLERANCE[precision]), "--original", model, *arguments]
    with tempfile.TemporaryDirectory(prefix="edgeprune-") as folder:
        if engine in CONVERTERS:
            original, model = model, Path(folder, f"{model.stem}.{engine}.zip")
            CONVERTERS[engine][1](original, model)
        return machine.run(["--model", model, *arguments])


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
