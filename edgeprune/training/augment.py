"""Random changes of a whole batch at once, on raw values, on whatever device holds it."""

import torch
from torch import Tensor
from torch.nn import functional

from edgeprune.config.recipe import Recipe, check_augment
from edgeprune.errors import EdgepruneError


class Augment:
    """Flip, padded crop, cutout and quarter turns, in this order, each image by its own draws.

    Args:
        recipe: says which, and how much.
        fill: (C,) value that cutout writes, the images' dtype (the mean colour, which normalises to about 0).
        kind: of the targets, see :attr:`edgeprune.tasks.base.Task.targets`: all but classes move with their image.

    Raises:
        EdgepruneError: such targets allow no such changes.
    """

    def __init__(self, recipe: Recipe, fill: Tensor, kind: str = "class") -> None:
        check_augment(recipe.augment, kind)
        self.recipe, self.fill, self.kind = recipe, fill, kind

    def __call__(self, inputs: Tensor, targets: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """(N, C, H, W), (N, ...) -> the same shapes. ``generator`` must be on the inputs' device."""
        n, size = len(inputs), inputs.shape[-2:]

        def draw(high: int) -> Tensor:
            return torch.randint(high, (n,), generator=generator, device=inputs.device)

        if "flip" in self.recipe.augment:
            chosen = draw(2).bool()
            inputs = flip(inputs, chosen)
            if self.kind == "boxes":
                targets = flip_boxes(targets, chosen, size[1])
            elif self.kind != "class":
                targets = flip(targets, chosen)
        if "crop" in self.recipe.augment:
            padding = self.recipe.crop_padding or max(1, size[0] // 8)
            top, left = draw(2 * padding + 1), draw(2 * padding + 1)
            inputs = crop(inputs, padding, top, left)
        if "cutout" in self.recipe.augment:
            side = min(self.recipe.cutout_size or size[0] // 2, *size)
            inputs = cutout(inputs, side, draw(size[0]), draw(size[1]), self.fill)
        if "rotate" in self.recipe.augment:
            turns = draw(4)
            inputs = rotate(inputs, turns)
            if self.kind == "boxes":
                targets = rotate_boxes(targets, turns, size[1])
            elif self.kind != "class":
                targets = rotate(targets, turns)
        return inputs, targets


def flip(maps: Tensor, chosen: Tensor) -> Tensor:
    """Mirror those images of (N, ..., W) left to right for which ``chosen`` (N,) is true."""
    chosen = chosen.view(-1, *[1] * (maps.dim() - 1))
    return torch.where(chosen, maps.flip(-1), maps)


def flip_boxes(boxes: Tensor, chosen: Tensor, width: int) -> Tensor:
    """:func:`flip` of boxes (N, n, 5), rows (label, x0, y0, x1, y1); rows of label -1 stay as they are."""
    label, x0, y0, x1, y1 = boxes.unbind(-1)
    mirrored = torch.stack([label, width - x1, y0, width - x0, y1], -1)
    return torch.where((chosen[:, None] & (label >= 0))[..., None], mirrored, boxes)


def rotate(maps: Tensor, turns: Tensor) -> Tensor:
    """Turn each square map of (N, ..., S, S) by ``turns`` (N,) quarters, counter-clockwise.

    Raises:
        EdgepruneError: the maps are no squares.
    """
    if maps.shape[-1] != maps.shape[-2]:
        raise EdgepruneError(
            f"images of {maps.shape[-2]} x {maps.shape[-1]} cannot be turned by quarters",
            key="recipes.*.augment",
            remedy="leave rotate out, or set `patch`",
        )
    turned = maps.clone()
    for quarters in range(1, 4):
        chosen = turns == quarters
        turned[chosen] = maps[chosen].rot90(quarters, (-2, -1))
    return turned


def rotate_boxes(boxes: Tensor, turns: Tensor, side: int) -> Tensor:
    """:func:`rotate` of boxes (N, n, 5) in square images of that side; rows of label -1 stay as they are."""
    for quarters in range(1, 4):
        label, x0, y0, x1, y1 = boxes.unbind(-1)
        turned = torch.stack([label, y0, side - x1, y1, side - x0], -1)
        boxes = torch.where(((turns >= quarters)[:, None] & (label >= 0))[..., None], turned, boxes)
    return boxes


def crop(maps: Tensor, padding: int, top: Tensor, left: Tensor) -> Tensor:
    """Pad (N, ..., H, W) by zeros on each side and cut H x W out at ``top``, ``left``, each (N,)."""
    height, width = maps.shape[-2:]
    windows = (
        functional.pad(maps, [padding] * 4).unfold(-2, height, 1).unfold(-2, width, 1)
    )  # (N, ..., top, left, H, W)
    windows = windows.movedim((-4, -3), (1, 2))
    return windows[torch.arange(len(maps), device=maps.device), top, left]


def cutout(inputs: Tensor, side: int, row: Tensor, column: Tensor, fill: Tensor) -> Tensor:
    """Overwrite a square by ``fill`` (C,), centred at ``row``, ``column`` (N,) and clipped at the border.

    After DeVries and Taylor, 2017.
    """
    rows = torch.arange(inputs.shape[-2], device=inputs.device) - row[:, None] + side // 2  # (N, H)
    columns = torch.arange(inputs.shape[-1], device=inputs.device) - column[:, None] + side // 2  # (N, W)
    inside = ((rows >= 0) & (rows < side))[:, None, :, None] & ((columns >= 0) & (columns < side))[:, None, None, :]
    return torch.where(inside, fill.view(1, -1, 1, 1), inputs)
