"""Additive white Gaussian noise, taken off again."""

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
    from torch import Generator, Tensor

#: Seeds of the noise in splits that are always the same.
_STREAMS = {"train": 0, "val": 1, "test": 2}


@dataclass(frozen=True)
class Options:
    """Settings of a dataset's entry."""

    sigma: Annotated[float, Meta(gt=0, description="standard deviation of the noise, on the scale 0 to 255.")] = 25.0


class Denoising(Task):
    """Inputs: noisy images, not clipped; targets: (N, C, H, W) clean ones, bytes; outputs: images on the scale 0 to 1.

    PSNR is taken of each whole image on 0 to 255, clipped and rounded, and averaged over the images; an image that is
    restored to the bit counts 100 dB.
    """

    name = "denoising"
    targets = "image"
    metrics = (Metric("psnr", "PSNR", unit="dB", tolerance=0.05),)
    Options = Options
    baseline = "noisy input"
    pictures = "image"

    def check_output(self, shapes: Mapping[str, tuple[int, ...]], key: str | None = None) -> None:
        check_image(only(shapes, key), self.input_shape, key)

    def example(self, image: np.ndarray, target: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        return image, image

    def observe(self, image: np.ndarray, split: str, index: int) -> np.ndarray:
        import numpy

        draws = numpy.random.RandomState([_STREAMS[split], index])  # the one generator whose numbers NumPy keeps
        noise = draws.standard_normal(image.shape).astype(numpy.float32)
        return image + numpy.float32(self.options.sigma) * noise

    def prepare(self, inputs: Tensor, targets: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        import torch

        noise = torch.randn(inputs.shape, generator=generator, device=inputs.device)
        return inputs + self.options.sigma * noise, targets

    def loss(self, recipe: LossSettings) -> Callable[[Mapping[str, Tensor], Tensor], Tensor]:
        return image_loss("mse")

    def accumulator(self) -> Accumulator:
        return _Fidelity()

    def baseline_outputs(self, image: np.ndarray) -> dict[str, np.ndarray]:
        return {"output": image[None]}

    def picture(self, outputs: Outputs, target: np.ndarray) -> np.ndarray:
        return only(outputs)[0]


class _Fidelity(Accumulator):
    def __init__(self) -> None:
        self.psnr = []

    def update(self, outputs: Outputs, targets: np.ndarray) -> None:
        from edgeprune.metrics.image import to_bytes

        self.psnr += [psnr(to_bytes(image), truth) for image, truth in zip(only(outputs), targets)]

    def merge(self, other: _Fidelity) -> None:
        self.psnr += other.psnr

    def result(self) -> dict[str, Any]:
        return {"psnr": sum(self.psnr) / len(self.psnr)}
