"""What a sample's target is. Class labels now; another task adds a class with the same members."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeprune.tasks.base import Target


@dataclass(frozen=True)
class ClassTarget:
    """One class index per sample.

    Attributes:
        classes: names of the classes; a label is an index into them.
    """

    classes: tuple[str, ...]

    dtype = "<i8"
    shape: tuple[int, ...] = ()

    def describe(self) -> Target:
        """Return the manifest's ``target`` entry."""
        return {"kind": "class", "dtype": "int64", "shape": [], "classes": list(self.classes)}

    def summarise(self, targets: np.ndarray) -> dict[str, Any]:
        """Return what a split's manifest entry says about its targets, int (N,)."""
        return {"per_class": np.bincount(targets, minlength=len(self.classes)).tolist()}
