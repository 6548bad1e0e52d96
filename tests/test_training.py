"""Recipe, schedule, seeds, augmentation, optimiser and engine."""

import io
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from edgeprune.config.recipe import Recipe
from edgeprune.errors import EdgepruneError
from edgeprune.networks.vgg import vgg8
from edgeprune.training import augment, checkpoint, device, history, optimizer
from edgeprune.training.dataset import Dataset
from edgeprune.training.engine import Engine, evaluate, split
from edgeprune.training.schedule import learning_rate
from edgeprune.training.seeds import derive, generator
from helpers.trainingdata import noise_dataset, raw, write_dataset

torch.set_num_threads(1)


# --- recipe and schedule


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"learning_rate": 1}, r"recipes.\*.learning_rate: unknown key"),
        ({"epoch": 3}, "did you mean 'epochs'"),
        ({"lr": 0}, "lr: cannot be 0"),
        ({"lr": float("nan")}, "lr: cannot be nan"),
        ({"lr": "0.1"}, "lr"),
        ({"epochs": 0}, "epochs"),
        ({"epochs": 2.5}, "epochs"),
        ({"batch_size": True}, "batch_size"),
        ({"momentum": 1}, "momentum"),
        ({"momentum": 0}, "nesterov"),
        ({"warmup_epochs": 21}, "warmup_epochs.*\n.*20"),
        ({"label_smoothing": -0.1}, "label_smoothing"),
        ({"optimizer": "adam"}, "sgd, adamw"),
        ({"schedule": "linear"}, "cosine, step, constant, one-cycle"),
        ({"precision": "fp16"}, "fp32"),
        ({"device": "tpu"}, "auto, cpu, cuda, mps"),
        ({"augment": ["mixup"]}, "flip, crop, cutout"),
        ({"augment": "flip"}, "augment"),
        ({"augment": [{"crop": 4}]}, "flip, crop, cutout"),
        ({"crop_padding": 0}, "crop_padding"),
        ({"step_milestones": [0.9, 0.5]}, "step_milestones"),
        ({"threads": 0}, "threads"),
        ([], "is not a mapping"),
    ],
)
def test_recipe_refuses(settings, message):
    with pytest.raises(EdgepruneError, match=message):
        Recipe.from_dict(settings)


def test_recipe_survives_json():
    recipe = Recipe.from_dict({"epochs": 3, "augment": ["flip", "crop"], "lr": 1})
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    assert recipe.augment == ("flip", "crop")


def test_schedule():
    def rates(**settings):
        return [learning_rate(Recipe(epochs=4, lr=0.8, **settings), step, 5) for step in range(20)]

    assert rates(schedule="constant") == [0.8] * 20
    cosine = rates(warmup_epochs=1)
    assert cosine[:6] == pytest.approx([0.16, 0.32, 0.48, 0.64, 0.8, 0.8])
    assert all(a > b for a, b in pairwise(cosine[5:]))
    assert cosine[-1] < 0.01
    assert rates(warmup_epochs=4) == pytest.approx([0.04 * n for n in range(1, 21)])
    assert rates(schedule="step") == pytest.approx([0.8] * 10 + [0.08] * 5 + [0.008] * 5)


@pytest.mark.parametrize("warmup", [0, 0.4, 1, 1.5, 3.5])
def test_one_cycle_is_torchs(warmup):
    recipe = Recipe(epochs=4, lr=0.8, schedule="one-cycle", warmup_epochs=warmup)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.8)
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 0.8, total_steps=20, pct_start=warmup / 4, cycle_momentum=False
    )
    for step in range(20):
        assert learning_rate(recipe, step, 5) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9), step
        optimizer.step()
        theirs.step()


def test_seeds_are_the_documented_ones():
    import hashlib

    expected = int(hashlib.sha256(b"edgeprune/7/shuffle/2").hexdigest()[:16], 16) // 2
    assert derive(7, "shuffle", 2) == expected
    assert len({derive(s, p, e) for s in range(3) for p in ("shuffle", "augment") for e in range(3)}) == 18
    assert torch.equal(torch.randperm(9, generator=generator(1, "x")), torch.randperm(9, generator=generator(1, "x")))


# --- augmentation


def numbered(n=6, shape=(2, 5, 7)):
    return torch.arange(n * shape[0] * shape[1] * shape[2]).view(n, *shape).to(torch.int32)


def test_flip_mirrors_the_chosen_images():
    images, chosen = numbered(), torch.tensor([True, False] * 3)
    result = augment.flip(images, chosen)
    for image, flipped, new in zip(images, chosen, result):
        assert torch.equal(new, image.flip(-1) if flipped else image)


@pytest.mark.parametrize("shape", [(2, 5, 7), (5, 7)])
def test_crop_cuts_windows_of_the_padded_image(shape):
    images = numbered()[:, : shape[0]] if len(shape) == 3 else numbered()[:, 0]
    top, left = torch.tensor([0, 1, 2, 3, 4, 2]), torch.tensor([4, 3, 2, 1, 0, 2])
    result = augment.crop(images, 2, top, left)
    padded = nn.functional.pad(images, [2] * 4)
    for i in range(6):
        assert torch.equal(result[i], padded[i, ..., top[i] : top[i] + 5, left[i] : left[i] + 7])
    assert torch.equal(result[5], images[5])


def test_cutout_writes_a_clipped_square():
    images, fill = torch.zeros(2, 3, 6, 6, dtype=torch.uint8), torch.tensor([1, 2, 3], dtype=torch.uint8)
    result = augment.cutout(images, 4, torch.tensor([3, 0]), torch.tensor([3, 5]), fill)
    expected = torch.zeros(2, 6, 6, dtype=torch.bool)
    expected[0, 1:5, 1:5] = expected[1, 0:2, 3:6] = True
    for channel in range(3):
        assert torch.equal(result[:, channel], expected.to(torch.uint8) * (channel + 1))


def test_augment_draws_per_image_and_flips_maps_alike():
    images = torch.randint(1, 256, (64, 1, 8, 8), dtype=torch.uint8, generator=generator(0, "x"))
    flips = Recipe(augment=("flip",))
    inputs, targets = augment.Augment(flips, None, "mask")(images, images[:, 0].clone(), generator(0, "augment"))
    assert torch.equal(inputs[:, 0], targets)
    unchanged = (inputs == images).flatten(1).all(1).sum().item()
    assert 16 < unchanged < 48
    again, labels = augment.Augment(flips, None)(images, torch.arange(64), generator(0, "augment"))
    assert torch.equal(again, inputs)
    assert torch.equal(labels, torch.arange(64))
    both = augment.Augment(Recipe(augment=("flip", "crop")), None)(images, labels, generator(0, "augment"))[0]
    assert (both != images).flatten(1).any(1).sum() > 48


@pytest.mark.parametrize("name", ["crop", "cutout"])
def test_what_fills_in_is_refused_where_targets_are_maps(name):
    with pytest.raises(EdgepruneError, match=rf"recipes.\*.augment: {name} cannot be used where targets are maps"):
        augment.Augment(Recipe(augment=("flip", name)), None, "mask")


# --- optimiser


@pytest.mark.parametrize(("momentum", "nesterov"), [(0.0, False), (0.9, False), (0.9, True)])
@pytest.mark.parametrize("weight_decay", [0.0, 5e-4])
def test_sgd_equals_torchs_in_every_bit(momentum, weight_decay, nesterov):
    torch.manual_seed(0)
    ours, theirs = vgg8(), vgg8()
    theirs.load_state_dict(ours.state_dict())
    settings = {"momentum": momentum, "weight_decay": weight_decay, "nesterov": nesterov}
    mine = optimizer.SGD(list(ours.parameters()), 0.1, **settings)
    reference = torch.optim.SGD(theirs.parameters(), lr=0.1, **settings)
    for step in range(4):
        rate = 0.1 / (step + 1)
        mine.lr = reference.param_groups[0]["lr"] = rate
        images, labels = torch.randn(8, 1, 8, 8), torch.randint(10, (8,))
        for model, one in ((ours, mine), (theirs, reference)):
            one.zero_grad()
            nn.functional.cross_entropy(model(images), labels).backward()
            if step == 1:  # a parameter that some step does not reach
                next(model.parameters()).grad = None
            one.step()
    for a, b in zip(ours.parameters(), theirs.parameters()):
        assert torch.equal(a, b)


def test_adamw_is_torchs():
    model = nn.Linear(2, 1)
    one = optimizer.make(Recipe(optimizer="adamw", lr=0.01), list(model.parameters()))
    one.lr = 0.5
    before = model.weight.detach().clone()
    model(torch.ones(1, 2)).sum().backward()
    one.step()
    assert (before - model.weight).abs().mean().item() == pytest.approx(0.5, rel=0.01)  # Adam's first step is lr


# --- dataset and engine


def test_normalised_training_split_has_mean_0_and_deviation_1(tmp_path):
    dataset = Dataset(noise_dataset(tmp_path / "d", 40, shape=(3, 8, 8)))
    values = dataset.normalise(raw(dataset, "train")[0])
    assert values.dtype == torch.float32
    assert values.mean((0, 2, 3)).tolist() == pytest.approx([0] * 3, abs=1e-5)
    assert values.std((0, 2, 3), correction=0).tolist() == pytest.approx([1] * 3, abs=1e-5)
    cut = dataset.mean_colour.view(1, 3, 1, 1).expand(1, 3, 2, 2)
    assert dataset.normalise(cut).abs().max() < 0.01


def test_a_constant_channel_is_no_division_by_zero(tmp_path):
    images = {s: np.full((4, 1, 8, 8), 9, dtype=np.uint8) for s in ("train", "val", "test")}
    dataset = Dataset(write_dataset(tmp_path / "d", images, {s: np.zeros(4) for s in images}, 2))
    assert torch.isfinite(dataset.normalise(raw(dataset, "train")[0])).all()


def test_last_batch_is_kept_unless_it_is_one_image():
    assert [len(b) for b in split(torch.arange(10), 4)] == [4, 4, 2]
    assert [len(b) for b in split(torch.arange(9), 4)] == [4, 4]
    assert [len(b) for b in split(torch.arange(1), 4)] == [1]
    assert sorted(torch.cat(split(torch.arange(10), 3)[:3]).tolist()) == list(range(9))


def engine_on(folder, seed=0, model=None, **settings):
    dataset = Dataset(folder)
    torch.manual_seed(derive(seed, "initialise"))
    model = model or vgg8(num_classes=len(dataset.manifest["target"]["classes"]), width=0.25, dropout=0.2)
    return Engine(model, dataset, Recipe.from_dict({"epochs": 3, "batch_size": 6, "lr": 0.05, **settings}), seed)


def test_an_interrupted_training_resumes_to_the_same_bits(tmp_path):
    folder = noise_dataset(tmp_path / "d")
    settings = {"augment": ["flip", "crop", "cutout"], "warmup_epochs": 1}
    whole, kept = engine_on(folder, **settings), []
    whole.run(after_epoch=lambda e: kept.append(checkpoint.to_bytes(e.state_dict())))
    resumed = engine_on(folder, **settings)
    for p in resumed.model.parameters():
        nn.init.ones_(p)
    torch.rand(3)  # what else draws from the global generator must not matter
    resumed.load_state_dict(torch.load(io.BytesIO(kept[0]), weights_only=True))
    resumed.run()
    assert resumed.history == whole.history
    assert resumed.images == whole.images == 3 * 20
    for a, b in zip(whole.model.state_dict().values(), resumed.model.state_dict().values()):
        assert torch.equal(a, b)


def test_seed_decides_the_training(tmp_path):
    folder = noise_dataset(tmp_path / "d")
    runs = [engine_on(folder, seed) for seed in (0, 0, 1)]
    for one in runs:
        one.run()
    assert runs[0].history == runs[1].history != runs[2].history


def test_the_test_split_is_not_touched_by_training(tmp_path):
    folder = noise_dataset(tmp_path / "d")
    (folder / "test.npy").unlink()
    engine = engine_on(folder, epochs=1)
    engine.run()
    assert len(engine.history) == 1
    with pytest.raises(EdgepruneError, match=r"test\.npy"):
        evaluate(engine.model, engine.dataset, "test", 5)


def test_evaluation_does_not_depend_on_its_batches(tmp_path):
    engine = engine_on(noise_dataset(tmp_path / "d"))
    engine.model.train()
    results = [evaluate(engine.model, engine.dataset, "val", size) for size in (3, 20)]
    assert results[0]["accuracy"] == results[1]["accuracy"]
    assert results[0]["loss"] == pytest.approx(results[1]["loss"], rel=1e-5)


def test_divergence_names_epoch_and_remedy(tmp_path):
    with pytest.raises(EdgepruneError, match=r"(?s)epoch [12] of 3.*lower lr") as caught:
        engine_on(noise_dataset(tmp_path / "d"), lr=1e30).run()
    assert caught.value.key == "recipes.*.lr"


def test_batch_larger_than_the_data(tmp_path):
    with pytest.raises(EdgepruneError, match="21 is more than the 20 images"):
        engine_on(noise_dataset(tmp_path / "d"), batch_size=21)


def test_unavailable_device():
    if torch.cuda.is_available():
        pytest.skip("this machine has the device")
    with pytest.raises(EdgepruneError, match="no cuda device"):
        device.choose("cuda")
    assert device.choose("cpu").type == "cpu"


# --- files


def test_history_reads_back_to_the_same_bits():
    rows = [{"epoch": 1, "lr": 0.1, "val_loss": 1 / 3}, {"epoch": 2, "lr": 1e-7, "val_loss": 2 / 3}]
    lines = history.to_csv(rows).splitlines()
    assert lines[0] == "epoch,lr,val_loss"
    assert [float(line.split(",")[2]) for line in lines[1:]] == [1 / 3, 2 / 3]


def test_live_line():
    from edgeprune.tasks import get

    stream = io.StringIO()
    row = {"epoch": 2, "train_loss": 0.5, "val_accuracy": 0.875}
    history.LiveLine(get("classification").headline, 12, stream)(row, 1234.5, 65.4)
    text = stream.getvalue()
    for part in ("2/12", "0.5000", "Accuracy (%) 87.50", "1,234 images/s", "1:05 left"):
        assert part in text


def test_checkpoint_bytes_do_not_depend_on_which_strings_are_one_object():
    name = "".join(["c", "pu"])  # equal to "cpu", another object
    values = [{"a": n, "b": ["cpu", n], "w": torch.zeros(2)} for n in ("cpu", name)]
    assert checkpoint.to_bytes(values[0]) == checkpoint.to_bytes(values[1])


def test_checkpoint_reports_truncation_and_strangers(tmp_path):
    path = tmp_path / "model.pt"
    checkpoint.save(path, {"state_dict": {"w": torch.arange(1000.0)}})
    assert torch.equal(checkpoint.load(path)["state_dict"]["w"], torch.arange(1000.0))
    whole = path.read_bytes()
    for bad in (whole[: len(whole) // 2], b"", b"not a checkpoint at all"):
        path.write_bytes(bad)
        with pytest.raises(EdgepruneError, match="not a whole checkpoint"):
            checkpoint.load(path)
    torch.save({"weights": 1}, path)
    with pytest.raises(EdgepruneError, match="not a checkpoint of this project"):
        checkpoint.load(path)
    with pytest.raises(EdgepruneError, match="no such file"):
        checkpoint.load(tmp_path / "none.pt")
    path.write_bytes(checkpoint.to_bytes({"version": 99}))
    with pytest.raises(EdgepruneError, match="version 99"):
        checkpoint.load(path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.pt"]
