"""Boxes around objects, by networks of the kind of CenterNet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from edgeprune.errors import EdgepruneError
from edgeprune.tasks.base import Accumulator, LossSettings, Metric, Task
from edgeprune.tasks.outputs import Outputs

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

#: Detections of an image, at most.
MOST = 100
#: Weight of the boxes' sizes in the loss (Zhou et al., 2019).
SIZE_WEIGHT = 0.1


class Detection(Task):
    """Targets: (N, n, 5) boxes (label, x0, y0, x1, y1) in pixels, filled up by rows of -1.

    Outputs, maps of cells of s x s pixels: ``heatmap`` (N, classes, h, w), logits of a box's centre lying in the cell;
    ``size`` (N, 2, h, w), the box's height and width, and ``offset`` (N, 2, h, w), how far its centre is down and right
    of the cell's corner, both in cells (Zhou et al., Objects as Points, 2019). Peaks are decoded outside the network.
    """

    name = "detection"
    targets = "boxes"
    metrics = (
        Metric("ap50", "AP50", unit="%", scale=100.0),
        Metric("ap50_95", "AP50:95", unit="%", scale=100.0),
    )
    pictures = "boxes"

    def check_output(self, shapes: Mapping[str, tuple[int, ...]], key: str | None = None) -> None:
        height, width = self.input_shape[1:]
        found = shapes.get("heatmap", ())
        cells = found[2:] if len(found) == 4 else (0, 0)
        stride = height // cells[0] if cells[0] else 0
        wanted = {"heatmap": (1, len(self.classes), *cells), "size": (1, 2, *cells), "offset": (1, 2, *cells)}
        if dict(shapes) != wanted or not stride or (cells[0] * stride, cells[1] * stride) != (height, width):
            raise EdgepruneError(
                f"the network's outputs for one image are {dict(shapes)}; for {height} x {width} pixels they must be "
                f"heatmap (1, {len(self.classes)}, h, w), size (1, 2, h, w) and offset (1, 2, h, w), where the stride "
                "divides both sides",
                key=key,
                remedy="let the factory take num_classes and return a dict of these, or choose another deploy_size",
            )

    def loss(self, recipe: LossSettings) -> Callable[[Mapping[str, Tensor], Tensor], Tensor]:
        height = recipe.patch or self.input_shape[1]

        def loss(outputs: Mapping[str, Tensor], targets: Tensor) -> Tensor:
            cells = outputs["heatmap"].shape[2]
            return _centre_loss(outputs, targets, height / cells)

        return loss

    def accumulator(self) -> Accumulator:
        return _Boxes(len(self.classes), self.input_shape[1])

    def picture(self, outputs: Outputs, target: np.ndarray) -> tuple[np.ndarray, ...]:
        from edgeprune.metrics.detection import right_boxes

        found = decode(outputs, 0, self.input_shape[1])
        return *found, right_boxes(*found, target[:, 1:], target[:, 0])


def _centre_loss(outputs: Mapping[str, Tensor], targets: Tensor, stride: float) -> Tensor:
    """Penalty-reduced focal loss of the heatmap, L1 of sizes and offsets at the centres; the mean over true boxes.

    For each class the heatmap's target is the largest of its boxes' Gaussians, whose deviation is a sixth of the box's
    side along each axis.
    """
    import torch

    logits = outputs["heatmap"]
    n, classes, h, w = logits.shape
    labels, x0, y0, x1, y1 = targets.unbind(-1)  # (N, n) each
    real = labels >= 0
    centres = torch.stack([(y0 + y1) / 2, (x0 + x1) / 2], -1) / stride
    sides = torch.stack([y1 - y0, x1 - x0], -1) / stride  # (N, n, 2)
    at = torch.stack([centres[..., 0].long().clamp(0, h - 1), centres[..., 1].long().clamp(0, w - 1)], -1)
    deviation = (sides / 6).clamp(min=0.5)
    rows, columns = torch.arange(h, device=logits.device), torch.arange(w, device=logits.device)
    down = torch.exp(-((rows - at[..., :1]) ** 2) / (2 * deviation[..., :1] ** 2))  # (N, n, h)
    across = torch.exp(-((columns - at[..., 1:]) ** 2) / (2 * deviation[..., 1:] ** 2))
    bumps = (down[..., :, None] * across[..., None, :] * real[..., None, None]).flatten(2)  # (N, n, h w)
    where = labels.long().clamp(min=0)[..., None].expand(-1, -1, h * w)
    truth = torch.zeros(n, classes, h * w, device=logits.device).scatter_reduce(1, where, bumps, "amax")
    truth = truth.view_as(logits)
    positive = truth == 1
    log_yes, log_no = torch.nn.functional.logsigmoid(logits), torch.nn.functional.logsigmoid(-logits)
    hit = log_yes * log_no.exp() ** 2
    miss = log_no * log_yes.exp() ** 2 * (1 - truth) ** 4
    count = real.sum().clamp(min=1)
    focal = -torch.where(positive, hit, miss).sum() / count
    index = (at[..., 0] * w + at[..., 1])[:, None].expand(-1, 2, -1)  # (N, 2, n)
    found_sides, found_offsets = (outputs[k].flatten(2).gather(2, index).movedim(1, 2) for k in ("size", "offset"))
    off = (found_sides - sides).abs() * SIZE_WEIGHT + (found_offsets - (centres - at)).abs()
    return focal + (off * real[..., None]).sum() / count


def decode(outputs: Outputs, number: int, height: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes (n, 4) in pixels, scores (n,) and labels (n,) of one image of a batch, the best first.

    A detection is a cell whose probability is not below that of its eight neighbours.

    Args:
        height: of the image in pixels.
    """
    import numpy
    from scipy.ndimage import maximum_filter

    heat = outputs["heatmap"][number]
    peaks = numpy.flatnonzero(heat == maximum_filter(heat, size=(1, 3, 3), mode="constant", cval=-numpy.inf))
    peaks = peaks[numpy.argsort(-heat.flat[peaks], kind="stable")[:MOST]]
    labels, rows, columns = numpy.unravel_index(peaks, heat.shape)
    stride = height / heat.shape[1]
    scores = 1 / (1 + numpy.exp(-heat[labels, rows, columns].astype(numpy.float64)))
    sides, offsets = (outputs[k][number][:, rows, columns].astype(numpy.float64) for k in ("size", "offset"))
    centres = numpy.stack([rows, columns]) + offsets
    half = numpy.maximum(sides, 0) / 2
    corners = numpy.concatenate([(centres - half)[::-1], (centres + half)[::-1]]) * stride
    return corners.T, scores, labels


class _Boxes(Accumulator):
    def __init__(self, classes: int, height: int) -> None:
        from edgeprune.metrics.detection import AveragePrecision

        self.precision, self.height = AveragePrecision(classes), height

    def update(self, outputs: Outputs, targets: np.ndarray) -> None:
        for number, rows in enumerate(targets):
            rows = rows[rows[:, 0] >= 0]
            self.precision.update(*decode(outputs, number, self.height), rows[:, 1:], rows[:, 0].astype(int))

    def merge(self, other: _Boxes) -> None:
        self.precision.merge(other.precision)

    def result(self) -> dict[str, Any]:
        return self.precision.result()
