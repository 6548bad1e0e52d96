"""Where a training runs."""

import os
import platform

import torch

from edgeprune.errors import EdgepruneError


def choose(name: str) -> torch.device:
    """The ``torch.device`` of a recipe's ``device``.

    Raises:
        EdgepruneError: this machine, or this build of torch, has no such device.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(n for n, yes in there.items() if yes)
    if not there.get(name, False):
        raise EdgepruneError(
            f"torch finds no {name} device here",
            key="recipes.*.device",
            remedy=f"choose one of: auto, {', '.join(n for n, yes in there.items() if yes)}",
        )
    return torch.device(name)


def prepare(device: torch.device, threads: int) -> None:
    """Fix what the bits of a result depend on beside the seed: thread count and, on a GPU, the choice of kernels."""
    torch.set_num_threads(threads)
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.backends.cudnn.benchmark = False
        # Only on a GPU: the call imports torch._dynamo (3 s), and the CPU's kernels used here are deterministic anyway.
        torch.use_deterministic_algorithms(True, warn_only=True)
        # With it torch fills new memory, so that even reading it unwritten is repeatable: one more write per tensor.
        torch.utils.deterministic.fill_uninitialized_memory = False  # pyrefly: ignore[missing-attribute]


def hardware(device: torch.device) -> str:
    """What the last bits of a result depend on: the processor and, of a CPU, the instructions that torch uses."""
    name = describe(device)
    return f"{name}, {torch.backends.cpu.get_cpu_capability()}" if device.type == "cpu" else name


def describe(device: torch.device) -> str:
    """The name of the processor, as the system gives it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as stream:
            return next(line.split(":", 1)[1].strip() for line in stream if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
