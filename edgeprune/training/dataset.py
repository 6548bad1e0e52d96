"""A fetched dataset in memory, as training wants it: whole splits of raw values, normalised batch by batch."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from edgeprune import tasks
from edgeprune.data.store import MANIFEST, load_manifest, open_split


class Split:
    """``inputs`` (N, C, H, W), raw, and ``targets`` (N, ...), both on the device."""

    def __init__(self, inputs: Tensor, targets: Tensor) -> None:
        self.inputs, self.targets = inputs, targets

    def __len__(self) -> int:
        return len(self.inputs)


class Dataset:
    """The splits of one folder, each read when it is first asked for; the test split so only at the end.

    Args:
        folder: a fetched dataset.
        device: where the splits are kept.

    Raises:
        EdgepruneError: the folder holds no dataset, or one of an unknown task.
    """

    def __init__(self, folder: str | Path, device: str | torch.device = "cpu") -> None:
        self.folder, self.device = Path(folder), torch.device(device)
        self.manifest = load_manifest(folder)
        self.task = tasks.get(self.manifest["task"], file=self.folder / MANIFEST)
        self.input_shape = tuple(self.manifest["input"]["shape"])
        white = np.iinfo(self.manifest["input"]["dtype"]).max  # mean and std are on the scale 0 to 1
        mean = torch.tensor(self.manifest["mean"], dtype=torch.float64)
        std = torch.tensor(self.manifest["std"], dtype=torch.float64).clamp(min=1e-6)  # a constant channel has 0
        self._scale = self._per_channel(1 / (white * std)).float()
        self._shift = self._per_channel(-mean / std).float()
        self.mean_colour = (mean * white).round().to(torch.uint8).to(self.device)
        self._splits = {}

    def _per_channel(self, values: Tensor) -> Tensor:
        return values.view(1, -1, *[1] * (len(self.input_shape) - 1)).to(self.device)

    def split(self, name: str) -> Split:
        """``train``, ``val`` or ``test``."""
        if name not in self._splits:
            samples = open_split(self.folder, name, manifest=self.manifest)
            # one field of the records is strided, and the file is read-only: copy it whole
            inputs = torch.from_numpy(np.array(samples["input"], order="C"))
            targets = self.task.targets(samples["target"], self.manifest)
            self._splits[name] = Split(inputs.to(self.device), targets.to(self.device))
        return self._splits[name]

    def normalise(self, inputs: Tensor) -> Tensor:
        """Raw (N, C, H, W) -> float32 of mean 0 and standard deviation 1 per channel, over the training split.

        Images come out in the channels-last memory layout, in which convolutions are faster than in the default one.
        """
        if inputs.dim() == 4:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        return inputs.float() * self._scale + self._shift
