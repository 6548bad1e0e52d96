"""What tasks have in common whose output is an image on the scale 0 to 1."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal

from edgeprune.errors import EdgepruneError
from edgeprune.tasks.outputs import only

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


#: PSNR in dB that an image restored to the bit counts: a mean over images needs a number.
EXACT = 100.0


def check_image(shape: tuple[int, ...], wanted: tuple[int, ...], key: str | None) -> None:
    """Refuse an output that is no image (C, H, W) of the ``wanted`` shape.

    Raises:
        EdgepruneError: with both shapes.
    """
    if shape != (1, *wanted):
        raise EdgepruneError(
            f"the network's output for one image is {shape}, the task needs {(1, *wanted)}",
            key=key,
            remedy="let the factory take in_channels (and scale), or set them in args (--args of "
            "`edgeprune fit`); or choose another deploy_size",
        )


def image_loss(kind: Literal["mse", "l1"]) -> Callable[[Mapping[str, Tensor], Tensor], Tensor]:
    """Mean squared or absolute difference between the output and a target of bytes, on the scale 0 to 1."""
    from torch.nn import functional

    distance = functional.mse_loss if kind == "mse" else functional.l1_loss
    return lambda outputs, targets: distance(only(outputs), targets.float() / 255)


def psnr(image: np.ndarray, truth: np.ndarray) -> float:
    """PSNR in dB of two arrays on 0 to 255, at most :data:`EXACT`."""
    from edgeprune.metrics import image as metrics

    return min(metrics.psnr(image, truth), EXACT)
