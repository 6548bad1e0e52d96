"""The interface between a task and the stages."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from edgeprune import tasks
from edgeprune.config.recipe import Recipe
from edgeprune.errors import EdgepruneError

MANIFEST = {"input": {"shape": [3, 8, 6]}, "target": {"classes": ["a", "b", "c"]}}


def test_unknown_task_lists_the_known_ones():
    with pytest.raises(EdgepruneError, match="classification") as caught:
        tasks.get("telepathy", file="manifest.json")
    assert (caught.value.file, caught.value.key) == ("manifest.json", "task")


def test_headline_needs_no_torch():
    code = (
        "import sys; from edgeprune import tasks; h = tasks.get('classification').headline;"
        "print(h.name, h.label, h.higher_is_better, 'torch' in sys.modules, 'numpy' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert out.split() == ["accuracy", "Accuracy", "(%)", "True", "False", "False"]


def test_classification_tells_the_factory_what_the_dataset_knows():
    task = tasks.get("classification")
    assert task.factory_arguments(MANIFEST) == {"num_classes": 3, "in_channels": 3, "input_size": (8, 6)}
    square = {**MANIFEST, "input": {"shape": [1, 8, 8]}}
    assert task.factory_arguments(square)["input_size"] == 8


def test_accumulator_streams_to_the_same_numbers_as_one_batch():
    generator = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(23, 3, generator=generator), torch.randint(3, (23,), generator=generator)
    accumulator = tasks.get("classification").accumulator()
    for part in range(0, 23, 5):
        accumulator.update(logits[part : part + 5], labels[part : part + 5])
    result = accumulator.result()
    assert result["accuracy"] == (logits.argmax(1) == labels).sum().item() / 23
    assert result["loss"] == pytest.approx(cross_entropy(logits, labels).item(), rel=1e-6)


def test_label_smoothing_reaches_the_loss_only():
    task, logits, labels = tasks.get("classification"), torch.tensor([[9.0, 0.0, 0.0]]), torch.tensor([0])
    plain, smooth = (task.loss(Recipe(label_smoothing=s))(logits, labels).item() for s in (0.0, 0.1))
    assert smooth > plain + 0.1


def test_targets_outside_the_classes_are_refused():
    task = tasks.get("classification")
    assert task.targets(np.array([0, 2]), MANIFEST).tolist() == [0, 2]
    with pytest.raises(EdgepruneError, match="labels from 0 to 3"):
        task.targets(np.array([0, 3]), MANIFEST)


@pytest.mark.parametrize("shape", [(1, 4), (1, 3, 1), (3,)])
def test_output_that_does_not_fit_is_refused(shape):
    task = tasks.get("classification")
    task.check_output(torch.zeros(1, 3), MANIFEST)
    with pytest.raises(EdgepruneError, match="3 classes"):
        task.check_output(torch.zeros(shape), MANIFEST)
