"""The kinds of target: what a sample is held against, and what the manifest says of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from edgeprune.tasks.base import Target

VOID = 255  # in a mask: belongs to no class

Shape = Sequence[int | None]


@dataclass(frozen=True)
class ClassTarget:
    """One class index per sample, int64 ().

    Attributes:
        classes: names of the classes; a label is an index into them.
    """

    classes: tuple[str, ...]
    kind: ClassVar[str] = "class"

    def describe(self, inputs: Shape) -> Target:
        """The manifest's ``target`` entry; ``inputs`` is the shape of its ``input`` entry."""
        return {"kind": "class", "dtype": "int64", "shape": [], "classes": list(self.classes)}

    def summarise(self, targets: Iterable[Any]) -> dict[str, Any]:
        """What a split's manifest entry says about its targets."""
        labels = np.fromiter(targets, dtype=np.int64)
        return {"per_class": np.bincount(labels, minlength=len(self.classes)).tolist()}


@dataclass(frozen=True)
class ImageTarget:
    """The image itself, of which nothing is stored a second time."""

    kind: ClassVar[str] = "image"

    def describe(self, inputs: Shape) -> Target:
        """As :meth:`ClassTarget.describe`."""
        return {"kind": "image", "dtype": "uint8", "shape": list(inputs)}

    def summarise(self, targets: Iterable[Any]) -> dict[str, Any]:
        """As :meth:`ClassTarget.summarise`."""
        return {}


@dataclass(frozen=True)
class MaskTarget:
    """A class index, or :data:`VOID`, per pixel: uint8 (H, W)."""

    classes: tuple[str, ...]
    kind: ClassVar[str] = "mask"

    def describe(self, inputs: Shape) -> Target:
        """As :meth:`ClassTarget.describe`."""
        shape = list(inputs[1:])
        return {"kind": "mask", "dtype": "uint8", "shape": shape, "classes": list(self.classes), "void": VOID}

    def summarise(self, targets: Iterable[Any]) -> dict[str, Any]:
        """As :meth:`ClassTarget.summarise`."""
        counts = sum((np.bincount(mask.ravel(), minlength=VOID + 1) for mask in targets), np.zeros(VOID + 1, np.int64))
        return {"pixels_per_class": counts[: len(self.classes)].tolist()}


@dataclass(frozen=True)
class BoxTarget:
    """Any number of boxes: float32 (n, 5), rows (label, x0, y0, x1, y1) in pixels; a pixel is one wide."""

    classes: tuple[str, ...]
    kind: ClassVar[str] = "boxes"

    def describe(self, inputs: Shape) -> Target:
        """As :meth:`ClassTarget.describe`."""
        return {"kind": "boxes", "dtype": "float32", "shape": [None, 5], "classes": list(self.classes)}

    def summarise(self, targets: Iterable[Any]) -> dict[str, Any]:
        """As :meth:`ClassTarget.summarise`."""
        labels = np.concatenate([boxes[:, 0] for boxes in targets]).astype(np.int64)
        return {"boxes_per_class": np.bincount(labels, minlength=len(self.classes)).tolist()}


AnyTarget = ClassTarget | ImageTarget | MaskTarget | BoxTarget
