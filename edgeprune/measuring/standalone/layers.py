"""How long each operator of a model takes."""

import os
import shutil
import tempfile

from .energy import energy
from .fingerprint import fingerprint
from .interval import median
from .measurement import VERSION, describe
from .timing import Model

LAYER_TURNS = 6  # turns of each model whose layers are timed


def measure_layers(paths, options):
    """How long each operator of some models takes, each model in turns with the first one; what is printed.

    A model runs in two sessions by turns: as it is, and with ONNX Runtime's own profiler, which counts whole
    microseconds; an operator's time is the mean of the quicker half of its runs, the quickest tenth left out. One
    thread's time is counted in CPU time, so that what other processes take does not count; that of several, as the
    median of the wall clock. Energy is that of the whole model.
    """
    threads, results = options.threads, []
    reference, before = Model(paths[0], threads), None
    for path in paths:
        folder = tempfile.mkdtemp()
        try:
            models = [reference, Model(path, threads), Model(path, threads, trace=os.path.join(folder, "trace"))]
            before = before or fingerprint(threads)
            for model in models:
                for _ in range(options.warmup):
                    model.run()
            reference.wall, reference.cpu, reference.times = 0.0, 0.0, []
            for turn in range(LAYER_TURNS):
                for model in models if turn % 2 else models[::-1]:
                    model.block(options.seconds / LAYER_TURNS)
            events = models[2].session.operators()
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        times = {}
        for event in events:
            if event["name"].endswith("_kernel_time"):
                name = event["name"][: -len("_kernel_time")]
                times.setdefault((name, event.get("args", {}).get("op_name")), []).append(event["dur"])
        cpu_ms = 1e3 * models[1].cpu / len(models[1].times)
        (drawn,), reason = energy(
            lambda run=models[1].run: [run],
            options.energy,
            options.watts,
            options.energy_seconds,
            [cpu_ms],
            **options.sensor,
        )
        results.append(
            {
                "ms": milliseconds(models[1], threads),
                "reference_ms": milliseconds(reference, threads),
                "cpu_share": models[1].cpu / models[1].wall,
                "energy_mj": drawn["energy_mj"],
                "energy_source": drawn["energy_source"],
                "energy_reason": reason,
                "model_sha256": describe(path)["model_sha256"],
                "nodes": [[name, op, quicker_half(runs[options.warmup :])] for (name, op), runs in times.items()],
            }
        )
    return {
        "program": VERSION,
        "engine": "onnxruntime",
        "clock": "CPU time" if threads == 1 else "wall time",
        "reference_ms": median(result["reference_ms"] for result in results),
        "models": results,
        "fingerprint": before,
    }


def milliseconds(model, threads):
    """Of one inference, see :func:`measure_layers`."""
    return 1e3 * model.cpu / len(model.times) if threads == 1 else 1e3 * median(model.times)


def quicker_half(values):
    values = sorted(values)
    kept = values[len(values) // 10 : max(1, len(values) // 2)]
    return sum(kept) / len(kept)
