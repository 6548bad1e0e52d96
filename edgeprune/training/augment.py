"""Random changes of a whole batch at once, on raw values, on whatever device holds it."""

import torch
from torch import Tensor
from torch.nn import functional

from edgeprune.config.recipe import Recipe
from edgeprune.errors import EdgepruneError

#: Augmentations that put something new into the image, for which a target that is a map would need a value of its own.
FILLING = ("crop", "cutout")


class Augment:
    """Flip, padded crop and cutout, in this order, each image by its own draws.

    Args:
        recipe: says which, and how much.
        fill: (C,) value that cutout writes, the images' dtype (the mean colour, which normalises to about 0).
        spatial_target: targets are maps (..., H, W) aligned with the inputs: a flip moves both alike.

    Raises:
        EdgepruneError: the targets are maps and the recipe asks for one of :data:`FILLING`. No task says yet what its
            maps hold where there is no image, and zero is a class like any other.
    """

    def __init__(self, recipe: Recipe, fill: Tensor, spatial_target: bool = False) -> None:
        refused = [name for name in FILLING if name in recipe.augment]
        if spatial_target and refused:
            raise EdgepruneError(
                f"{' and '.join(refused)} cannot be used where targets are maps: what to fill them with is not defined",
                key="recipes.*.augment",
                remedy="leave it out; flip moves inputs and targets alike",
            )
        self.recipe, self.fill, self.spatial_target = recipe, fill, spatial_target

    def __call__(self, inputs: Tensor, targets: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """(N, C, H, W), (N, ...) -> the same shapes. ``generator`` must be on the inputs' device."""
        n, size = len(inputs), inputs.shape[-2:]

        def draw(high: int) -> Tensor:
            return torch.randint(high, (n,), generator=generator, device=inputs.device)

        if "flip" in self.recipe.augment:
            chosen = draw(2).bool()
            inputs = flip(inputs, chosen)
            targets = flip(targets, chosen) if self.spatial_target else targets
        if "crop" in self.recipe.augment:
            padding = self.recipe.crop_padding or max(1, size[0] // 8)
            top, left = draw(2 * padding + 1), draw(2 * padding + 1)
            inputs = crop(inputs, padding, top, left)
        if "cutout" in self.recipe.augment:
            side = min(self.recipe.cutout_size or size[0] // 2, *size)
            inputs = cutout(inputs, side, draw(size[0]), draw(size[1]), self.fill)
        return inputs, targets


def flip(maps: Tensor, chosen: Tensor) -> Tensor:
    """Mirror those images of (N, ..., W) left to right for which ``chosen`` (N,) is true."""
    chosen = chosen.view(-1, *[1] * (maps.dim() - 1))
    return torch.where(chosen, maps.flip(-1), maps)


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
