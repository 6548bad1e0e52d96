"""Detection and centroids: boxes to maps and back, the loss, and how boxes move with their image."""

import math

import numpy as np
import pytest
import torch

from edgeprune import tasks
from edgeprune.config.recipe import Recipe
from edgeprune.errors import EdgepruneError
from edgeprune.tasks import centroids, detection
from edgeprune.training.augment import Augment, flip, flip_boxes, rotate, rotate_boxes
from edgeprune.training.patches import Patches, inside

BOXES = torch.tensor(
    [[[0, 4.0, 8.0, 20.0, 28.0], [2, 33.0, 34.0, 50.0, 60.0]], [[1, 40.0, 3.0, 61.0, 23.0], [-1, -1, -1, -1, -1]]]
)


def bound(name, **options):
    manifest = {
        "task": name,
        "input": {"shape": [3, 64, 64], "dtype": "uint8"},
        "target": {"kind": "boxes", "classes": ["a", "b", "c"]},
        "options": options,
    }
    return tasks.bind(manifest)


def perfect(boxes, stride=4, cells=16):
    """What a network that knows the boxes would say."""
    heat, sizes, offsets = (torch.full((len(boxes), n, cells, cells), v) for n, v in ((3, -8.0), (2, 0.0), (2, 0.0)))
    for i, rows in enumerate(boxes):
        for label, x0, y0, x1, y1 in rows[rows[:, 0] >= 0].tolist():
            y, x = (y0 + y1) / 2 / stride, (x0 + x1) / 2 / stride
            at = i, slice(None), int(y), int(x)
            heat[i, int(label), int(y), int(x)] = 8.0
            sizes[at] = torch.tensor([(y1 - y0) / stride, (x1 - x0) / stride])
            offsets[at] = torch.tensor([y - int(y), x - int(x)])
    return {"heatmap": heat, "size": sizes, "offset": offsets}


def test_what_the_loss_asks_for_is_what_is_decoded():
    task, outputs = bound("detection"), perfect(BOXES)
    loss = task.loss(Recipe())
    right = loss(outputs, BOXES).item()
    found = task.accumulator()
    found.update({k: v.numpy() for k, v in outputs.items()}, BOXES.numpy())
    assert found.result() == {"ap50": 1.0, "ap50_95": 1.0}
    boxes, scores, labels = detection.decode({k: v.numpy() for k, v in outputs.items()}, 0, 64)
    np.testing.assert_allclose(boxes[:2], BOXES[0, :, 1:], atol=1e-4)
    assert labels[:2].tolist() == [0, 2]
    assert scores[1] > 0.99 > 0.01 > scores[2]
    for name, worse in (("size", 1.0), ("offset", 1.0), ("heatmap", 6.0)):
        assert loss(outputs | {name: outputs[name] + worse}, BOXES).item() > right + 0.05


def test_an_image_without_objects_has_a_loss_and_a_gradient():
    logits = torch.zeros(1, 3, 16, 16, requires_grad=True)
    outputs = {"heatmap": logits, "size": torch.zeros(1, 2, 16, 16), "offset": torch.zeros(1, 2, 16, 16)}
    for boxes in (torch.full((1, 2, 5), -1.0), torch.zeros(1, 0, 5)):
        loss = bound("detection").loss(Recipe())(outputs, boxes)
        assert math.isfinite(loss.item())
        (gradient,) = torch.autograd.grad(loss, logits)
        assert (gradient > 0).all()


def test_a_detector_learns_its_boxes_by_the_loss():
    torch.manual_seed(0)
    maps = {k: torch.zeros_like(v).requires_grad_() for k, v in perfect(BOXES).items()}
    optimizer, task = torch.optim.Adam(maps.values(), lr=0.2), bound("detection")
    loss = task.loss(Recipe())
    for _ in range(150):
        optimizer.zero_grad()
        loss(maps, BOXES).backward()
        optimizer.step()
    found = task.accumulator()
    found.update({k: v.detach().numpy() for k, v in maps.items()}, BOXES.numpy())
    assert found.result()["ap50"] == 1.0


def test_centres_are_found_in_their_cells():
    task = bound("centroids", distance=6.0)
    logits = torch.zeros(2, 4, 8, 8)
    logits[:, 0] = 5
    loss = task.loss(Recipe())
    before = loss({"output": logits}, BOXES).item()
    for image, label, row, column in ((0, 0, 2, 1), (0, 2, 5, 5), (1, 1, 1, 6)):
        logits[image, label + 1, row, column] = 12
    assert loss({"output": logits}, BOXES).item() < 0.05 < before
    found = task.accumulator()
    found.update({"output": logits.numpy()}, BOXES.numpy())
    assert found.result() == {"f1": 1.0, "precision": 1.0, "recall": 1.0}
    points, _, labels = centroids.decode(logits[0].numpy(), 64)
    assert points.tolist() == [[12.0, 20.0], [44.0, 44.0]]
    assert labels.tolist() == [0, 2]


def test_nothing_found_scores_nothing():
    found = bound("centroids").accumulator()
    empty = np.zeros((2, 4, 8, 8), np.float32)
    empty[:, 0] = 1
    found.update({"output": empty}, BOXES.numpy())
    assert found.result() == {"f1": 0.0, "precision": 0.0, "recall": 0.0}


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("detection", {"output": (1, 3, 16, 16)}),
        ("detection", {"heatmap": (1, 2, 16, 16), "size": (1, 2, 16, 16), "offset": (1, 2, 16, 16)}),
        ("detection", {"heatmap": (1, 3, 15, 15), "size": (1, 2, 15, 15), "offset": (1, 2, 15, 15)}),
        ("centroids", {"output": (1, 3, 8, 8)}),
        ("centroids", {"output": (1, 4)}),
    ],
)
def test_outputs_that_do_not_fit_are_refused(name, shapes):
    with pytest.raises(EdgepruneError, match=r"networks\.n\.args: the network's output"):
        bound(name).check_output(shapes, key="networks.n.args")


def painted(boxes, side=64):
    """Each box as a map of its own, (n, side, side)."""
    maps = torch.zeros(len(boxes), side, side)
    for area, (_, x0, y0, x1, y1) in zip(maps, boxes.int().tolist()):
        area[y0:y1, x0:x1] = 1
    return maps


@pytest.mark.parametrize("turns", range(4))
def test_boxes_move_as_their_pixels(turns):
    boxes = BOXES[:1]
    turned = rotate_boxes(boxes, torch.tensor([turns]), 64)
    assert torch.equal(painted(turned[0]), rotate(painted(boxes[0]), torch.tensor([turns, turns])))
    mirrored = flip_boxes(turned, torch.tensor([True]), 64)
    assert torch.equal(painted(mirrored[0]), flip(painted(turned[0]), torch.tensor([True, True])))


def test_rows_that_fill_up_stay():
    rows = BOXES[1:, 1:]
    assert torch.equal(flip_boxes(rows, torch.tensor([True]), 64), rows)
    assert torch.equal(rotate_boxes(rows, torch.tensor([3]), 64), rows)


def test_images_that_are_no_squares_are_not_turned():
    turn, images = Augment(Recipe(augment=("rotate",)), None), torch.zeros(2, 1, 4, 6, dtype=torch.uint8)
    with pytest.raises(EdgepruneError, match="cannot be turned by quarters"):
        turn(images, torch.zeros(2), torch.Generator())


def test_patches_take_their_targets_along():
    draws, random = torch.Generator().manual_seed(0), np.random.default_rng(0)
    recipe = Recipe(patch=16, patches_per_image=5)
    images = [random.integers(0, 256, (1, h, w), dtype=np.uint8) for h, w in ((16, 40), (33, 21))]
    doubled = [image.repeat(2, 1).repeat(2, 2) for image in images]
    patches = Patches(images, doubled, "image", recipe, torch.device("cpu"))
    assert len(patches) == 10
    inputs, targets = patches.batch(torch.arange(10), draws)
    assert inputs.shape == (10, 1, 16, 16)
    assert torch.equal(targets, inputs.repeat_interleave(2, 2).repeat_interleave(2, 3))
    assert (inputs[5] != inputs[6]).any()
    again, _ = patches.batch(torch.arange(10), torch.Generator().manual_seed(0))
    assert torch.equal(inputs, again)


def test_patches_keep_the_boxes_whose_centre_they_see():
    boxes = torch.tensor([[1, 0.0, 0.0, 10.0, 10.0], [2, 12.0, 12.0, 30.0, 20.0], [0, 30.0, 30.0, 60.0, 60.0]])
    assert inside(boxes, 8, 8, 16).tolist() == [[2, 4.0, 4.0, 16.0, 12.0]]
    patches = Patches([np.zeros((3, 64, 64), np.uint8)] * 2, [boxes.numpy(), boxes[:0].numpy()], "boxes",
                      Recipe(patch=64, patches_per_image=1), torch.device("cpu"))  # fmt: skip
    _, targets = patches.batch(torch.arange(2), torch.Generator())
    assert torch.equal(targets[0], boxes)
    assert (targets[1] == -1).all()


def test_a_patch_larger_than_an_image_is_refused():
    with pytest.raises(EdgepruneError, match=r"recipes.\*.patch: an image of the training split is 12 x 40"):
        Patches([np.zeros((1, 12, 40), np.uint8)], [np.zeros((1, 12, 40), np.uint8)], "image", Recipe(patch=16),
                torch.device("cpu"))  # fmt: skip


@pytest.mark.parametrize(("name", "stride"), [("detection", 4), ("centroids", 8)])
def test_a_box_lies_in_the_same_cell_of_a_patch_as_of_a_whole_image(name, stride):
    """The loss of the right cell is the least, whichever size is trained on; the deploy size is 64."""
    box, side = torch.tensor([[[0, 20.0, 20.0, 28.0, 28.0]]]), 32
    cells = side // stride
    loss = bound(name).loss(Recipe(patch=side))
    found = []
    for cell in range(cells):
        if name == "detection":
            outputs = perfect(box.clone(), cells=cells)
            outputs["heatmap"] = torch.full((1, 3, cells, cells), -8.0)
            outputs["heatmap"][0, 0, cell, cell] = 8
        else:
            outputs = {"output": torch.zeros(1, 4, cells, cells)}
            outputs["output"][:, 0] = 5
            outputs["output"][0, 1, cell, cell] = 12
        found.append(loss(outputs, box).item())
    assert int(np.argmin(found)) == 24 // stride


@pytest.mark.parametrize("shape", [(1, 4, 8, 16), (1, 4, 16, 8)])
def test_strides_that_differ_are_refused(shape):
    with pytest.raises(EdgepruneError, match="the network's output"):
        bound("centroids").check_output({"output": shape})
