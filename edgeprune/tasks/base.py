"""The interface between a task and the stages. No stage looks at targets or outputs in any other way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NotRequired, Protocol, Self, TypedDict

from edgeprune.tasks.outputs import Outputs
from edgeprune.typed import convert

if TYPE_CHECKING:
    import numpy as np
    from torch import Generator, Tensor


class Values(TypedDict):
    """One of the two fields of a sample; None in ``shape`` is a side that differs from sample to sample."""

    shape: list[Any]
    dtype: str


class Target(Values):
    """What a sample's target is; further keys are the kind's own."""

    kind: str
    classes: NotRequired[list[str]]
    void: NotRequired[int]


class Manifest(TypedDict):
    """``manifest.json`` of a fetched dataset; ``mean`` and ``std`` are per channel, on the scale 0 to 1.

    ``options`` are the task's, and ``deploy_size`` is the size (height, width) that the device sees, where it is not
    that of the images.
    """

    format: str
    version: int
    name: str
    task: str
    source: dict[str, Any]
    input: Values
    target: Target
    splits: dict[str, dict[str, Any]]
    mean: list[float]
    std: list[float]
    validation: dict[str, Any]
    test: dict[str, Any]
    options: NotRequired[dict[str, Any]]
    deploy_size: NotRequired[list[int]]


class LossSettings(Protocol):
    """What a loss may want to know of a recipe."""

    @property
    def label_smoothing(self) -> float: ...

    @property
    def patch(self) -> int | None:
        """Side of the squares that are trained on; None for whole images."""


@dataclass(frozen=True)
class Metric:
    """A number that tells how good a network is.

    Attributes:
        name: its key in ``metrics.json`` and its column ``val_<name>`` in ``history.csv``.
        title: what people call it.
        higher_is_better: whether more is better.
        unit: of the number as it is shown; empty for none.
        scale: multiply by this to get that unit (100 for a fraction shown as a percentage).
        decimals: that are shown.
        tolerance: by how much (before ``scale``) an exported file may score otherwise than the training did.
    """

    name: str
    title: str
    higher_is_better: bool = True
    unit: str = ""
    scale: float = 1.0
    decimals: int = 2
    tolerance: float = 0.01

    @property
    def label(self) -> str:
        """What an axis or a table's head says."""
        said = ", ".join(filter(None, [self.unit, "" if self.higher_is_better else "less is better"]))
        return f"{self.title} ({said})" if said else self.title

    @property
    def difference(self) -> str:
        """The unit of a difference: that of two percentages are points."""
        return "points" if self.unit == "%" else self.unit


class Accumulator(ABC):
    """Metrics over a split, gathered batch by batch in numpy: networks of every runtime are scored by the same code."""

    @abstractmethod
    def update(self, outputs: Outputs, targets: np.ndarray) -> None:
        """Take in a batch: arrays as the network gave them, and targets of :meth:`Task.example`, both (N, ...)."""

    def merge(self, other: Self) -> None:
        """Take in all that ``other`` took in. A score whose accumulators cannot has no standard error over images."""
        raise NotImplementedError

    @abstractmethod
    def result(self) -> dict[str, Any]:
        """``{metric name: float}`` over everything taken in; a further value may be a list or a dict of floats."""


@dataclass(frozen=True)
class NoOptions:
    """A task without settings of its own."""


class Task(ABC):
    """One task on one dataset; a subclass per task, entered in ``tasks.toml``.

    Attributes:
        name: the ``task`` of a manifest.
        targets: the kind of target that it needs of a dataset: ``class``, ``image``, ``mask`` or ``boxes``.
        metrics: every :class:`Metric` that the accumulator reports; the first is the headline.
        headline: the metric that figures and tables show.
        Options: dataclass of the settings that stand beside ``task`` in the configuration, each with its description.
        baseline: what a network is compared with that learnt nothing (``bicubic``); None where there is nothing.
        pictures: how :meth:`picture` is shown beside test images: ``image``, ``mask``, ``boxes`` or ``points``; None
            where no such figure is drawn.
    """

    name: ClassVar[str]
    targets: ClassVar[str]
    metrics: ClassVar[tuple[Metric, ...]]
    headline: ClassVar[Metric]
    Options: ClassVar[type] = NoOptions
    baseline: ClassVar[str | None] = None
    pictures: ClassVar[str | None] = None

    def __init_subclass__(cls) -> None:
        cls.headline = cls.metrics[0]

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self.options: Any = convert(manifest.get("options", {}), self.Options)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """(C, H, W) of what the device sees."""
        channels, *size = self.manifest["input"]["shape"]
        shape = (channels, *self.manifest.get("deploy_size", size))
        assert None not in shape  # or fetching had refused
        return shape

    @property
    def least_side(self) -> int:
        """Height and width, in pixels, that a stored image of ``val`` or ``test`` must have at least to be scored."""
        return 1

    @property
    def classes(self) -> list[str]:
        """Names of the classes; none where the target is an image."""
        return self.manifest["target"].get("classes", [])

    def factory_arguments(self) -> dict[str, Any]:
        """``{keyword: value}`` that a network's factory may want to know of the dataset."""
        channels, *size = self.input_shape
        known = {"in_channels": channels, "input_size": size[0] if len(set(size)) == 1 else tuple(size)}
        return {"num_classes": len(self.classes), **known} if self.classes else known

    @abstractmethod
    def check_output(self, shapes: Mapping[str, tuple[int, ...]], key: str | None = None) -> None:
        """Refuse a network whose outputs for one sample (batch 1) don't fit the dataset.

        Args:
            shapes: of the outputs by their names.
            key: the configuration's, for the message.

        Raises:
            EdgepruneError: naming what was expected.
        """

    def example(self, image: np.ndarray, target: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """What the network sees of a stored sample, uint8 (C, h, w), and what its output is held against."""
        assert target is not None
        return image, target

    def observe(self, image: np.ndarray, split: str, index: int) -> np.ndarray:
        """An image (C, h, w) of ``val`` or ``test`` on the scale 0 to 255 as the network gets it, always the same."""
        return image

    def prepare(self, inputs: Tensor, targets: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        """A training batch on the device, augmented and not yet normalised, as network and loss want it."""
        return inputs, targets

    @abstractmethod
    def loss(self, recipe: LossSettings) -> Callable[[Mapping[str, Tensor], Tensor], Tensor]:
        """``loss(outputs, targets) -> scalar tensor``, the mean over the batch, to be minimised."""

    def evaluation_loss(self, outputs: Mapping[str, Tensor], targets: Tensor) -> Tensor:
        """The loss summed over a batch, without the recipe's regularisation."""
        return self.loss(_Plain())(outputs, targets) * len(targets)

    @abstractmethod
    def accumulator(self) -> Accumulator:
        """A fresh :class:`Accumulator`."""

    def baseline_outputs(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """What :attr:`baseline` gives for one normalised image, float32 (C, h, w): outputs as a network's, batch 1."""
        raise NotImplementedError

    def picture(self, outputs: Outputs, target: np.ndarray) -> Any:
        """What people see of the outputs for one image (batch 1), by the kind of :attr:`pictures`.

        Returns:
            ``image``: (C, H, W) on the scale 0 to 1. ``mask``: classes (H, W). ``boxes`` and ``points``: boxes (n, 4),
            x0, y0, x1, y1, or points (n, 2), x, y, in pixels, their scores (n,), their labels (n,), and which of them
            are right, bool (n,).
        """
        raise NotImplementedError


class _Plain:
    label_smoothing, patch = 0.0, None
