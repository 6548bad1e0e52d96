"""Slots on this machine's NVIDIA GPUs: several jobs share them by a declared count, and spread over them.

A slot is a file that its holder keeps locked (``flock``); the system lets go of it when the process ends, however it
ends. Locks are per user and machine: jobs of other users are not seen. Needs neither torch nor a GPU.
"""

import fcntl
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TextIO

from edgeprune.errors import EdgepruneError

VISIBLE = "CUDA_VISIBLE_DEVICES"
_held: list[TextIO] = []  # open files: closing one gives its slot back


@cache
def gpus() -> tuple[str, ...]:
    """Names (for ``CUDA_VISIBLE_DEVICES``) of the GPUs that this process may use; none if torch is built without CUDA.

    They are UUIDs in the driver's order; of a partitioned GPU, its MIG instances'. Asks ``nvidia-smi`` once, where
    there is one. ``CUDA_VISIBLE_DEVICES`` is respected, choice and order, so that a cluster's assignment stands.
    """
    program = shutil.which("nvidia-smi")
    if program is None or not _torch_has_cuda():
        return ()
    try:
        done = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()  # a driver that does not answer; whether torch can use it, torch will say
    by_bus = os.environ.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID"
    return tuple(_visible(_listed(done.stdout), os.environ.get(VISIBLE), by_bus))


def _torch_has_cuda() -> bool:
    """Read off torch's ``version.py``, since importing it takes seconds; True if there is no torch here to ask.

    The local part of the version ("+cpu") would not do: builds differ in whether they have one.
    """
    spec = importlib.util.find_spec("torch")  # of a top-level package: nothing is imported
    if spec is None or spec.origin is None:
        return True
    try:
        text = Path(spec.origin).with_name("version.py").read_text(encoding="utf-8")
    except OSError:
        return True
    return re.search(r"(?m)^cuda\b[^=\n]*=\s*None\b", text) is None


@dataclass
class _Gpu:
    index: str
    model: str
    uuid: str
    instances: list[str]

    @property
    def names(self) -> list[str]:
        return self.instances or [self.uuid]  # a partitioned GPU cannot be used as a whole


def _listed(text: str) -> list[_Gpu]:
    """The GPUs of the lines of ``nvidia-smi -L``."""
    found = []
    for line in text.splitlines():
        uuid, gpu = re.search(r"\(UUID: ([\w/-]+)\)", line), re.match(r"GPU (\d+): (.*?) *\(UUID", line)
        if gpu and uuid:
            found.append(_Gpu(gpu[1], gpu[2], uuid[1], []))
        elif uuid and found:  # a MIG instance, listed below its GPU
            found[-1].instances.append(uuid[1])
    return found


def _visible(listed: Sequence[_Gpu], variable: str | None, by_bus: bool) -> list[str]:
    """What ``CUDA_VISIBLE_DEVICES`` leaves, in its order.

    Its numbers count by speed unless ``CUDA_DEVICE_ORDER`` says by bus, as nvidia-smi does. Where models differ, a
    number is handed on as it is, for CUDA to read.
    """
    if variable is None:
        return [name for gpu in listed for name in gpu.names]
    numbers_agree, chosen = by_bus or len({gpu.model for gpu in listed}) < 2, []
    for part in filter(None, (part.strip() for part in variable.split(","))):
        if part.isdigit():
            hits = [gpu.names[0] if numbers_agree else part for gpu in listed if gpu.index == part]
        else:
            hits = [name for gpu in listed for name in gpu.names if name.startswith(part)]
        if len(hits) != 1:
            break  # CUDA too ignores what follows an unknown name
        chosen += hits
    return list(dict.fromkeys(chosen))


def count(device: str, slots_per_gpu: int = 1) -> int:
    """How many jobs of a recipe's ``device`` can run here at a time, or 0 if they need no GPU of ours."""
    return len(gpus()) * slots_per_gpu if device in ("auto", "cuda") else 0


def claim(
    device: str = "auto",
    slots_per_gpu: int = 1,
    *,
    folder: str | Path | None = None,
    names: Sequence[str] | None = None,
    poll: float = 0.5,
) -> str | None:
    """Take a free slot and let this process see only its GPU; wait while all are taken. Kept until the process ends.

    To be called before CUDA is initialised.

    Args:
        device: of the recipe; nothing is done for ``cpu`` and ``mps``, or where there is no GPU.
        slots_per_gpu: how many jobs may share a GPU.
        folder: of the lock files; by default one in the system's temporary folder, which all jobs of a user share.
        names: GPUs to choose from, instead of :func:`gpus`.
        poll: seconds between two attempts while waiting.

    Returns:
        str | None: the name of the GPU, or None.

    Raises:
        EdgepruneError: ``slots_per_gpu`` is below 1, or the lock files cannot be opened.
    """
    if slots_per_gpu < 1:
        raise EdgepruneError(f"cannot be {slots_per_gpu}", key="gpus.slots_per_gpu", remedy="give 1 or more")
    names = (gpus() if names is None else names) if device in ("auto", "cuda") else ()
    if not names:
        return None
    folder, waiting = Path(folder) if folder else _folder(), False
    while True:
        for slot in range(slots_per_gpu):  # the first slot of every GPU before the second of any
            for name in names:
                if _lock(folder, f"{name.replace('/', '_')}.{slot}.lock"):
                    os.environ[VISIBLE] = name
                    return name
        if not waiting:
            print(f"all {slots_per_gpu * len(names)} GPU slots are taken, waiting for one", file=sys.stderr)
            waiting = True
        time.sleep(poll)


def claim_for(recipe: object, slots_per_gpu: int = 1) -> str | None:
    """:func:`claim` for a training by a recipe (a dict; anything else is left to whoever reads the recipe)."""
    return claim(recipe.get("device", "auto") if isinstance(recipe, dict) else "cpu", slots_per_gpu)


def _folder() -> Path:
    return Path(tempfile.gettempdir()) / f"edgeprune-gpu-slots-{os.getuid()}"


def _lock(folder: Path, name: str) -> bool:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = open(folder / name, "a")  # noqa: SIM115 (stays open: the lock lives as long as the handle)
    except OSError as error:
        raise EdgepruneError(
            f"cannot be opened: {error.strerror}", file=folder / name, remedy="make the folder writable, or set TMPDIR"
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        return False
    _held.append(handle)
    return True
