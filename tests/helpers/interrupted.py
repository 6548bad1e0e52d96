"""A small training that needs everything a kept state holds, and its interruption in the middle."""

import numpy as np
import pytest

from edgeprune.networks.vgg import vgg8
from edgeprune.sampling.sample import sample
from edgeprune.tracing.profile import profile
from edgeprune.training import engine
from edgeprune.training.run import run
from helpers import trainingdata

REPRODUCIBLE = ["history.csv", "metrics.json", "model.pt"]
EPOCHS, IMAGES = 12, 320
# everything that a state must hold: momentum, moving average, draws of augmentation and of dropout
RECIPE = {
    "epochs": EPOCHS,
    "batch_size": 32,
    "lr": 0.05,
    "ema_decay": 0.9,
    "augment": ["flip", "crop", "cutout"],
    "warmup_epochs": 1,
}
SPEC = {"factory": "edgeprune.networks.vgg:vgg8", "args": {"width": 0.5, "dropout": 0.2}}


def make_inputs(folder):
    """Data of noise and four classes, a profile and two plans."""
    draw = np.random.default_rng(0)
    counts = {"train": IMAGES, "val": 40, "test": 40}
    targets = {s: np.arange(n) % 4 for s, n in counts.items()}
    images = {s: draw.integers(0, 100, (n, 1, 8, 8)) + 50 * targets[s][:, None, None, None] for s, n in counts.items()}
    trainingdata.write_dataset(
        folder / "noise", {s: i.clip(0, 255).astype(np.uint8) for s, i in images.items()}, targets, 4
    )
    dense = profile(vgg8(num_classes=4, width=0.5), (1, 8, 8), network="vgg8")
    dense.save(folder / "profile.json")
    sample(dense, "FA", 0.5, 0).save(folder / "plan.json")
    sample(dense, "FA", 0.5, 1).save(folder / "other.json")
    return folder


def arguments(inputs, out, **changes):
    settings = {"data": str(inputs / "noise"), "spec": SPEC, "recipe": RECIPE, "seed": 3, "onnx": False}
    return trainingdata.arguments(inputs, out, **settings | changes)


def interrupt(inputs, tmp_path, epoch=4, steps=0, **changes):
    """Stop a training in this process after ``steps`` steps beyond ``epoch`` epochs; the folder of its states."""
    calls = 0

    class Killed(Exception):
        pass

    def stop():
        nonlocal calls
        calls += 1
        if calls > epoch * IMAGES // 32 + steps:
            raise Killed
        return False

    real = engine.Engine.run
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine.Engine, "run", lambda self, **options: real(self, **options | {"stop": stop}))
        with pytest.raises(Killed):
            run(**arguments(inputs, tmp_path / "out", state=str(tmp_path / "state"), **changes))
    return tmp_path / "state"
