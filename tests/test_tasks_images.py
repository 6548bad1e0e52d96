"""Denoising, super-resolution and segmentation: what the network sees, the loss, the metrics."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from edgeprune import tasks
from edgeprune.config.recipe import Recipe
from edgeprune.data.examples import evaluated, score, score_baseline, some
from edgeprune.errors import EdgepruneError
from edgeprune.metrics.image import luma, psnr


class Stored:
    """Images (C, h, w) and targets in memory, as a split on disk is read."""

    def __init__(self, images, targets=None):
        self.images, self.targets = images, targets or [None] * len(images)

    def __len__(self):
        return len(self.images)

    def image(self, index):
        return self.images[index]

    def target(self, index):
        return self.targets[index]


def smooth(height, width, channels=1):
    """A picture without noise: bytes that rise and fall slowly."""
    y, x = np.mgrid[:height, :width]
    planes = [128 + 80 * np.sin(y / 7 + c) * np.cos(x / 9) for c in range(channels)]
    return np.rint(planes).astype(np.uint8)


def task_of(name, channels=1, deploy=(32, 32), target=None, **options):
    manifest = {
        "task": name,
        "input": {"shape": [channels, None, None], "dtype": "uint8"},
        "target": {"kind": "image"} | (target or {}),
        "mean": [0.0] * channels,
        "std": [1.0] * channels,
        "deploy_size": list(deploy),
        "options": options,
        "splits": {"train": {"pixels_per_class": [10, 30, 20]}},
    }
    return tasks.bind(manifest)


# --- denoising


def test_noise_is_the_same_in_each_evaluation_and_of_the_asked_strength():
    task, image = task_of("denoising", sigma=25.0), smooth(128, 128)
    first = task.observe(image, "test", 3)
    np.testing.assert_array_equal(first, task.observe(image, "test", 3))
    for split, index in (("val", 3), ("test", 4)):
        assert np.abs(first - task.observe(image, split, index)).mean() > 10
    noise = first - image
    assert abs(noise.mean()) < 0.5
    assert noise.std() == pytest.approx(25, rel=0.01)
    assert first.min() < 0 or task.observe(image * 0, "test", 3).min() < 0  # not clipped


def test_noise_in_training_is_drawn_afresh_and_the_target_stays_clean():
    task = task_of("denoising", sigma=10.0)
    images, draws = torch.from_numpy(smooth(64, 64))[None].repeat(4, 1, 1, 1), torch.Generator().manual_seed(0)
    first, clean = task.prepare(images, images, draws)
    again, _ = task.prepare(images, images, draws)
    assert torch.equal(clean, images)
    assert not torch.equal(first, again)
    assert (first - images).std().item() == pytest.approx(10, rel=0.02)


def test_the_noisy_input_scores_what_the_noise_says():
    """20 log10(255 / 25) is 20.17 dB; clipping to 0..255 takes a little of the noise away."""
    task = task_of("denoising", sigma=25.0)
    found = score_baseline(task, Stored([smooth(200, 150), smooth(90, 210)]), "test")
    assert found["psnr"] == pytest.approx(20.17, abs=0.15)


def test_psnr_is_the_mean_over_whole_images_clipped_and_rounded():
    task = task_of("denoising", deploy=(16, 16))
    truth = [np.full((1, 16, 16), 100, np.uint8), np.full((1, 40, 24), 254, np.uint8)]
    offset = np.float32(4.4 / 255)  # 100 becomes 104, 254 is clipped to 255
    found = score(task, Stored(truth), "val", lambda x: {"output": truth_of(x) + offset}, 8)
    expected = [20 * np.log10(255 / 4), 20 * np.log10(255 / 1)]
    assert found["psnr"] == pytest.approx(np.mean(expected))


def truth_of(noisy):
    """The constant image behind noise of sigma 25."""
    levels = np.array([100, 254]) / 255
    nearest = levels[np.abs(noisy.mean((1, 2, 3))[:, None] - levels).argmin(1)]
    return np.broadcast_to(nearest[:, None, None, None], noisy.shape).astype(np.float32)


def test_whole_images_by_tiles_are_as_good_as_at_once():
    task, image = task_of("denoising", deploy=(32, 32)), smooth(75, 50)
    weight = torch.randn(1, 1, 3, 3, generator=torch.Generator().manual_seed(0)) / 9

    def predict(inputs):
        assert inputs.shape[2:] == (32, 32)
        return {"output": functional.conv2d(torch.from_numpy(inputs), weight, padding=1).numpy()}

    seen = []
    score(task, Stored([image]), "val", predict, 8, lambda outputs, targets: seen.append(outputs["output"]))
    noisy = torch.from_numpy(task.observe(image, "val", 0))[None] / 255
    expected = functional.conv2d(noisy, weight, padding=1)
    np.testing.assert_allclose(seen[0][..., 1:-1, 1:-1], expected[..., 1:-1, 1:-1], atol=1e-5)


@pytest.mark.parametrize("name", ["denoising", "super-resolution"])
def test_the_loss_of_the_truth_is_nothing(name):
    task, image = task_of(name), torch.from_numpy(smooth(32, 32))[None]
    loss = task.loss(Recipe())
    assert loss({"output": image.float() / 255}, image).item() == 0
    assert loss({"output": image.float() / 255 + 0.5}, image).item() == pytest.approx(0.5 if "super" in name else 0.25)


# --- super-resolution


def test_the_input_is_the_reduction_and_the_target_a_multiple_of_it():
    task, image = task_of("super-resolution", channels=3, scale=4), smooth(101, 83, 3)
    small, large = task.example(image, None)
    assert small.shape == (3, 25, 20)
    assert small.dtype == np.uint8
    np.testing.assert_array_equal(large, image[:, :100, :80])


def test_bicubic_scores_as_torch_enlarges_on_the_luma_without_border():
    task, image = task_of("super-resolution", channels=3, scale=2), smooth(60, 80, 3)
    small, large = task.example(image, None)
    enlarged = functional.interpolate(
        torch.from_numpy(small)[None].float(), scale_factor=2, mode="bicubic", antialias=True, align_corners=False
    )
    expected = psnr(*(luma(x)[2:-2, 2:-2] for x in (np.rint(enlarged[0].numpy().clip(0, 255)), large)))
    assert score_baseline(task, Stored([image]), "test")["psnr"] == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("name", ["denoising", "super-resolution"])
def test_an_image_that_is_restored_to_the_bit_counts_100_db(name):
    task, blank = task_of(name), np.full((1, 32, 32), 100, np.uint8)
    found = task.accumulator()
    found.update({"output": np.float32(blank[None] / 255)}, blank[None])
    found.update({"output": np.float32(blank[None] + 1) / 255}, blank[None])
    one = psnr(*(luma(x) if "super" in name else x for x in (blank + 1, blank)))
    assert found.result()["psnr"] == pytest.approx((100 + one) / 2)
    found.update({"output": np.full((1, 1, 32, 32), np.nan, np.float32)}, blank[None])
    assert np.isnan(found.result()["psnr"])


@pytest.mark.parametrize(
    ("name", "shape"), [("denoising", (1, 1, 16, 16)), ("super-resolution", (1, 1, 32, 32)), ("denoising", (1, 10))]
)
def test_an_output_of_another_size_is_refused(name, shape):
    task = task_of(name)
    task.check_output({"output": (1, 1, 64, 64) if "super" in name else (1, 1, 32, 32)})
    with pytest.raises(EdgepruneError, match="the task needs") as caught:
        task.check_output({"output": shape}, key="networks.x.args")
    assert "deploy_size" in caught.value.remedy


# --- segmentation

MASKS = {"kind": "mask", "classes": ["background", "cat", "dog"], "void": 255}


def test_void_pixels_weigh_nothing():
    task = task_of("segmentation", target=MASKS)
    logits = torch.zeros(1, 3, 2, 2)
    logits[0, 1, 0, 0] = 9.0
    mask = torch.tensor([[[1, 255], [255, 255]]], dtype=torch.uint8)
    assert task.loss(Recipe())({"output": logits}, mask).item() < 0.001
    nothing = task.loss(Recipe())({"output": logits}, torch.full_like(mask, 255))
    assert nothing.item() == 0
    found = task.accumulator()
    found.update({"output": logits.numpy()}, mask.numpy())
    assert found.result() == {
        "miou": 1.0,
        "pixel_accuracy": 1.0,
        "iou": {"background": None, "cat": 1.0, "dog": None},
    }


def test_logits_of_an_eighth_are_enlarged_as_torch_does():
    task, draws = task_of("segmentation", channels=3, deploy=(32, 48), target=MASKS), torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 4, 6, generator=draws)
    predicted = functional.interpolate(logits, size=(32, 48), mode="bilinear").argmax(1).to(torch.uint8)
    found = task.accumulator()
    found.update({"output": logits.numpy()}, predicted.numpy())
    assert found.result()["miou"] > 0.999
    labels = torch.randint(0, 3, (2, 32, 48), generator=draws, dtype=torch.uint8)
    enlarged = functional.interpolate(logits, size=(32, 48), mode="bilinear")
    expected = functional.cross_entropy(enlarged, labels.long())
    assert task.loss(Recipe())({"output": logits}, labels).item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize(("balance", "weight"), [("none", [1, 1, 1]), ("log", [5.8429, 2.3883, 3.305])])
def test_classes_weigh_by_the_pixels_they_have(balance, weight):
    """Torch's weighted cross entropy; 1 / ln(1.02 + 1/6) is 5.8429."""
    task, weight = task_of("segmentation", target=MASKS, balance=balance), torch.tensor(weight, dtype=torch.float)
    labels = torch.tensor([0] * 10 + [1] * 30 + [2] * 20).view(1, 6, 10)
    logits = torch.randn(1, 3, 6, 10, generator=torch.Generator().manual_seed(0))
    expected = functional.cross_entropy(logits, labels, weight)
    assert task.loss(Recipe())({"output": logits}, labels.byte()).item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_majority_class_is_everywhere():
    task = task_of("segmentation", target=MASKS)
    truth = np.array([[1, 1, 1, 0]], np.uint8).repeat(4, 0)
    found = score_baseline(task, Stored([np.zeros((1, 4, 4), np.uint8)], [truth]), "val")
    assert found["iou"] == {"background": 0.0, "cat": 0.75, "dog": None}
    assert found["miou"] == 0.375


@pytest.mark.parametrize("shape", [(1, 2, 32, 32), (1, 3, 5, 5), (1, 3)])
def test_logits_that_do_not_fit_are_refused(shape):
    task = task_of("segmentation", target=MASKS)
    task.check_output({"output": (1, 3, 4, 4)})
    with pytest.raises(EdgepruneError, match="3 classes on 32 x 32 pixels need"):
        task.check_output({"output": shape})


def test_some_images_of_a_split_are_spread_over_it_and_seen_as_in_the_whole():
    """Splits are stored sorted: the first ones would all be of one class, or of one scene."""
    chosen = some(1000, 20)
    assert chosen == sorted(set(chosen)) == some(1000, 20)
    assert len(chosen) == 20
    assert max(chosen) > 800
    assert some(3, 20) == [0, 1, 2]

    class Images(list):
        image, target = list.__getitem__, staticmethod(lambda index: None)

    task, images = task_of("denoising", sigma=25.0), Images(np.full((1, 8, 8), i, np.uint8) for i in range(9))
    seen = [inputs for inputs, _ in evaluated(task, images, "test", 1)]
    for index, (inputs, _) in zip((2, 7), evaluated(task, images, "test", 1, (2, 7))):
        np.testing.assert_array_equal(inputs, seen[index])  # the noise is the image's own
