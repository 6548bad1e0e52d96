"""Random patches of whole images, and what becomes of their targets."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from edgeprune.config.recipe import Recipe
from edgeprune.errors import EdgepruneError

#: Patches that an epoch takes of each image, where the recipe doesn't say.
PER_IMAGE = 64


class Patches:
    """Squares of side ``recipe.patch``, ``recipe.patches_per_image`` of each image in an epoch, drawn afresh each time.

    Args:
        images: raw (C, h, w), of any sizes.
        targets: of each image; a map may be larger than the image by a whole factor, which its patches then are too.
        kind: of the targets, see :attr:`edgeprune.tasks.base.Task.targets`.
        device: where all of them are kept.

    Raises:
        EdgepruneError: an image is smaller than a patch.
    """

    def __init__(
        self,
        images: Sequence[np.ndarray],
        targets: Sequence[np.ndarray],
        kind: str,
        recipe: Recipe,
        device: torch.device,
    ) -> None:
        assert recipe.patch
        self.side, self.kind = recipe.patch, kind
        self.per_image = recipe.patches_per_image or PER_IMAGE
        smallest = min((image.shape[-2:] for image in images), key=min)
        if min(smallest) < self.side:
            raise EdgepruneError(
                f"an image of the training split is {smallest[0]} x {smallest[1]}, smaller than a patch of {self.side}",
                key="recipes.*.patch",
                remedy=f"choose at most {min(smallest)}, or leave small images out",
            )
        self.images, self.targets = (
            [torch.from_numpy(np.array(part)).to(device) for part in parts] for parts in (images, targets)
        )

    def __len__(self) -> int:
        return len(self.images) * self.per_image

    def batch(self, rows: Tensor, draws: torch.Generator) -> tuple[Tensor, Tensor]:
        """Patches (N, C, side, side) of the images ``rows // per_image``, and their targets."""
        places = torch.rand(len(rows), 2, generator=draws, device=draws.device).tolist()
        pairs = [self._cut(row // self.per_image, *place) for row, place in zip(rows.tolist(), places)]
        inputs, targets = torch.stack([patch for patch, _ in pairs]), [target for _, target in pairs]
        if self.kind == "boxes":
            return inputs, torch.nn.utils.rnn.pad_sequence(targets, batch_first=True, padding_value=-1)
        return inputs, torch.stack(targets)

    def _cut(self, number: int, down: float, right: float) -> tuple[Tensor, Tensor]:
        image, target, side = self.images[number], self.targets[number], self.side
        height, width = image.shape[-2:]
        top, left = int(down * (height - side + 1)), int(right * (width - side + 1))
        patch = image[..., top : top + side, left : left + side]
        if self.kind == "class":
            return patch, target
        if self.kind == "boxes":
            return patch, inside(target, top, left, side)
        scale = target.shape[-1] // width
        top, left, side = top * scale, left * scale, side * scale
        return patch, target[..., top : top + side, left : left + side]


def inside(boxes: Tensor, top: int, left: int, side: int) -> Tensor:
    """Of boxes (n, 5), rows (label, x0, y0, x1, y1), those whose centre lies in a square, cut to it, in its place."""
    moved = boxes - boxes.new_tensor([0, left, top, left, top])
    centres = (moved[:, 1:3] + moved[:, 3:5]) / 2
    kept = moved[((centres >= 0) & (centres < side)).all(1)]
    return torch.cat([kept[:, :1], kept[:, 1:].clamp(0, side)], 1)
