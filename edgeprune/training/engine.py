"""The training loop and the evaluation loop."""

import math
import time

import torch

from edgeprune.errors import EdgepruneError
from edgeprune.training import optimizer
from edgeprune.training.augment import Augment
from edgeprune.training.schedule import learning_rate
from edgeprune.training.seeds import derive, generator


class Engine:
    """Trains one network on one dataset by one recipe.

    Each epoch draws from generators of its own (:mod:`edgeprune.training.seeds`), so that :meth:`state_dict` between
    two epochs holds all it takes to go on to the same weights.

    Args:
        model: the network, on the dataset's device.
        dataset: an :class:`edgeprune.training.dataset.Dataset`.
        recipe: an :class:`edgeprune.training.recipe.Recipe`.
        seed: the run's seed.

    Attributes:
        history: one dict per finished epoch: ``epoch`` (from 1), ``lr`` (of its last step), ``train_loss``,
            ``val_loss`` and the task's metrics as ``val_<name>``.
        seconds: ``{"training", "evaluation"}`` so far.
        images: images trained on so far, repetitions counted.

    Raises:
        EdgepruneError: the batch is larger than the training split, or nothing can be trained.
    """

    def __init__(self, model, dataset, recipe, seed):
        self.model, self.dataset, self.task, self.recipe, self.seed = model, dataset, dataset.task, recipe, seed
        self.train, self.val = dataset.split("train"), dataset.split("val")
        if recipe.batch_size > len(self.train):
            raise EdgepruneError(
                f"{recipe.batch_size} is more than the {len(self.train)} images of the training split",
                key="recipes.*.batch_size",
                remedy=f"choose at most {len(self.train)}",
            )
        self.loss = self.task.loss(recipe)
        self.augment = Augment(recipe, dataset.mean_colour, self.task.spatial_target) if recipe.augment else None
        self.optimizer = optimizer.make(recipe, list(model.parameters()))
        self.history, self.images = [], 0
        self.seconds = {"training": 0.0, "evaluation": 0.0}

    def run(self, report=None, after_epoch=None):
        """Train up to the recipe's last epoch.

        Args:
            report: called with the epoch's row, images per second and seconds left.
            after_epoch: called with this engine, between two epochs.

        Raises:
            EdgepruneError: the loss is no longer a number.
        """
        while len(self.history) < self.recipe.epochs:
            epoch, begin, images = len(self.history), time.perf_counter(), self.images
            row = self._train_epoch(epoch)
            middle = time.perf_counter()
            val = evaluate(self.model, self.dataset, "val", self.recipe.eval_batch_size)
            self.refuse_nan(val["loss"], epoch, "validation")
            end = time.perf_counter()
            row |= {"val_loss": val["loss"]} | {f"val_{m.name}": val[m.name] for m in self.task.metrics}
            self.history.append(row)
            self.seconds["training"] += middle - begin
            self.seconds["evaluation"] += end - middle
            if report:
                left = (end - begin) * (self.recipe.epochs - len(self.history))
                report(row, (self.images - images) / (middle - begin), left)
            if after_epoch:
                after_epoch(self)

    def _train_epoch(self, epoch):
        device = self.dataset.device
        order = torch.randperm(len(self.train), generator=generator(self.seed, "shuffle", epoch)).to(device)
        batches = split(order, self.recipe.batch_size)
        draws = generator(self.seed, "augment", epoch, device) if self.augment else None
        torch.manual_seed(derive(self.seed, "dropout", epoch))  # dropout reads the global generator
        self.model.train()
        total, count = torch.zeros((), dtype=torch.float64 if device.type == "cpu" else None, device=device), 0
        for i, rows in enumerate(batches):
            inputs, targets = self.train.inputs[rows], self.train.targets[rows]
            if self.augment:
                inputs, targets = self.augment(inputs, targets, draws)
            self.optimizer.lr = lr = learning_rate(self.recipe, epoch * len(batches) + i, len(batches))
            outputs = self.model(self.dataset.normalise(inputs))
            loss = self.loss(outputs, self.task.prepare(targets, self.dataset.manifest))
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            total += loss.detach() * len(rows)  # on the device: no synchronisation per step
            count += len(rows)
        self.images += count
        mean = total.item() / count
        self.refuse_nan(mean, epoch, "training")
        return {"epoch": epoch + 1, "lr": lr, "train_loss": mean}

    def refuse_nan(self, loss, epoch, kind):
        """Raise an EdgepruneError if ``loss`` (``training``, ``validation`` …, in ``epoch`` from 0) is no number."""
        if not math.isfinite(loss):
            raise EdgepruneError(
                f"the {kind} loss became {loss} in epoch {epoch + 1} of {self.recipe.epochs}: the training diverged",
                key="recipes.*.lr",
                remedy=f"lower lr (now {self.recipe.lr:g}) or raise warmup_epochs (now {self.recipe.warmup_epochs:g})",
            )

    def state_dict(self):
        """What a resumed training needs, as tensors and plain values."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "history": [dict(row) for row in self.history],
            "images": self.images,
            "seconds": dict(self.seconds),
        }

    def load_state_dict(self, state):
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.history = [dict(row) for row in state["history"]]
        self.images, self.seconds = state["images"], dict(state["seconds"])


def split(order, batch_size):
    """Index batches; the last may be short, but a single image is left out: batch norm has no variance of one."""
    batches = list(order.split(batch_size))
    return batches[:-1] if len(batches) > 1 and len(batches[-1]) == 1 else batches


@torch.no_grad()
def evaluate(model, dataset, name, batch_size):
    """``{metric: value}`` of the task, ``loss`` included, over one split in eval mode."""
    part, accumulator = dataset.split(name), dataset.task.accumulator()
    model.eval()
    for inputs, targets in zip(part.inputs.split(batch_size), part.targets.split(batch_size)):
        outputs = model(dataset.normalise(inputs))
        accumulator.update(outputs, dataset.task.prepare(targets, dataset.manifest))
    return accumulator.result()
