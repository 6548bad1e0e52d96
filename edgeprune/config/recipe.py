"""How a network is trained, as the configuration's ``recipes`` say. Needs no torch."""

from collections.abc import Collection
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args, get_origin

import msgspec
from msgspec import Meta

from edgeprune import typed
from edgeprune.errors import EdgepruneError, near
from edgeprune.typed import Positive

#: Augmentations that put something new into the image, for which a target that is a map would need a value of its own.
FILLING = ("crop", "cutout")
Fraction = Annotated[float, Meta(gt=0, lt=1)]


def _about(description: str, **schema: Any) -> Meta:
    return Meta(description=description, extra_json_schema=schema or None)


@dataclass(frozen=True)
class Recipe:
    """Settings of one training. What each is and can be stands at it, here only: the JSON schema is made from it."""

    epochs: Annotated[Positive, _about("Passes over the training split, of the dense network.")] = 20
    budget: Annotated[
        Literal["epochs", "flops"],
        _about(
            "What a pruned network's training has in common with the dense one's: the number of `epochs` (Scratch-E of "
            "Liu et al., 2019), or the training `flops` (Scratch-B): more epochs by the factor of the FLOPs saved."
        ),
    ] = "epochs"
    budget_cap: Annotated[float, Meta(ge=1), _about("`budget: flops` raises the epochs at most by this factor.")] = 4.0
    batch_size: Annotated[Positive, _about("Images per step.")] = 128
    optimizer: Annotated[
        Literal["sgd", "adamw"], _about("Update rule: `sgd` (momentum, L2 penalty) or `adamw` (decoupled decay).")
    ] = "sgd"
    lr: Annotated[float, Meta(gt=0), _about("Highest learning rate of the schedule.")] = 0.1
    momentum: Annotated[float, Meta(ge=0, lt=1), _about("Momentum of sgd.")] = 0.9
    nesterov: Annotated[bool, _about("Nesterov's momentum in sgd.")] = True
    weight_decay: Annotated[float, Meta(ge=0), _about("On every parameter: L2 penalty or decoupled decay.")] = 5e-4
    schedule: Annotated[
        Literal["cosine", "step", "constant", "one-cycle"],
        _about(
            "How the learning rate goes: `cosine` to 0, `step` (times `step_factor` at each milestone), `constant`, or "
            "`one-cycle` (up from a 25th of `lr` for `warmup_epochs`, then down to nearly 0, both along a cosine)."
        ),
    ] = "cosine"
    step_milestones: Annotated[
        tuple[Fraction, ...],
        _about("Where the `step` schedule lowers the rate, as ascending fractions of the training."),
    ] = (0.5, 0.75)
    step_factor: Annotated[Fraction, _about("What `step` multiplies the rate by at each milestone.")] = 0.1
    warmup_epochs: Annotated[
        float, Meta(ge=0), _about("Epochs of linear rise before the schedule; of one-cycle its rise; may be broken.")
    ] = 0.0
    label_smoothing: Annotated[
        float, Meta(ge=0, lt=1), _about("Weight moved from the true class to all, where the task has classes.")
    ] = 0.0
    ema_decay: Annotated[
        float,
        Meta(ge=0, lt=1),
        _about(
            "Decay per step of the moving average of weights and batch norm's statistics, which is then what is "
            "validated, reported and exported; 0 for none."
        ),
    ] = 0.0
    bn_l1: Annotated[
        float, Meta(ge=0), _about("L1 penalty on batch norm's scales (network slimming); in no loss that is reported.")
    ] = 0.0
    augment: Annotated[
        tuple[Literal["flip", "crop", "cutout", "rotate"], ...],
        _about(
            "Random changes of a training image: left-right, padded by zeros and cut, a square of the mean colour, "
            "quarter turns.",
            uniqueItems=True,
        ),
    ] = ()
    patch: Annotated[
        Positive | None,
        _about("Side in pixels of the squares that are cut out of the images at random; left out, whole images."),
    ] = None
    patches_per_image: Annotated[
        Positive | None, _about("Patches of each image in an epoch; left out, 64 where there are patches.")
    ] = None
    crop_padding: Annotated[
        Positive | None, _about("Pixels of padding on each side for `crop`; left out, an eighth of the height.")
    ] = None
    cutout_size: Annotated[
        Positive | None, _about("Side of the square of `cutout` in pixels; left out, half the height.")
    ] = None
    eval_batch_size: Annotated[Positive, _about("Images per step when evaluating; the result is the same.")] = 500
    precision: Annotated[
        Literal["fp32", "bf16", "auto"],
        _about(
            "Arithmetic of the training, not of the evaluation: `bf16` is mixed (weights stay fp32), `auto` is bf16 "
            "where the processor has it natively."
        ),
    ] = "fp32"
    compile: Annotated[
        bool | Literal["graph"],
        _about(
            "Train through torch.compile (true), or record the forward and backward pass once as a CUDA graph and "
            "replay it (`graph`; nothing where there is no GPU)."
        ),
    ] = False
    device: Annotated[
        Literal["auto", "cpu", "cuda", "mps"], _about("Where to train; `auto`: cuda, mps or cpu, the first there is.")
    ] = "auto"
    threads: Annotated[Positive, _about("CPU threads; part of what makes a result reproducible to the bit.")] = 1

    def __post_init__(self) -> None:
        if self.warmup_epochs > self.epochs:
            raise _refusal("warmup_epochs", self, f"give a number from 0 to the number of epochs, {self.epochs}")
        if self.patches_per_image and not self.patch:
            raise _refusal("patches_per_image", self, "there are no patches; set `patch` too, or leave it out")
        if self.nesterov and self.momentum == 0 and self.optimizer == "sgd":
            remedy = "Nesterov's step needs a momentum above 0; set nesterov to false"
            raise _refusal("nesterov", self, remedy)
        if list(self.step_milestones) != sorted(self.step_milestones):
            raise _refusal("step_milestones", self, "give ascending fractions of the epochs")

    @classmethod
    def from_dict(cls, settings: Any, file: str | Path | None = None) -> Self:
        """A recipe from an entry of the configuration.

        Raises:
            EdgepruneError: an unknown key or a value that is not allowed, with the key's path and a remedy.
        """
        if not isinstance(settings, dict):
            raise EdgepruneError(f"is not a mapping: {settings!r}", file=file, key="recipes", remedy="give keys")
        types: dict[str, Any] = {f.name: f.type for f in fields(cls)}
        for name, value in settings.items():
            if name not in types:
                remedy = f"known keys: {', '.join(types)}"
                raise EdgepruneError(
                    f"unknown key{near(name, types)}", file=file, key=f"recipes.*.{name}", remedy=remedy
                )
            try:
                typed.convert(value, types[name])
            except EdgepruneError as error:
                key, remedy = f"recipes.*.{name}{error.key or ''}", _remedy(types[name])
                raise EdgepruneError(error.problem, file=file, key=key, remedy=remedy) from error
        # numbers as they were written: a whole one stays an integer in what a run records
        written: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in settings.items()}
        return cls(**written)

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain JSON values, defaults included; those of patches only where there are patches."""
        patches = {} if self.patch else {"patch", "patches_per_image"}
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items() if k not in patches}


def check_augment(augment: Collection[str], targets: str, network: str = "*", file: str | Path | None = None) -> None:
    """Refuse changes of the images that cannot be made to such targets, see :attr:`edgeprune.tasks.base.Task.targets`.

    Raises:
        EdgepruneError: the targets move with the image, and the recipe asks for one of :data:`FILLING`.
    """
    refused = [name for name in FILLING if name in augment]
    if targets != "class" and refused:
        raise EdgepruneError(
            f"{' and '.join(refused)} cannot be used where targets are maps or boxes: what to fill them with is not "
            "defined",
            file=file,
            key=f"recipes.{network}.augment",
            remedy="name what moves inputs and targets alike, e.g. [flip, rotate], and set `patch` for random crops",
        )


def schema() -> dict[str, Any]:
    """``{key: JSON schema}`` of the recipe's keys."""
    keys = msgspec.json.schema_components([Recipe])[1]["Recipe"]["properties"]
    return msgspec.json.decode(msgspec.json.encode(keys))  # defaults as lists, not tuples


def _refusal(name: str, recipe: Recipe, remedy: str) -> EdgepruneError:
    return EdgepruneError(f"cannot be {getattr(recipe, name)!r}", key=f"recipes.*.{name}", remedy=remedy)


def _remedy(kind: Any) -> str:
    choices = _choices(kind)
    return (
        f"choose from: {', '.join(map(str, choices))}" if choices else f"it means: {kind.__metadata__[-1].description}"
    )


def _choices(kind: Any) -> tuple[Any, ...]:
    if kind is bool:
        return (False, True)
    parts = get_args(kind)
    return parts if get_origin(kind) is Literal else tuple(choice for part in parts for choice in _choices(part))
