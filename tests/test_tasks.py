"""The interface between a task and the stages."""

import subprocess
import sys
from collections import namedtuple

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from edgeprune import tasks
from edgeprune.config.recipe import Recipe
from edgeprune.data.examples import stack
from edgeprune.errors import EdgepruneError
from edgeprune.tasks.outputs import named

MANIFEST = {"task": "classification", "input": {"shape": [3, 8, 6]}, "target": {"classes": ["a", "b", "c"]}}


def bound(**changes):
    return tasks.bind(MANIFEST | changes)


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
    assert bound().factory_arguments() == {"num_classes": 3, "in_channels": 3, "input_size": (8, 6)}
    assert bound(input={"shape": [1, 8, 8]}).factory_arguments()["input_size"] == 8


def test_accumulator_streams_to_the_same_numbers_as_one_batch():
    random = np.random.default_rng(0)
    logits, labels = 5 * random.standard_normal((23, 3)), random.integers(0, 3, 23)
    accumulator = bound().accumulator()
    for part in range(0, 23, 5):
        accumulator.update({"output": logits[part : part + 5]}, labels[part : part + 5])
    result = accumulator.result()
    assert result["accuracy"] == (logits.argmax(1) == labels).sum() / 23
    expected = cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels))
    assert result["loss"] == pytest.approx(expected.item(), rel=1e-12)


def test_label_smoothing_reaches_the_loss_only():
    task, logits, labels = bound(), {"output": torch.tensor([[9.0, 0.0, 0.0]])}, torch.tensor([0])
    plain, smooth = (task.loss(Recipe(label_smoothing=s))(logits, labels).item() for s in (0.0, 0.1))
    assert smooth > plain + 0.1
    assert task.evaluation_loss(logits, labels).item() == plain


def test_targets_outside_the_classes_are_refused():
    assert stack([np.int64(0), np.int64(2)], bound()).tolist() == [0, 2]
    with pytest.raises(EdgepruneError, match="labels from 0 to 3"):
        stack([np.int64(0), np.int64(3)], bound())


@pytest.mark.parametrize("shape", [(1, 4), (1, 3, 1), (3,)])
def test_output_that_does_not_fit_is_refused(shape):
    bound().check_output({"output": (1, 3)})
    with pytest.raises(EdgepruneError, match="3 classes"):
        bound().check_output({"output": shape})
    with pytest.raises(EdgepruneError, match="2 outputs"):
        bound().check_output({"a": (1, 3), "b": (1, 3)})


def test_outputs_have_names_whatever_the_forward_returns():
    Pair = namedtuple("Pair", "low high")
    assert named(1) == {"output": 1}
    assert named({"a": 1, "b": [2, None, 3]}) == {"a": 1, "b.0": 2, "b.2": 3}
    assert named((1, Pair(2, 3))) == {"0": 1, "1.low": 2, "1.high": 3}
