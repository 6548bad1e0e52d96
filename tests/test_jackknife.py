"""How far a score would be on other images: the delete-a-group jackknife, the same for every task's metric."""

import json

import numpy as np
import pytest

from edgeprune import tasks
from edgeprune.tasks.base import Accumulator
from edgeprune.tasks.jackknife import Jackknife

MANIFEST = {"input": {"shape": [1, 16, 16]}, "target": {"classes": ["a", "b"], "void": 255}}
DRAWS = np.random.default_rng(0)


def bound(name):
    return tasks.bind({**MANIFEST, "task": name, "mean": [0.5], "std": [0.5]}, "manifest.json")


def labels(n, draws=DRAWS):
    truth = np.arange(n) * 2 // n  # sorted by class, as splits are stored
    right = draws.random(n) < np.where(truth, 0.95, 0.7)
    return {"output": np.eye(2)[np.where(right, truth, 1 - truth)]}, truth


def images(n, draws=DRAWS):
    truth = draws.integers(0, 256, (n, 1, 16, 16), np.uint8)
    noise = draws.standard_normal(truth.shape) * draws.uniform(0.02, 0.2, (n, 1, 1, 1))
    return {"output": (truth / 255 + noise).astype(np.float32)}, truth


def masks(n, draws=DRAWS):
    truth = draws.integers(0, 2, (n, 16, 16)).astype(np.uint8)
    wrong = draws.random((n, 16, 16)) < draws.uniform(0, 0.5, (n, 1, 1))
    return {"output": np.eye(2, dtype=np.float32)[np.where(wrong, 1 - truth, truth)].transpose(0, 3, 1, 2)}, truth


def centres(n, draws=DRAWS):
    """One object in each image; a third of the networks' answers are elsewhere."""
    at = draws.integers(0, 4, (n, 2))
    found = np.where(draws.random((n, 1)) < 0.3, (at + 2) % 4, at)
    corner = np.concatenate([at[:, ::-1] * 4, at[:, ::-1] * 4 + 4], 1)
    boxes = np.concatenate([np.zeros((n, 1)), corner], 1)[:, None].astype(np.float32)
    return found, boxes


def points(n, draws=DRAWS):
    found, boxes = centres(n, draws)
    logits = np.zeros((n, 3, 4, 4), np.float32)
    logits[:, 0] = 3
    logits[np.arange(n), 1, found[:, 0], found[:, 1]] = 9
    return {"output": logits}, boxes


def detections(n, draws=DRAWS):
    found, boxes = centres(n, draws)
    heat = np.full((n, 2, 4, 4), -9, np.float32)
    heat[np.arange(n), 0, found[:, 0], found[:, 1]] = draws.normal(2, 1, n)
    half = np.full((n, 2, 4, 4), 0.5, np.float32)
    return {"heatmap": heat, "size": 2 * half, "offset": half}, boxes


TASKS = {
    "classification": labels,
    "denoising": images,
    "super-resolution": lambda n, draws=DRAWS: images(n, draws),
    "segmentation": masks,
    "centroids": points,
    "detection": detections,
}


def scored(task, outputs, targets, batch=7):
    whole, jackknife = task.accumulator(), Jackknife(task, len(targets))
    for i in range(0, len(targets), batch):
        part = {name: array[i : i + batch] for name, array in outputs.items()}, targets[i : i + batch]
        whole.update(*part)
        jackknife(*part)
    return whole.result(), jackknife.uncertainty()


@pytest.mark.parametrize("name", TASKS)
def test_the_standard_error_is_the_spread_over_draws_of_images(name):
    """Over many validation splits, the scores spread as one split's jackknife says they do (within its own noise)."""
    task, draws = bound(name), np.random.default_rng(3)
    found = [scored(task, *TASKS[name](60, draws)) for _ in range(60)]
    for metric in task.metrics:
        spread = np.std([scores[metric.name] for scores, _ in found], ddof=1)
        said = np.sqrt(np.mean([known["standard_error"][metric.name] ** 2 for _, known in found]))
        assert said == pytest.approx(spread, rel=0.35), metric.name
        if name not in ("classification", "segmentation") and metric is task.headline:
            assert said > 0


def test_of_an_accuracy_it_is_the_binomial_although_splits_are_sorted_by_class():
    """Groups are random: every twentieth image would leave out what classes differ by."""
    task = bound("classification")
    found = [scored(task, *labels(400, np.random.default_rng(i))) for i in range(40)]
    p = np.mean([scores["accuracy"] for scores, _ in found])
    said = np.sqrt(np.mean([known["standard_error"]["accuracy"] ** 2 for _, known in found]))
    assert said == pytest.approx(np.sqrt(p * (1 - p) / 400), rel=0.08)


def test_what_is_kept_are_the_headlines_without_each_group():
    outputs, targets = labels(45)
    scores, known = scored(bound("classification"), outputs, targets)
    assert known["images"] == 45
    assert len(known["left_out"]) == 20
    assert np.mean(known["left_out"]) == pytest.approx(scores["accuracy"], abs=0.01)
    assert known == scored(bound("classification"), outputs, targets, batch=45)[1] == json.loads(json.dumps(known))
    few = scored(bound("classification"), *labels(3))[1]
    assert len(few["left_out"]) == 3
    assert scored(bound("classification"), *labels(1))[1] == {
        "images": 1, "standard_error": {"accuracy": None}, "left_out": None,
    }  # fmt: skip


def test_a_task_whose_accumulators_cannot_be_put_together_has_no_standard_error():
    class Alone(Accumulator):
        def update(self, outputs, targets):
            pass

        def result(self):
            return {"accuracy": 1.0}

    task = bound("classification")
    task.accumulator = Alone
    assert scored(task, *labels(40))[1]["standard_error"] == {"accuracy": None}
