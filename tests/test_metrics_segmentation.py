"""The confusion matrix against torchmetrics and by hand."""

import numpy as np
import pytest
import torch
from torchmetrics.classification import MulticlassAccuracy, MulticlassConfusionMatrix, MulticlassJaccardIndex

from edgeprune.errors import EdgepruneError
from edgeprune.metrics.segmentation import Confusion

VOID = 255


def split(seed, classes, absent=()):
    """Six masks and predictions of one split, with void pixels."""
    rng = np.random.default_rng(seed)
    present = [c for c in range(classes) if c not in absent]
    for _ in range(6):
        truth = rng.choice([*present, VOID], (rng.integers(1, 9), 11)).astype(np.uint8)
        guess = np.where(rng.random(truth.shape) < 0.6, truth, rng.choice(present, truth.shape))
        yield np.where(guess == VOID, rng.choice(present, truth.shape), guess), truth


@pytest.mark.parametrize(("classes", "absent"), [(2, ()), (5, ()), (5, (3,)), (7, (0, 6))])
def test_counts_and_scores_are_torchmetrics(classes, absent):
    ours = Confusion(classes, void=VOID)
    options = {"num_classes": classes, "ignore_index": VOID}
    counts = MulticlassConfusionMatrix(**options)
    jaccard = MulticlassJaccardIndex(average=None, **options)
    accuracy = MulticlassAccuracy(average="micro", **options)
    for predicted, truth in split(classes, classes, absent):
        ours.update(predicted, truth)
        for metric in (counts, jaccard, accuracy):
            metric.update(torch.from_numpy(predicted.astype(int)), torch.from_numpy(truth.astype(int)))
    np.testing.assert_array_equal(ours.counts, counts.compute())
    present = [c for c in range(classes) if c not in absent]
    np.testing.assert_allclose(ours.iou()[present], jaccard.compute()[present], rtol=1e-6)
    assert np.isnan(ours.iou()[list(absent)]).all()
    assert ours.miou() == pytest.approx(float(jaccard.compute()[present].mean()), rel=1e-6)
    assert ours.pixel_accuracy() == pytest.approx(float(accuracy.compute()), rel=1e-6)


def test_a_class_that_is_only_predicted_counts_as_zero():
    confusion = Confusion(4)
    confusion.update(np.array([[0, 0, 2, 1]]), np.array([[0, 0, 0, 1]]))
    np.testing.assert_array_equal(confusion.iou(), [2 / 3, 1, 0, np.nan])
    assert confusion.miou() == pytest.approx(5 / 9)
    assert confusion.pixel_accuracy() == 0.75
    assert confusion.counts[0].tolist() == [2, 0, 1, 0], "rows are the truth"


def test_what_is_predicted_on_void_counts_nowhere():
    confusion = Confusion(3, void=9)
    confusion.update(np.array([2, 0, 77]), np.array([9, 0, 9]))
    np.testing.assert_array_equal(confusion.iou(), [1, np.nan, np.nan])


def test_one_matrix_over_the_split_is_not_a_mean_over_images():
    confusion = Confusion(2)
    confusion.update(np.zeros((1, 99), int), np.zeros((1, 99), int))
    confusion.update(np.array([[1]]), np.array([[0]]))
    assert confusion.miou() == pytest.approx((0.99 + 0) / 2)
    whole = Confusion(2)
    whole.update(np.append(np.zeros(99, int), 1), np.zeros(100, int))
    assert (whole.counts == confusion.counts).all()


def test_nothing_counted_is_no_number():
    confusion = Confusion(3, void=VOID)
    confusion.update(np.zeros((2, 2), int), np.full((2, 2), VOID))
    assert np.isnan([*confusion.iou(), confusion.miou(), confusion.pixel_accuracy()]).all()


@pytest.mark.parametrize(
    ("predicted", "truth", "words"),
    [
        ([0, 1], [0, 255], "a mask has labels from 0 to 255, there are 2 classes"),
        ([0, 1], [0, -1], "a mask has labels from -1"),
        ([0, 2], [0, 1], "a prediction has labels from 0 to 2"),
        ([0, 1], [[0, 1]], "doesn't fit a mask"),
    ],
)
def test_a_label_or_shape_that_does_not_fit_is_refused(predicted, truth, words):
    with pytest.raises(EdgepruneError, match=words):
        Confusion(2).update(np.array(predicted), np.array(truth))
