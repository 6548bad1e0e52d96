"""A fetched dataset as training wants it: examples of raw values to draw batches from, normalised batch by batch."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from edgeprune import tasks
from edgeprune.config.recipe import Recipe
from edgeprune.data.examples import stack
from edgeprune.data.store import MANIFEST, Samples, load_manifest, open_samples
from edgeprune.errors import EdgepruneError
from edgeprune.training.patches import Patches


class Whole:
    """Examples of one size: ``inputs`` (N, C, H, W), raw, and ``targets`` (N, ...), both on the device."""

    def __init__(self, inputs: Tensor, targets: Tensor) -> None:
        self.inputs, self.targets = inputs, targets

    def __len__(self) -> int:
        return len(self.inputs)

    def batch(self, rows: Tensor, draws: torch.Generator) -> tuple[Tensor, Tensor]:
        """The examples of these numbers; nothing is drawn."""
        return self.inputs[rows], self.targets[rows]


class Dataset:
    """The splits of one folder, each read when it is first asked for; the test split so only at the end.

    Args:
        folder: a fetched dataset.
        device: where the training examples are kept.

    Raises:
        EdgepruneError: the folder holds no dataset, or one of an unknown task.
    """

    def __init__(self, folder: str | Path, device: str | torch.device = "cpu") -> None:
        self.folder, self.device = Path(folder), torch.device(device)
        self.manifest = load_manifest(folder)
        self.task = tasks.bind(self.manifest, self.folder / MANIFEST)
        self.input_shape = self.task.input_shape
        white = np.iinfo(self.manifest["input"]["dtype"]).max  # mean and std are on the scale 0 to 1
        mean = torch.tensor(self.manifest["mean"], dtype=torch.float64)
        std = torch.tensor(self.manifest["std"], dtype=torch.float64).clamp(min=1e-6)  # a constant channel has 0
        self._scale = self._per_channel(1 / (white * std)).float()
        self._shift = self._per_channel(-mean / std).float()
        self.mean_colour = (mean * white).round().to(torch.uint8).to(self.device)
        self._samples = {}

    def _per_channel(self, values: Tensor) -> Tensor:
        return values.view(1, -1, *[1] * (len(self.input_shape) - 1)).to(self.device)

    def samples(self, name: str) -> Samples:
        """``train``, ``val`` or ``test``, as it is stored."""
        if name not in self._samples:
            self._samples[name] = open_samples(self.folder, name, manifest=self.manifest)
        return self._samples[name]

    def training(self, recipe: Recipe) -> Whole | Patches:
        """What the recipe's batches are drawn from: the images of the training split, or patches of them.

        Raises:
            EdgepruneError: the images differ in size and the recipe names no patch, or one is smaller than the patch.
        """
        samples = self.samples("train")
        pairs = [self.task.example(samples.image(i), samples.target(i)) for i in range(len(samples))]
        images, targets = zip(*pairs)
        if recipe.patch:
            return Patches(images, targets, self.task.targets, recipe, self.device)
        if len({image.shape for image in images}) > 1:
            raise EdgepruneError(
                "the images of the training split differ in size, so batches need patches of one size",
                key="recipes.*.patch",
                remedy="set it to the side of a square in pixels, e.g. 48",
            )
        inputs, held = torch.from_numpy(np.stack(images)), torch.from_numpy(stack(list(targets), self.task))
        return Whole(inputs.to(self.device), held.to(self.device))

    def normalise(self, inputs: Tensor) -> Tensor:
        """Raw (N, C, H, W) -> float32 of mean 0 and standard deviation 1 per channel, over the training split.

        Images come out in the channels-last memory layout, in which convolutions are faster than in the default one.
        """
        if inputs.dim() == 4:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        return inputs.float() * self._scale + self._shift
