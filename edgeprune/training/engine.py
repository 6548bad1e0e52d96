"""The training loop and the evaluation loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from edgeprune.config.recipe import Recipe
from edgeprune.data.examples import score
from edgeprune.errors import EdgepruneError
from edgeprune.tasks.jackknife import Jackknife
from edgeprune.tasks.outputs import named
from edgeprune.training import memory_format, optimizer, precision
from edgeprune.training.augment import Augment
from edgeprune.training.average import Average
from edgeprune.training.dataset import Dataset
from edgeprune.training.history import Report, Row
from edgeprune.training.recording import Recorded
from edgeprune.training.schedule import learning_rate
from edgeprune.training.seeds import derive, generator, random_state, set_random_state


class Diverged(EdgepruneError):
    """The loss is no longer a number."""


class Engine:
    """Trains one network on one dataset by one recipe.

    Each epoch draws from generators of its own (:mod:`edgeprune.training.seeds`), so that :meth:`state_dict` holds all
    it takes to go on to the same weights, between two epochs and between two steps.

    Args:
        model: the network, on the dataset's device.
        dataset: an :class:`edgeprune.training.dataset.Dataset`.
        recipe: an :class:`edgeprune.config.recipe.Recipe`.
        seed: the run's seed.
        epochs: instead of the recipe's.

    Attributes:
        trained: the network to evaluate and export: ``model``, or its moving average if the recipe asks for one.
        precision: ``fp32`` or ``bf16``.
        history: one dict per finished epoch: ``epoch`` (from 1), ``train_loss``, ``val_loss``, the task's metrics as
            ``val_<name>``, and ``lr`` (of its last step).
        seconds: ``{"training", "evaluation"}`` so far.
        images: images trained on so far, repetitions counted.

    Raises:
        EdgepruneError: the batch is larger than the training split, or nothing can be trained.
    """

    def __init__(
        self, model: nn.Module, dataset: Dataset, recipe: Recipe, seed: int, epochs: int | None = None
    ) -> None:
        self.model, self.dataset, self.task, self.seed = model, dataset, dataset.task, seed
        self.recipe = replace(recipe, epochs=epochs or recipe.epochs)
        self.train = dataset.training(recipe)
        if recipe.batch_size > len(self.train):
            raise EdgepruneError(
                f"{recipe.batch_size} is more than the {len(self.train)} images of an epoch",
                key="recipes.*.batch_size",
                remedy=f"choose at most {len(self.train)}",
            )
        self.loss = self.task.loss(recipe)
        self.augment = Augment(recipe, dataset.mean_colour, self.task.targets) if recipe.augment else None
        self.layout: torch.memory_format | None = None
        if len(dataset.input_shape) == 3:
            self.layout = memory_format.choose(model, dataset.device)
            model.to(memory_format=self.layout)  # before anything is derived from the tensors
        self.optimizer = optimizer.make(recipe, list(model.parameters()))
        self.average = Average(model, recipe.ema_decay) if recipe.ema_decay else None
        self.trained = self.average.model if self.average else model
        self.precision = precision.choose(recipe.precision, dataset.device)
        self.forward = torch.compile(model) if recipe.compile is True else model
        self.passes = self._passes
        if recipe.compile == "graph" and dataset.device.type == "cuda":
            self.passes = Recorded(self._passes, model.parameters(), recipe.batch_size)
        norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.affine]
        self._scales = [m.weight for m in norms] if recipe.bn_l1 else []
        self._learnt = {name for name, _ in model.named_parameters()}
        self.history: list[Row] = []
        self.images = 0
        self.seconds = {"training": 0.0, "evaluation": 0.0}
        self._partial: dict[str, Any] | None = None  # where in an epoch a resumed training goes on

    def run(
        self,
        report: Report | None = None,
        after_epoch: Callable[[Engine], object] | None = None,
        stop: Callable[[], object] | None = None,
    ) -> bool:
        """Train up to the last epoch.

        Args:
            report: called with the epoch's row, images per second and seconds left.
            after_epoch: called with this engine, between two epochs.
            stop: called before each step; when it returns true, the training ends there.

        Returns:
            bool: whether the last epoch was reached; if not, :meth:`state_dict` is where to go on.

        Raises:
            Diverged: the loss is no longer a number.
        """
        stop = stop or (lambda: False)
        while len(self.history) < self.recipe.epochs:
            epoch, begin, images = len(self.history), time.perf_counter(), self.images
            row = self._train_epoch(epoch, stop)
            middle = time.perf_counter()
            self.seconds["training"] += middle - begin
            if row is None:
                return False
            val = evaluate(self.trained, self.dataset, "val", self.recipe.eval_batch_size)
            self.refuse_nan(val["loss"], epoch, "validation")
            end = time.perf_counter()
            self.seconds["evaluation"] += end - middle
            row |= {"val_loss": val["loss"]} | {f"val_{m.name}": val[m.name] for m in self.task.metrics}
            self.history.append(row | {"lr": self.optimizer.lr})
            if report:
                left = (end - begin) * (self.recipe.epochs - len(self.history))
                report(row, (self.images - images) / (middle - begin), left)
            if after_epoch:
                after_epoch(self)
        return True

    def _train_epoch(self, epoch: int, stop: Callable[[], object]) -> Row | None:
        """One epoch, or what is left of it; its row, or None if stopped."""
        device = self.dataset.device
        order = torch.randperm(len(self.train), generator=generator(self.seed, "shuffle", epoch)).to(device)
        batches = split(order, self.recipe.batch_size)
        draws = generator(self.seed, "augment", epoch, device)
        torch.manual_seed(derive(self.seed, "dropout", epoch))  # dropout reads the global generator
        total = torch.zeros((), dtype=torch.float64 if device.type == "cpu" else None, device=device)
        first = 0
        if self._partial:
            first = self._partial["step"]
            total += self._partial["total"].to(device)
            draws.set_state(self._partial["draws"])
            set_random_state(device, self._partial["random"])
            self._partial = None
        self.model.train()
        for i in range(first, len(batches)):
            if stop():
                self.refuse_nan(total.item(), epoch, "training")
                self._refuse_nan_weights(epoch)  # the last step's are in no loss yet
                random = random_state(device)
                self._partial = {"step": i, "total": total.cpu(), "draws": draws.get_state(), "random": random}
                return None
            self.optimizer.lr = learning_rate(self.recipe, epoch * len(batches) + i, len(batches))
            rows = batches[i]
            loss = self._step(*self.train.batch(rows, draws), draws)
            total += loss * len(rows)  # on the device: no synchronisation per step
            self.images += len(rows)
        mean = total.item() / sum(map(len, batches))
        self.refuse_nan(mean, epoch, "training")
        return {"epoch": epoch + 1, "train_loss": mean}

    def _step(self, inputs: Tensor, targets: Tensor, draws: torch.Generator) -> Tensor:
        """One step on raw images (N, C, H, W) and targets; the loss, detached."""
        if self.augment:
            inputs, targets = self.augment(inputs, targets, draws)
        loss = self.passes(*self.task.prepare(inputs, targets, draws))
        for scale in self._scales:
            if scale.grad is not None:
                scale.grad.add_(scale.detach().sign(), alpha=self.recipe.bn_l1)
        self.optimizer.step()
        if self.average:
            self.average.update()
        return loss

    def _passes(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Forward and backward; the loss, detached."""
        inputs = self.dataset.normalise(inputs)
        if self.layout:
            inputs = inputs.contiguous(memory_format=self.layout)
        with precision.autocast(self.precision, self.dataset.device):
            outputs = self._outputs(inputs)
        loss = self.loss(precision.as_float(outputs), targets)
        self.optimizer.zero_grad()
        loss.backward()
        return loss.detach()

    def _outputs(self, inputs: Tensor) -> dict[str, Tensor]:
        try:
            return named(self.forward(inputs))
        except Exception as error:
            if self.recipe.compile is not True or not type(error).__module__.startswith("torch._"):
                raise
            raise EdgepruneError(
                f"torch.compile fails on this network: {type(error).__name__}: {str(error).strip().splitlines()[0]}",
                key="recipes.*.compile",
                remedy="set compile to false, or install the compiler that it asks for",
            ) from error

    def refuse_nan(self, loss: float, epoch: int, kind: str) -> None:
        """Raise :class:`Diverged` if ``loss`` (``training``, ``validation`` …, in ``epoch`` from 0) is no number."""
        if not math.isfinite(loss):
            raise self._diverged(f"the {kind} loss became {loss}", epoch)

    def _refuse_nan_weights(self, epoch: int) -> None:
        """Raise :class:`Diverged` if a weight is no number, so that no such state is kept as one to go on from."""
        for name, tensor in self.model.state_dict().items():
            # a buffer may hold infinities on purpose, as a mask does
            good = torch.isfinite(tensor) if name in self._learnt else ~torch.isnan(tensor)
            if tensor.is_floating_point() and not good.all():
                raise self._diverged(f"{name} is no longer a number", epoch)

    def _diverged(self, problem: str, epoch: int) -> Diverged:
        return Diverged(
            f"{problem} in epoch {epoch + 1} of {self.recipe.epochs}: the training diverged",
            key="recipes.*.lr",
            remedy=f"lower lr (now {self.recipe.lr:g}) or raise warmup_epochs (now {self.recipe.warmup_epochs:g})",
        )

    @property
    def position(self) -> tuple[int, int]:
        """Finished epochs, and finished steps of the next."""
        return len(self.history), self._partial["step"] if self._partial else 0

    def state_dict(self) -> dict[str, Any]:
        """What a resumed training needs, as tensors and plain values."""
        return {
            "model": self.model.state_dict(),
            "average": self.average.state_dict() if self.average else None,
            "optimizer": self.optimizer.state_dict(),
            "history": [dict(row) for row in self.history],
            "images": self.images,
            "seconds": dict(self.seconds),
            "partial": self._partial,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        if self.average:
            self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.history = [dict(row) for row in state["history"]]
        self.images, self.seconds = state["images"], dict(state["seconds"])
        self._partial = state["partial"]


def split(order: Tensor, batch_size: int) -> list[Tensor]:
    """Index batches; the last may be short, but a single image is left out: batch norm has no variance of one."""
    batches = list(order.split(batch_size))
    return batches[:-1] if len(batches) > 1 and len(batches[-1]) == 1 else batches


@torch.no_grad()
def evaluate(
    model: nn.Module, dataset: Dataset, name: str, batch_size: int, seen_by: Jackknife | None = None
) -> dict[str, Any]:
    """``{metric: value}`` of the task, and ``loss``, over one split in eval mode; ``seen_by`` sees it too."""
    losses, samples = [], dataset.samples(name)
    model.eval()

    def predict(inputs: np.ndarray) -> dict[str, np.ndarray]:
        images = torch.from_numpy(inputs).to(dataset.device)
        if images.dim() == 4:
            images = images.contiguous(memory_format=torch.channels_last)
        return {name: tensor.float().cpu().numpy() for name, tensor in named(model(images)).items()}

    def see(outputs: Mapping[str, np.ndarray], targets: np.ndarray) -> None:
        tensors = {name: torch.from_numpy(array) for name, array in outputs.items()}
        losses.append(dataset.task.evaluation_loss(tensors, torch.from_numpy(targets)))
        if seen_by:
            seen_by(outputs, targets)

    scores = score(dataset.task, samples, name, predict, batch_size, see)
    return scores | {"loss": float(sum(losses)) / len(samples)}
