"""The machine that runs the pipeline, as a device: the stand-alone program in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

from edgeprune.errors import EdgepruneError
from edgeprune.measuring import standalone

SETTINGS = ("seconds", "iterations", "warmup", "threads")
REMEDIES = {
    2: "correct the device's settings",
    standalone.UNREADABLE: "train the run again, so that its ONNX file is written anew",
    standalone.NO_RUNTIME: "install the packages of the running environment",
    standalone.UNRUNNABLE: "check that the network's exported model runs in ONNX Runtime",
}


def measure(model, reference, settings, key):
    """Run :mod:`edgeprune.measuring.standalone` with this Python; ``key`` is where the settings come from.

    Raises:
        EdgepruneError: unknown setting, or the program failed; its sentence is passed on.
    """
    for name in settings:
        if name not in SETTINGS:
            raise EdgepruneError(
                f"unknown setting {name!r}", key=f"{key}.{name}", remedy=f"choose from: {', '.join(SETTINGS)}"
            )
    command = [sys.executable, str(Path(standalone.__file__)), "--model", str(model)]
    if reference is not None:
        command += ["--reference", str(reference)]
    for name, value in settings.items():
        command += [f"--{name}", str(value)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"the measuring program ended with status {done.returncode}"]
        raise EdgepruneError(
            lines[-1],
            key=key if done.returncode == 2 else None,
            remedy=REMEDIES.get(done.returncode, "look at the message above it in the log"),
        )
    return json.loads(done.stdout)
