"""Images enlarged by a whole factor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from edgeprune.tasks.base import Accumulator, LossSettings, Metric, Task
from edgeprune.tasks.outputs import Outputs, only
from edgeprune.tasks.restoration import check_image, image_loss, psnr

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


@dataclass(frozen=True)
class Options:
    """Settings of a dataset's entry."""

    scale: Annotated[int, Meta(ge=2, le=8, description="factor by which height and width grow.")] = 2


class SuperResolution(Task):
    """Inputs: the bicubic, antialiased reduction of an image, in bytes; targets: (N, C, s H, s W) the image itself.

    Outputs are on the scale 0 to 1. PSNR and SSIM are taken of each whole image's luma (BT.601, studio range), without
    ``scale`` pixels at the border, and averaged over the images; an image that is restored to the bit counts 100 dB.
    The deploy size is that of the input.
    """

    name = "super-resolution"
    targets = "image"
    metrics = (
        Metric("psnr", "Luma PSNR", unit="dB", tolerance=0.05),
        Metric("ssim", "Luma SSIM", decimals=4, tolerance=0.002),
    )
    Options = Options
    baseline = "bicubic"
    pictures = "image"

    @property
    def least_side(self) -> int:
        from edgeprune.metrics.image import LEAST_SIDE

        scale = self.options.scale
        return -(-(LEAST_SIDE + 2 * scale) // scale) * scale  # what is beyond a multiple of the scale is cut off

    def factory_arguments(self) -> dict[str, Any]:
        return super().factory_arguments() | {"scale": self.options.scale}

    def check_output(self, shapes: Mapping[str, tuple[int, ...]], key: str | None = None) -> None:
        channels, *size = self.input_shape
        check_image(only(shapes, key), (channels, *(side * self.options.scale for side in size)), key)

    def example(self, image: np.ndarray, target: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        import numpy

        from edgeprune.metrics.resize import bicubic

        scale = self.options.scale
        height, width = (side // scale for side in image.shape[1:])
        image = image[:, : height * scale, : width * scale]
        small = bicubic(image.astype(numpy.float32), (height, width))
        return numpy.rint(small.clip(0, 255)).astype(numpy.uint8), image

    def loss(self, recipe: LossSettings) -> Callable[[Mapping[str, Tensor], Tensor], Tensor]:
        return image_loss("l1")

    def accumulator(self) -> Accumulator:
        return _Fidelity(self.options.scale)

    def baseline_outputs(self, image: np.ndarray) -> dict[str, np.ndarray]:
        from edgeprune.metrics.resize import bicubic

        height, width = image.shape[1:]
        return {"output": bicubic(image, (height * self.options.scale, width * self.options.scale))[None]}

    def picture(self, outputs: Outputs, target: np.ndarray) -> np.ndarray:
        return only(outputs)[0]


class _Fidelity(Accumulator):
    def __init__(self, border: int) -> None:
        self.border, self.psnr, self.ssim = border, [], []

    def update(self, outputs: Outputs, targets: np.ndarray) -> None:
        from edgeprune.metrics.image import luma, ssim, to_bytes

        inside = slice(self.border, -self.border)
        for image, truth in zip(only(outputs), targets):
            found, wanted = (luma(part)[inside, inside] for part in (to_bytes(image), truth))
            self.psnr.append(psnr(found, wanted))
            self.ssim.append(ssim(found, wanted))

    def merge(self, other: _Fidelity) -> None:
        self.psnr += other.psnr
        self.ssim += other.ssim

    def result(self) -> dict[str, Any]:
        return {name: sum(values) / len(values) for name, values in (("psnr", self.psnr), ("ssim", self.ssim))}
