"""The interface between a task and the stages. No stage looks at targets or outputs in any other way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NotRequired, Protocol, TypedDict

from edgeprune.errors import EdgepruneError

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


class Values(TypedDict):
    """One of the two fields of a sample."""

    shape: list[int]
    dtype: str


class Target(Values):
    """What a sample's target is; further keys are the kind's own."""

    kind: str
    classes: NotRequired[list[str]]


class Manifest(TypedDict):
    """``manifest.json`` of a fetched dataset; ``mean`` and ``std`` are per channel, on the scale 0 to 1."""

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


class LossSettings(Protocol):
    """What a loss may want to know of a recipe."""

    @property
    def label_smoothing(self) -> float: ...


@dataclass(frozen=True)
class Metric:
    """A number that tells how good a network is.

    Attributes:
        name: its key in ``metrics.json`` and its column ``val_<name>`` in ``history.csv``.
        label: what an axis or a table's head says.
        higher_is_better: whether more is better.
        scale: multiply by this to get the label's unit (100 for a fraction shown as a percentage).
    """

    name: str
    label: str
    higher_is_better: bool
    scale: float = 1.0


class Accumulator(ABC):
    """Metrics over a split, gathered batch by batch, so that no stage holds all outputs at once."""

    @abstractmethod
    def update(self, outputs: Any, targets: Tensor) -> None:
        """Take in one batch: the network's outputs and the prepared targets, both with the batch first."""

    @abstractmethod
    def result(self) -> dict[str, float]:
        """``{metric name: float}`` over everything taken in, ``loss`` included."""


class Task(ABC):
    """See the package's docstring; one subclass per task.

    Attributes:
        name: the ``task`` of a manifest.
        metrics: every :class:`Metric` that the accumulator reports beside ``loss``; the first is the headline.
        spatial_target: targets are maps aligned with the input: flips move both, crop and cutout are refused.
    """

    name: str
    metrics: tuple[Metric, ...]
    spatial_target = False

    @property
    def headline(self) -> Metric:
        """The metric that figures and tables show."""
        return self.metrics[0]

    @abstractmethod
    def factory_arguments(self, manifest: Manifest) -> dict[str, Any]:
        """``{keyword: value}`` that a network's factory may want to know of the dataset."""

    @abstractmethod
    def targets(self, field: np.ndarray, manifest: Manifest) -> Tensor:
        """The ``target`` field of a split (a numpy array, the split first) as a tensor, kept whole in memory."""

    def prepare(self, targets: Tensor, manifest: Manifest) -> Tensor:
        """A batch of :meth:`targets`, augmented and on the device, as the loss wants it."""
        return targets

    @abstractmethod
    def check_output(self, output: Any, manifest: Manifest, key: str | None = None) -> None:
        """Refuse a network whose output for one sample (batch 1) doesn't fit the dataset.

        ``key`` is the configuration's, for the message.

        Raises:
            EdgepruneError: naming what was expected.
        """

    @abstractmethod
    def loss(self, recipe: LossSettings) -> Callable[[Any, Tensor], Tensor]:
        """``loss(outputs, targets) -> scalar tensor``, the mean over the batch, to be minimised."""

    @abstractmethod
    def accumulator(self) -> Accumulator:
        """A fresh :class:`Accumulator`; its ``loss`` is without the recipe's regularisation."""

    def score(self, outputs: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        """As the accumulator's result, without torch, for networks that run elsewhere.

        Args:
            outputs: of a whole split, a numpy array, the split first.
            targets: the ``target`` field of the split.

        Raises:
            EdgepruneError: the task has none.
        """
        raise EdgepruneError(
            f"networks for {self.name} can only be scored in torch", key="devices", remedy="measure in fp32 only"
        )
