"""The interface between a task and the stages. No stage looks at targets or outputs in any other way."""

from abc import ABC, abstractmethod
from dataclasses import dataclass


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
    def update(self, outputs, targets):
        """Take in one batch: the network's outputs and the prepared targets, both with the batch first."""

    @abstractmethod
    def result(self):
        """``{metric name: float}`` over everything taken in, ``loss`` included."""


class Task(ABC):
    """See the package's docstring; one subclass per task.

    Attributes:
        name: the ``task`` of a manifest.
        metrics: every :class:`Metric` that the accumulator reports beside ``loss``; the first is the headline.
        spatial_target: targets are maps aligned with the input: flips move both, crop and cutout are refused.
    """

    name: str
    metrics: tuple
    spatial_target = False

    @property
    def headline(self):
        """The metric that figures and tables show."""
        return self.metrics[0]

    @abstractmethod
    def factory_arguments(self, manifest):
        """``{keyword: value}`` that a network's factory may want to know of the dataset."""

    @abstractmethod
    def targets(self, field, manifest):
        """The ``target`` field of a split (a numpy array, the split first) as a tensor, kept whole in memory."""

    def prepare(self, targets, manifest):
        """A batch of :meth:`targets`, augmented and on the device, as the loss wants it."""
        return targets

    @abstractmethod
    def check_output(self, output, manifest, key=None):
        """Refuse a network whose output for one sample (batch 1) doesn't fit the dataset.

        ``key`` is the configuration's, for the message.

        Raises:
            EdgepruneError: naming what was expected.
        """

    @abstractmethod
    def loss(self, recipe):
        """``loss(outputs, targets) -> scalar tensor``, the mean over the batch, to be minimised."""

    @abstractmethod
    def accumulator(self):
        """A fresh :class:`Accumulator`; its ``loss`` is without the recipe's regularisation."""
