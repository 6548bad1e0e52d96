"""How a network is trained, as the configuration's ``recipes`` say. Needs no torch."""

import difflib
from dataclasses import asdict, dataclass, fields

from edgeprune.errors import EdgepruneError

OPTIMIZERS = ("sgd", "adamw")
SCHEDULES = ("cosine", "step", "constant", "one-cycle")
AUGMENTATIONS = ("flip", "crop", "cutout")
PRECISIONS = ("fp32", "bf16", "auto")
BUDGETS = ("epochs", "flops")
COMPILE = (False, True, "graph")
DEVICES = ("auto", "cpu", "cuda", "mps")


@dataclass(frozen=True)
class Recipe:
    """Settings of one training.

    Attributes:
        epochs: passes over the training split, of the dense network.
        budget: what a pruned network's training has in common with the dense one's: ``epochs`` (Scratch-E of Liu et
            al., 2019) or ``flops`` (Scratch-B): more epochs by the factor of the FLOPs saved.
        budget_cap: ``flops`` raises the epochs at most by this factor.
        batch_size: images per step.
        optimizer: ``sgd`` (momentum, L2 penalty) or ``adamw`` (decoupled decay).
        lr: highest learning rate of the schedule.
        momentum, nesterov: of ``sgd``.
        weight_decay: on every parameter.
        schedule: ``cosine`` to 0, ``step`` (times ``step_factor`` at each milestone), ``constant``, or ``one-cycle``
            (up from a 25th of ``lr`` and down to next to nothing, both along a cosine).
        step_milestones: fractions of the epochs, ascending.
        warmup_epochs: epochs of linear rise from 0, before the schedule; of ``one-cycle`` its own rise; fractions
            allowed.
        label_smoothing: weight moved from the true class to all, where the task has classes.
        ema_decay: decay per step of an exponential moving average of the weights and batch norm's statistics; the
            averaged network is the one that is validated, reported and exported. 0: no averaging.
        bn_l1: weight of an L1 penalty on batch norm's scales (Liu et al., 2017, network slimming); it is not in the
            losses that are reported.
        augment: any of ``flip`` (left-right), ``crop`` (padded with zeros), ``cutout`` (a square of the mean colour).
        crop_padding: pixels on each side; ``None``: an eighth of the height (4 at 32).
        cutout_size: side of the square in pixels; ``None``: half the height (16 at 32).
        eval_batch_size: images per step of an evaluation, no influence on training.
        precision: of the training's arithmetic: ``fp32``, ``bf16`` (mixed, weights stay fp32), or ``auto``: bf16 where
            the processor has it natively. Evaluation is in fp32.
        compile: run the training's forward and backward pass through ``torch.compile`` (``True``), or record them once
            as a CUDA graph and replay it (``graph``; elsewhere than on a GPU the same as ``False``).
        device: ``auto`` takes cuda, mps or cpu, whichever is there first.
        threads: CPU threads; part of what makes a result reproducible to the bit.
    """

    epochs: int = 20
    budget: str = "epochs"
    budget_cap: float = 4.0
    batch_size: int = 128
    optimizer: str = "sgd"
    lr: float = 0.1
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 5e-4
    schedule: str = "cosine"
    step_milestones: tuple = (0.5, 0.75)
    step_factor: float = 0.1
    warmup_epochs: float = 0.0
    label_smoothing: float = 0.0
    ema_decay: float = 0.0
    bn_l1: float = 0.0
    augment: tuple = ()
    crop_padding: int | None = None
    cutout_size: int | None = None
    eval_batch_size: int = 500
    precision: str = "fp32"
    compile: bool | str = False
    device: str = "auto"
    threads: int = 1

    def __post_init__(self):
        for name in ("augment", "step_milestones"):
            if isinstance(getattr(self, name), list):
                object.__setattr__(self, name, tuple(getattr(self, name)))
        _check(self)

    @classmethod
    def from_dict(cls, settings, file=None):
        """A recipe from an entry of the configuration.

        Raises:
            EdgepruneError: an unknown key or a value that is not allowed, with the key's path and a remedy.
        """
        if not isinstance(settings, dict):
            raise EdgepruneError(f"is not a mapping: {settings!r}", file=file, key="recipes", remedy="give keys")
        known = [f.name for f in fields(cls)]
        for name in settings:
            if name not in known:
                near = difflib.get_close_matches(str(name), known, n=1)
                hint = f"did you mean {near[0]!r}? " if near else ""
                remedy = f"{hint}known keys: {', '.join(known)}"
                raise EdgepruneError("unknown key", file=file, key=f"recipes.*.{name}", remedy=remedy)
        return cls(**settings)

    def to_dict(self):
        """The settings as plain JSON values, defaults included."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}


def _check(recipe):
    def is_int(v):
        return isinstance(v, int) and not isinstance(v, bool)

    def is_number(v):
        return is_int(v) or isinstance(v, float)

    def refuse(name, remedy):
        raise EdgepruneError(f"cannot be {getattr(recipe, name)!r}", key=f"recipes.*.{name}", remedy=remedy)

    for name in ("epochs", "batch_size", "eval_batch_size", "threads"):
        if not is_int(getattr(recipe, name)) or getattr(recipe, name) < 1:
            refuse(name, "give a whole number, 1 or more")
    for name in ("crop_padding", "cutout_size"):
        value = getattr(recipe, name)
        if value is not None and (not is_int(value) or value < 1):
            refuse(name, "give a whole number of pixels, 1 or more, or leave it out")
    for name, low, high in (
        ("lr", 0, float("inf")),
        ("momentum", 0, 1),
        ("weight_decay", 0, float("inf")),
        ("step_factor", 0, 1),
        ("label_smoothing", 0, 1),
        ("ema_decay", 0, 1),
        ("bn_l1", 0, float("inf")),
        ("budget_cap", 1, float("inf")),
    ):
        value = getattr(recipe, name)
        # NaN fails every comparison, so it is refused too
        if not is_number(value) or not low <= value < high or (name in ("lr", "step_factor") and value == 0):
            refuse(name, f"give a number of at least {low} and below {high}" + (", not 0" if name == "lr" else ""))
    if not is_number(recipe.warmup_epochs) or not 0 <= recipe.warmup_epochs <= recipe.epochs:
        refuse("warmup_epochs", f"give a number from 0 to the number of epochs, {recipe.epochs}")
    for name, allowed in (
        ("optimizer", OPTIMIZERS),
        ("schedule", SCHEDULES),
        ("precision", PRECISIONS),
        ("device", DEVICES),
        ("budget", BUDGETS),
        ("nesterov", (True, False)),
        ("compile", COMPILE),
    ):
        if getattr(recipe, name) not in allowed:
            refuse(name, f"choose one of: {', '.join(map(str, allowed))}")
    if recipe.nesterov and recipe.momentum == 0 and recipe.optimizer == "sgd":
        refuse("nesterov", "Nesterov's step needs a momentum above 0; set nesterov to false")
    if not isinstance(recipe.augment, tuple) or not all(a in AUGMENTATIONS for a in recipe.augment):
        refuse("augment", f"give a list of any of: {', '.join(AUGMENTATIONS)}")
    milestones = recipe.step_milestones
    if (
        not isinstance(milestones, tuple)
        or not all(is_number(m) and 0 < m < 1 for m in milestones)
        or list(milestones) != sorted(milestones)
    ):
        refuse("step_milestones", "give ascending fractions of the epochs, each between 0 and 1")
