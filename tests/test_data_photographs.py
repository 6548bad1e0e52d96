"""The photographs inside packages, and the composite of digits on them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeprune.data import composite, photographs
from edgeprune.data.fetch import fetch
from edgeprune.data.store import load_manifest, open_samples
from edgeprune.errors import EdgepruneError

ROOT = Path(__file__).parents[1]
SPLITS = ("train", "val", "test")


def scenes(tmp_path, task, **more):
    fetch("scenes", {"source": "digits-on-photographs", "task": task, "scenes": 60, **more}, tmp_path / task)
    return load_manifest(tmp_path / task), {split: open_samples(tmp_path / task, split) for split in SPLITS}


def test_photographs_are_those_of_the_packages(tmp_path):
    settings = {"source": "photographs", "task": "denoising", "channels": 3, "deploy_size": [64, 64]}
    manifest = fetch("p", settings, tmp_path / "out")
    assert [entry["count"] for entry in manifest["splits"].values()] == [9, 2, 4]
    coffee = open_samples(tmp_path / "out", "test", verify=True).image(3)
    path = photographs._path("coffee")
    assert np.array_equal(coffee, np.asarray(Image.open(path)).transpose(2, 0, 1))
    grey = open_samples(tmp_path / "out", "train").image(0)
    assert np.array_equal(grey[0], grey[2])
    again = fetch("p", settings, tmp_path / "again")
    assert again == manifest


def test_grey_or_colour_must_be_said(tmp_path):
    with pytest.raises(EdgepruneError, match="some in colour") as caught:
        fetch("p", {"source": "photographs", "task": "denoising", "deploy_size": [64, 64]}, tmp_path / "out")
    assert caught.value.key == "datasets.p.channels"


def test_a_package_that_is_missing_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(photographs, "find_spec", lambda name: None)
    with pytest.raises(EdgepruneError, match="not there") as caught:
        photographs.picture("camera", 1)
    assert "pip install" in caught.value.remedy


def test_every_picture_and_its_licence_are_documented():
    page = (ROOT / "docs" / "datasets.md").read_text()
    for name, (split, _, _, licence) in photographs.PICTURES.items():
        assert f"| {name} | {split} | {licence} |" in page


def test_masks_and_boxes_are_of_the_same_scenes(tmp_path):
    told, masks = scenes(tmp_path, "segmentation")
    manifest, boxes = scenes(tmp_path, "detection")
    assert told["target"]["classes"] == ["background", *"0123456789"]
    assert manifest["target"]["classes"] == list("0123456789")
    assert manifest["input"]["shape"] == told["input"]["shape"] == [3, 64, 64]
    assert [len(masks[split]) for split in SPLITS] == [60, 12, 12]
    for split in SPLITS:
        for n in range(len(masks[split])):
            assert np.array_equal(masks[split].image(n), boxes[split].image(n))
            mask, rows = masks[split].target(n).copy(), boxes[split].target(n)
            assert 1 <= len(rows) <= 4
            for label, x0, y0, x1, y1 in rows.astype(int).tolist():
                inside = mask[y0:y1, x0:x1]
                assert set(np.unique(inside)) <= {0, label + 1}  # no other digit overlaps
                assert inside[0].any() and inside[-1].any() and inside[:, 0].any() and inside[:, -1].any()  # noqa: PT018
                assert max(y1 - y0, x1 - x0) <= 28
                inside[:] = 0
            assert not mask.any()


def test_digits_and_photographs_are_disjoint_between_the_splits():
    rows = [row.tobytes() for split in SPLITS for row in composite._digits(split)[0]]
    from sklearn.datasets import load_digits

    assert len(rows) == 1797
    assert len(set(rows)) == len({row.tobytes() for row in load_digits().data})
    names = [name for split in SPLITS for name in photographs.names_of(split)]
    assert sorted(names) == sorted(photographs.PICTURES)


def test_scenes_are_the_same_everywhere():
    digits = (np.arange(3 * 64).reshape(3, 8, 8) * 7) % 17
    picture = ((np.arange(3 * 70 * 90) * 31) % 251).astype(np.uint8).reshape(3, 70, 90)
    image, mask, boxes = composite._scene(digits, np.array([1, 2, 3]), [picture], [0, 3, 0, 5], composite.Form())
    assert (int(image.sum()), int(mask.sum()), boxes.tolist()) == (
        1762864,
        2580,
        [[3, 13, 8, 38, 33], [1, 5, 35, 21, 51], [3, 30, 41, 53, 64]],
    )


def test_more_scenes_begin_with_the_same(tmp_path):
    _, few = scenes(tmp_path, "segmentation")
    fetch("more", {"source": "digits-on-photographs", "task": "segmentation", "scenes": 70}, tmp_path / "more")
    more = open_samples(tmp_path / "more", "train")
    assert np.array_equal(more.whole()[0][:60], few["train"].whole()[0])


@pytest.mark.parametrize("count", [4, 10.5, True, "many"])
def test_a_number_of_scenes_that_is_none(tmp_path, count):
    with pytest.raises(EdgepruneError) as caught:
        scenes(tmp_path, "segmentation", scenes=count)
    assert caught.value.key == "datasets.scenes.scenes"


def test_scenes_of_another_form(tmp_path):
    manifest, boxes = scenes(tmp_path, "detection", side=32, digits=[3, 6], sizes=[9, 13])
    assert manifest["input"]["shape"] == [3, 32, 32]
    assert {key: manifest["source"][key] for key in ("side", "digits", "sizes")} == {
        "side": 32,
        "digits": [3, 6],
        "sizes": [9, 13],
    }
    rows = [boxes["train"].target(n) for n in range(60)]
    assert 4 < max(map(len, rows)) <= 6
    assert all((r[:, 3:] - r[:, 1:3]).max() <= 13 for r in rows)
    assert all(r[:, 1:].min() >= 0 and r[:, 1:].max() <= 32 for r in rows)


@pytest.mark.parametrize(
    ("key", "value"),
    [("side", 15), ("side", 200), ("digits", [0, 2]), ("digits", 3), ("sizes", [20, 12]), ("sizes", [16, 80])],
)
def test_a_form_that_is_none(tmp_path, key, value):
    with pytest.raises(EdgepruneError) as caught:
        scenes(tmp_path, "detection", **{key: value})
    assert caught.value.key == f"datasets.scenes.{key}"


def test_enlarging_is_bilinear():
    digit = np.random.default_rng(0).integers(0, 17, (8, 8))
    for size in (16, 21, 28):
        ink, full = composite._enlarged(digit, size)
        image = Image.fromarray(digit.astype(np.float32)).resize((size, size), Image.Resampling.BILINEAR)
        assert np.allclose(ink / full * 16, np.asarray(image), atol=1e-4)
