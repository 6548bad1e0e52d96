"""Number format of a training's arithmetic."""

from typing import Any

import torch

#: Flags of /proc/cpuinfo that say: multiplies bf16 natively (Intel and AMD; Arm).
NATIVE = {"avx512_bf16", "amx_bf16", "bf16"}


def choose(name: str, device: torch.device) -> str:
    """``fp32`` or ``bf16``, for a recipe's ``precision`` on ``device``.

    ``auto`` is bf16 only where it is native: emulated, it is slower than fp32.
    """
    if name != "auto":
        return name
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return "bf16" if device.type == "cpu" and _flags() & NATIVE else "fp32"


def autocast(name: str, device: torch.device) -> torch.autocast:
    """Context of a forward pass. Weights and gradients stay fp32."""
    # cast weights are not kept: they change at every step
    return torch.autocast(device.type, torch.bfloat16, enabled=name == "bf16", cache_enabled=False)


def as_float(value: Any) -> Any:
    """A network's output with its floating-point tensors in fp32, in which losses are computed."""
    if isinstance(value, torch.Tensor):
        return value.float() if value.is_floating_point() else value
    if isinstance(value, dict):
        return {k: as_float(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(as_float(v) for v in value)
    return value


def _flags() -> set[str]:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as stream:
            lines = [line.partition(":") for line in stream]
    except OSError:
        return set()  # no Linux: fp32 is never wrong
    return {flag for key, _, flags in lines if key.strip() in ("flags", "Features") for flag in flags.split()}
