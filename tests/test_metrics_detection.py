"""Average precision against pycocotools, centroids against a loop, and both by hand."""

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from edgeprune.errors import EdgepruneError
from edgeprune.metrics.detection import RECALLS, AveragePrecision, Centroids

NONE = ([], [], [])
BOX = [10, 10, 30, 40]


def recorded(images, classes):
    """What COCO's evaluation says: the (10, 101, classes) precisions, AP50:95 and AP50."""
    images = [[np.asarray(part, float) for part in image] for image in images]

    def rows(image, boxes, labels):
        for (x0, y0, x1, y1), label in zip(boxes.reshape(-1, 4), labels.astype(int).tolist()):
            box = [x0, y0, x1 - x0, y1 - y0]
            yield {"image_id": image, "category_id": label, "bbox": box, "area": box[2] * box[3], "iscrowd": 0}

    truth = [row for i, (_, _, _, *true) in enumerate(images) for row in rows(i, *true)]
    found = [
        row | {"score": score}
        for i, (boxes, scores, labels, _, _) in enumerate(images)
        for row, score in zip(rows(i, boxes, labels), scores.tolist())
    ]
    evaluation = COCOeval(coco(truth, len(images), classes), coco(found, len(images), classes), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return evaluation.eval["precision"][..., 0, 2], evaluation.stats[0], evaluation.stats[1]


def coco(annotations, images, classes):
    made = COCO()
    made.dataset = {
        "images": [{"id": i} for i in range(images)],
        "categories": [{"id": i} for i in range(classes)],
        "annotations": [
            row | {"id": number} for number, row in enumerate(annotations, 1)
        ],  # an id 0 would match nothing
    }
    made.createIndex()
    return made


def measured(images, classes):
    metric = AveragePrecision(classes)
    for image in images:
        metric.update(*image)
    return metric


def scene(rng, classes, most_truth=6, spread=4.0, grid=None):
    """Boxes of an image, and detections near them, some twice, some of another class, and some that are nothing."""
    count = rng.integers(0, most_truth + 1)
    corner, side = rng.uniform(0, 60, (count, 2)), rng.uniform(4, 30, (count, 2))
    truth, truth_labels = np.hstack([corner, corner + side]), rng.integers(0, classes, count)
    chosen = rng.integers(0, count, 2 * count) if count else np.zeros(0, int)
    boxes = truth[chosen] + rng.normal(0, spread, (len(chosen), 4))
    boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2] + 1)
    corner = rng.uniform(0, 60, (rng.integers(0, 5), 2))
    boxes = np.vstack([boxes, np.hstack([corner, corner + 12])])
    labels = np.append(truth_labels[chosen], rng.integers(0, classes, len(corner)))
    labels = np.where(rng.random(len(labels)) < 0.1, rng.integers(0, classes, len(labels)), labels)
    scores = rng.random(len(boxes))
    if grid:  # few scores, many ties; boxes on whole pixels, many equal overlaps
        scores, boxes, truth = np.round(scores * grid) / grid, np.round(boxes / 4) * 4, np.round(truth / 4) * 4
        boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2] + 4)
        truth[:, 2:] = np.maximum(truth[:, 2:], truth[:, :2] + 4)
    return boxes, scores, labels, truth, truth_labels


def scenes(seed, classes, images=12, **options):
    rng = np.random.default_rng(seed)
    return [scene(rng, classes, **options) for _ in range(images)]


SHIFTED = [[10, 10 + d, 30, 40 + d] for d in range(8)]
CASES = {
    **{f"random {seed}": (scenes(seed, 3), 3) for seed in range(4)},
    **{f"near {seed}": (scenes(seed, 2, spread=0.8, most_truth=9), 2) for seed in range(2)},
    **{f"ties {seed}": (scenes(seed, 2, grid=4, most_truth=12, images=20), 2) for seed in range(6)},
    "one class of many": (scenes(7, 1), 9),
    "an image without truth": ([(*([BOX], [0.9], [0]), [], []), ([BOX], [0.8], [0], [BOX], [0])], 1),
    "an image without detections": ([(*NONE, [BOX], [0]), ([BOX], [0.8], [0], [BOX], [0])], 1),
    "empty images": ([(*NONE, [], []), ([BOX], [0.8], [0], [BOX], [0]), (*NONE, [], [])], 1),
    "nothing found": ([(*NONE, [BOX], [0])], 1),
    "a class without truth": ([([BOX, BOX], [0.9, 0.8], [0, 1], [BOX], [0])], 2),
    "duplicates": ([([BOX] * 4, [0.9, 0.8, 0.7, 0.6], [0] * 4, [BOX, [60, 60, 70, 70]], [0, 0])], 1),
    "duplicate truth": ([([BOX] * 3, [0.9, 0.8, 0.7], [0] * 3, [BOX] * 2, [0, 0])], 1),
    "equal overlaps": (
        [([[0, 0, 10, 10], [0, 2, 10, 12]], [0.9, 0.8], [0, 0], [[0, 1, 10, 11], [0, -1, 10, 9]], [0, 0])],
        1,
    ),
    "overlap of just a half": ([([[0, 0, 10, 10]], [0.9], [0], [[0, 0, 10, 20]], [0])], 1),
    "a box without area": ([([[5, 5, 5, 9], BOX], [0.9, 0.8], [0, 0], [BOX, [5, 5, 5, 9]], [0, 0])], 1),
    "more than a hundred": (
        [([[100, 100, 120, 120]] * 100 + [BOX], np.linspace(1, 0.5, 101), [0] * 101, [BOX], [0])],
        1,
    ),
    "a hundred of each class": (
        [([*[[100, 100, 120, 120]] * 198, BOX, BOX], np.linspace(1, 0.5, 200), [0, 1] * 100, [BOX, BOX], [0, 1])],
        2,
    ),
    "every threshold": ([(SHIFTED, np.linspace(0.9, 0.2, 8), [0] * 8, SHIFTED[:1], [0])], 1),
}


@pytest.mark.parametrize(("images", "classes"), CASES.values(), ids=CASES)
def test_average_precision_is_cocos(images, classes):
    precision, ap, ap50 = recorded(images, classes)
    metric = measured(images, classes)
    assert metric.result() == pytest.approx({"ap50": ap50, "ap50_95": ap}, abs=1e-12)
    for label in range(classes):
        theirs = precision[..., label]
        for number, iou in enumerate((0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)):
            ours, recall = metric.curve(iou, label)
            np.testing.assert_allclose(np.nan_to_num(ours, nan=-1), theirs[number], atol=1e-12)
            assert recall is RECALLS
    assert metric.curve()[0].mean() == pytest.approx(ap50, abs=1e-12)


def test_average_precision_by_hand():
    far = [100, 100, 110, 110]
    # right, wrong, right: precision 1 up to recall 1/2 (51 of 101 points), 2/3 after it
    images = [([BOX, far, [60, 60, 70, 70]], [0.9, 0.8, 0.7], [0] * 3, [BOX, [60, 60, 70, 70]], [0, 0])]
    ap = (51 + 50 * 2 / 3) / 101
    assert measured(images, 1).result() == pytest.approx({"ap50": ap, "ap50_95": ap})
    precision, recall = measured(images, 1).curve()
    assert precision[recall <= 0.5].tolist() == [1] * 51
    assert precision[recall > 0.5] == pytest.approx(2 / 3)
    # an overlap of exactly 0.6 is enough for 0.5, 0.55 and 0.6
    images = [([[0, 0, 10, 6]], [0.5], [0], [[0, 0, 10, 10]], [0])]
    assert measured(images, 1).result() == pytest.approx({"ap50": 1, "ap50_95": 0.3})
    # a box that a better score took is not free for a better overlap
    images = [([[0, 0, 10, 8], [0, 0, 10, 10]], [0.9, 0.8], [0, 0], [[0, 0, 10, 10], [50, 50, 60, 60]], [0, 0])]
    assert measured(images, 1).result()["ap50"] == pytest.approx(51 / 101)


def test_no_truth_is_no_number():
    metric = measured([([BOX], [0.9], [0], [], []), (*NONE, [], [])], 2)
    assert np.isnan([*metric.result().values(), *metric.curve()[0], *metric.curve(label=1)[0]]).all()


def test_the_order_of_images_matters_for_equal_scores_only():
    images = scenes(11, 3)
    assert measured(images, 3).result() == measured(images[::-1], 3).result()


def by_loop(images, classes, distance):
    hits = points = truths = 0
    for found, scores, labels, boxes, truth_labels in images:
        free = {i: ((b[0] + b[2]) / 2, (b[1] + b[3]) / 2) for i, b in enumerate(boxes)}
        for i in sorted(range(len(found)), key=lambda i: -scores[i]):
            near = {
                j: np.hypot(found[i][0] - x, found[i][1] - y)
                for j, (x, y) in free.items()
                if truth_labels[j] == labels[i]
            }
            if near and min(near.values()) <= distance:
                del free[min(near, key=near.get)]
                hits += 1
        points, truths = points + len(found), truths + len(boxes)
    return {"f1": 2 * hits / (points + truths), "precision": hits / points, "recall": hits / truths}


def centred(images, classes, distance):
    metric = Centroids(classes, distance)
    for image in images:
        metric.update(*image)
    return metric.result()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("distance", [0.5, 3, 20])
def test_centroids_are_a_loops(seed, distance):
    images = [((b[:, :2] + b[:, 2:]) / 2, *rest) for b, *rest in scenes(seed, 2, grid=8 if seed > 2 else None)]
    images = [(p[:, :2], *rest) for p, *rest in images]
    assert centred(images, 2, distance) == pytest.approx(by_loop(images, 2, distance))


def test_centroids_by_hand():
    boxes = [[0, 0, 10, 10], [20, 0, 30, 10]]  # centres (5, 5) and (25, 5)

    def f1(points, scores, labels, distance=4):
        return centred([(points, scores, labels, boxes, [0, 1])], 2, distance)

    assert f1([[5, 5], [25, 5]], [0.9, 0.8], [0, 1]) == {"f1": 1, "precision": 1, "recall": 1}
    assert f1([[5, 5], [25, 5]], [0.9, 0.8], [1, 0])["f1"] == 0, "of another class"
    assert f1([[9, 5]], [0.9], [0]) == pytest.approx({"f1": 2 / 3, "precision": 1, "recall": 0.5}), "at the distance"
    assert f1([[9.01, 5]], [0.9], [0])["f1"] == 0
    assert f1([[5, 5], [5, 6]], [0.9, 0.8], [0, 0]) == {"f1": 0.5, "precision": 0.5, "recall": 0.5}, (
        "one box, one point"
    )
    nothing = f1([], [], [])
    assert (nothing["f1"], nothing["recall"]) == (0, 0)
    assert np.isnan(nothing["precision"])
    assert np.isnan(list(centred([([], [], [], [], [])], 1, 5).values())).all()
    # the better score takes its nearest centre, though the other point then has none within reach
    near = [[0, 0, 2, 2], [4, 0, 6, 2]]  # centres (1, 1) and (5, 1)
    taken = centred([([[2.5, 1], [0, 1]], [0.9, 0.8], [0, 0], near, [0, 0])], 1, 3)
    assert taken["f1"] == 0.5


@pytest.mark.parametrize("metric", [AveragePrecision(2), Centroids(2, 5)], ids=["boxes", "points"])
def test_a_label_that_is_no_class_is_refused(metric):
    found = [BOX[: 4 if isinstance(metric, AveragePrecision) else 2]]
    with pytest.raises(EdgepruneError, match="a detection has labels from 2 to 2"):
        metric.update(found, [0.9], [2], [BOX], [0])
    with pytest.raises(EdgepruneError, match="a true box has labels from -1"):
        metric.update(found, [0.9], [0], [BOX], [-1])
