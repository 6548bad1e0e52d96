"""What one training is asked for."""

from dataclasses import dataclass
from pathlib import Path

from edgeprune.complexity.profile import Profile
from edgeprune.config.recipe import Recipe
from edgeprune.sampling.plan import Plan
from edgeprune.training import cost, device
from edgeprune.training.dataset import Dataset


@dataclass(kw_only=True)
class Job:
    """One training; the arguments are files, names and settings, see :meth:`open`.

    Args:
        network: its name in the configuration.
        spec: its factory, see :func:`edgeprune.networks.resolve.build`.
        data: folder of a fetched dataset.
        profile, plan: files.
        recipe: settings, see :class:`edgeprune.config.recipe.Recipe`.
        seed: everything random in the training follows from it.
        variant: the run's key in the grid.
        reference: the entry of `references` that the run belongs to; without it the plan's method says.
        budget: name of the budget that the plan meets, if it meets one.
        out: folder for ``model.pt``, ``model.onnx``, ``history.csv``, ``metrics.json``, ``timing.json``.
        threads: CPU threads, instead of the recipe's.
        onnx: whether to write ``model.onnx``.
        initial: a checkpoint to start from, of the network that the plan describes; fresh weights without it.
        earlier: metrics.json files of stages that went before and whose cost counts.
        stage: what this training is called among the stages; ``train``, or ``finetune`` with ``initial``.
        state: folder for the states of the training in progress; one that lies there is gone on from, and none is left
            after success. Without it, an interrupted training starts again.
        tensorboard: folder for TensorBoard's event files, if its package is installed.
    """

    network: str
    spec: object
    data: object
    profile: object
    plan: object
    recipe: object
    seed: int
    variant: str
    out: object
    reference: str | None = None
    budget: str | None = None
    threads: int | None = None
    onnx: bool = True
    initial: object = None
    earlier: tuple = ()
    stage: str | None = None
    state: object = None
    tensorboard: object = None

    def open(self):
        """Read the files and settings in place, so that what is wrong with them costs no training; returns the job.

        Afterwards ``plan`` is a Plan with its profile, ``recipe`` a Recipe, ``dataset`` a Dataset on the device.

        Raises:
            EdgepruneError: any of them is missing or wrong.
        """
        self.recipe = Recipe.from_dict(self.recipe)
        self.plan = Plan.load(self.plan).attach(Profile.load(self.profile))
        cost.earlier(self.earlier)
        self.out = Path(self.out)
        self.threads = self.threads or self.recipe.threads
        self.stage = self.stage or ("finetune" if self.initial else "train")
        where = device.choose(self.recipe.device)
        device.prepare(where, self.threads)
        self.dataset = Dataset(self.data, where)
        return self
