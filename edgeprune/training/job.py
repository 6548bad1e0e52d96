"""What one training is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeprune.complexity.profile import Profile
from edgeprune.config.recipe import Recipe
from edgeprune.sampling.plan import Plan
from edgeprune.training import cost, device
from edgeprune.training.dataset import Dataset


@dataclass(kw_only=True)
class Job:
    """One training, its files read: see :meth:`open`."""

    network: str
    spec: str | Mapping[str, Any]
    dataset: Dataset
    plan: Plan
    recipe: Recipe
    seed: int
    variant: str
    out: Path
    threads: int
    stage: str
    reference: str | None = None
    budget: str | None = None
    onnx: bool = True
    initial: str | Path | None = None
    earlier: Sequence[str | Path] = ()
    state: str | Path | None = None
    tensorboard: str | Path | None = None

    @classmethod
    def open(
        cls,
        *,
        data: str | Path,
        profile: str | Path,
        plan: str | Path,
        recipe: dict[str, Any],
        out: str | Path,
        initial: str | Path | None = None,
        earlier: Sequence[str | Path] = (),
        threads: int | None = None,
        stage: str | None = None,
        **others: Any,
    ) -> Job:
        """Read files and settings, so that what is wrong with them costs no training.

        Args:
            data: folder of a fetched dataset.
            profile, plan: files.
            recipe: settings, see :class:`edgeprune.config.recipe.Recipe`.
            out: folder for ``model.pt``, ``model.onnx``, ``history.csv``, ``metrics.json``, ``timing.json``.
            initial: a checkpoint to start from, of the network that the plan describes; fresh weights without it.
            earlier: metrics.json files of stages that went before and whose cost counts.
            threads: CPU threads, instead of the recipe's.
            stage: what this training is called among the stages; ``train``, or ``finetune`` with ``initial``.
            others: ``network``, its name in the configuration; ``spec``, its factory, see
                :func:`edgeprune.networks.resolve.build`; ``seed``, from which everything random in the training
                follows; ``variant``, the run's key in the grid; ``reference``, the entry of `references` that the run
                belongs to (without it the plan's method says); ``budget``, the name of the one that the plan meets, if
                any; ``onnx``, whether to write ``model.onnx``; ``state``, a folder for the states of the training in
                progress: one that lies there is gone on from, and none is left after success (without it, an
                interrupted training starts again); ``tensorboard``, a folder for its event files, if its package is
                installed.

        Raises:
            EdgepruneError: any of them is missing or wrong.
        """
        settings = Recipe.from_dict(recipe)
        drawn = Plan.load(plan).attach(Profile.load(profile))
        cost.earlier(earlier)
        threads = threads or settings.threads
        where = device.choose(settings.device)
        device.prepare(where, threads)
        return cls(
            dataset=Dataset(data, where),
            plan=drawn,
            recipe=settings,
            out=Path(out),
            initial=initial,
            earlier=earlier,
            threads=threads,
            stage=stage or ("finetune" if initial else "train"),
            **others,
        )
