"""Targets that are images, masks or boxes: what fetching makes of the user's own, and what it refuses."""

import io
import json
import re
import subprocess
import sys
import tracemalloc
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeprune import tasks
from edgeprune.config import check
from edgeprune.data.fetch import fetch
from edgeprune.data.settings import COMMON_KEYS
from edgeprune.data.store import load_manifest, open_samples, open_split
from edgeprune.errors import EdgepruneError
from edgeprune.sources import SOURCES
from helpers.imagefiles import picture, tar_bytes, write_folder, zip_bytes
from helpers.kinds import ALIKE, CLASSES, SIZES, boxed, coco, encoded, mask_of, masked, photographs

ROOT = Path(__file__).parents[1]


def settings(path, task, **more):
    usual = {"segmentation": {"classes": CLASSES, "deploy_size": [8, 8]}, "denoising": {"deploy_size": [8, 8]}}
    more = usual.get(task, {}) | more
    return {"source": "images", "task": task, "path": str(path), **{k: v for k, v in more.items() if v is not None}}


def fetched(tmp_path, files, task, out="out", **more):
    fetch("mine", settings(write_folder(tmp_path / f"given-{out}", files), task, **more), tmp_path / out)
    return load_manifest(tmp_path / out), {
        split: open_samples(tmp_path / out, split, verify=True) for split in ("train", "val", "test")
    }


def refused(tmp_path, files, task, **more):
    with pytest.raises(EdgepruneError) as caught:
        fetched(tmp_path, files, task, **more)
    assert caught.value.file
    assert caught.value.remedy
    assert not list((tmp_path / "out").glob("*"))
    return caught.value


@pytest.mark.parametrize(("scale", "least"), [(2, 16), (4, 20)])
@pytest.mark.parametrize("split", ["val", "test"])
def test_a_picture_too_small_for_ssim_is_refused(tmp_path, split, scale, least):
    small, enough = picture(9, (least + 9, least - 1)), picture(1, (least, least + 1))
    files = {f"{s}/{n}.png": enough for s in ("train", "val", "test") for n in range(3)}
    given = {"scale": scale, "deploy_size": [8, 8]}
    fetched(tmp_path, files | {"train/2.png": small}, "super-resolution", "fine", **given)
    error = refused(tmp_path, files | {f"{split}/1.png": small}, "super-resolution", **given)
    assert (error.file, error.key) == ("config.yaml", "datasets.mine")
    assert f"image 1 of {split} is {least + 9} x {least - 1}" in error.problem
    assert f"{least} pixels" in error.problem
    assert "leave" in error.remedy


def test_photographs_of_any_size_are_stored_whole(tmp_path):
    manifest, samples = fetched(tmp_path, photographs(), "denoising", sigma=30)
    assert manifest["input"] == {"shape": [3, None, None], "dtype": "uint8"}
    assert manifest["target"] == {"kind": "image", "shape": [3, None, None], "dtype": "uint8"}
    assert (manifest["mean"], manifest["std"]) == ([0, 0, 0], [1, 1, 1])
    assert manifest["deploy_size"] == [8, 8]
    assert manifest["options"]["sigma"] == 30
    assert [len(samples[split]) for split in ("train", "val", "test")] == [4, 1, 5]
    test = samples["test"]
    assert test.size is None
    for n in range(5):
        expected = np.asarray(Image.open(io.BytesIO(picture(n, SIZES[n])))).transpose(2, 0, 1)
        assert np.array_equal(test.image(n), expected)
        assert test.target(n) is None
    assert not test.image(0).flags.writeable
    with pytest.raises(EdgepruneError, match="open_samples"):
        open_split(tmp_path / "out", "test")


@pytest.mark.parametrize("pack", [zip_bytes, tar_bytes])
@pytest.mark.parametrize(
    ("task", "files"), [("denoising", photographs), ("segmentation", masked), ("detection", boxed)]
)
def test_an_archive_in_any_order_gives_the_bytes_of_the_folder(tmp_path, task, files, pack):
    fetched(tmp_path, files(), task)
    (tmp_path / "archive").write_bytes(pack(dict(reversed(files().items())), wrap="top/"))
    fetch("mine", settings(tmp_path / "archive", task), tmp_path / "other", workers=1)
    for split in ("train", "val", "test"):
        assert (tmp_path / "other" / f"{split}.npy").read_bytes() == (tmp_path / "out" / f"{split}.npy").read_bytes()


def test_masks_that_differ_in_size(tmp_path):
    manifest, samples = fetched(tmp_path, masked(), "segmentation")
    assert manifest["target"] == {
        "kind": "mask",
        "dtype": "uint8",
        "shape": [None, None],
        "classes": CLASSES,
        "void": 255,
    }
    for n in range(5):
        assert np.array_equal(samples["test"].target(n), mask_of(n, SIZES[n]))
        assert samples["test"].image(n).shape == (3, *SIZES[n])
    pixels = np.concatenate([samples["train"].image(n).reshape(3, -1) for n in range(4)], axis=1) / 255
    assert manifest["mean"] == pytest.approx(pixels.mean(1), rel=1e-12)
    assert manifest["std"] == pytest.approx(pixels.std(1), rel=1e-12)
    counts = np.bincount(np.concatenate([mask_of(n, SIZES[n]).ravel() for n in range(5)]), minlength=256)
    assert manifest["splits"]["test"]["pixels_per_class"] == counts[:3].tolist()


def test_masks_of_one_size_keep_the_layout_of_one_array(tmp_path):
    manifest, samples = fetched(tmp_path, masked([(6, 5)] * 5), "segmentation", deploy_size=None)
    assert (manifest["input"]["shape"], manifest["target"]["shape"]) == ([3, 6, 5], [6, 5])
    assert "deploy_size" not in manifest
    inputs, targets = samples["test"].whole()
    assert (inputs.shape, targets.shape) == ((5, 3, 6, 5), (5, 6, 5))
    assert np.array_equal(targets[2], mask_of(2, (6, 5)))
    assert np.array_equal(targets, open_split(tmp_path / "out", "test")["target"])
    assert samples["test"].size == (6, 5)


def test_size_resizes_images_masks_and_boxes_together(tmp_path):
    _, samples = fetched(tmp_path, masked(), "segmentation", size=[12, 10], deploy_size=None)
    doubled = mask_of(0, (6, 5)).repeat(2, 0).repeat(2, 1)
    assert np.array_equal(samples["test"].target(0), doubled)
    image = Image.open(io.BytesIO(picture(1, SIZES[1]))).resize((10, 12), Image.Resampling.BILINEAR)
    assert np.array_equal(samples["test"].image(1), np.asarray(image).transpose(2, 0, 1))
    manifest, samples = fetched(tmp_path, boxed(sizes=SIZES), "detection", "boxes", size=[12, 10])
    assert manifest["input"]["shape"] == [3, 12, 10]
    assert samples["test"].size == (12, 10)
    assert samples["test"].target(0).tolist() == [[1, 2, 0, 6, 6], [0, 0, 2, 4, 7]]
    assert np.array_equal(samples["test"].image(1), np.asarray(image).transpose(2, 0, 1))


@pytest.mark.parametrize("folder", ["", "images/"])
def test_boxes(tmp_path, folder):
    table = coco()
    table["annotations"].append({"image_id": 10, "category_id": 3, "bbox": [0, 0, 5, 5], "iscrowd": 1})
    manifest, samples = fetched(tmp_path, boxed(table, folder), "detection")
    assert manifest["target"] == {"kind": "boxes", "dtype": "float32", "shape": [None, 5], "classes": ["ant", "cat"]}
    assert manifest["splits"]["test"]["boxes_per_class"] == [4, 4]
    assert (
        sum(manifest["splits"]["train"]["boxes_per_class"]) + sum(manifest["splits"]["val"]["boxes_per_class"])
        == len(table["annotations"]) - 1
    )
    first = samples["test"].target(0)
    assert first.dtype == np.float32
    assert first.tolist() == [[1, 1, 0, 3, 3], [0, 0, 1, 2, 3.5]]
    assert samples["test"].target(4).shape == (0, 5)
    assert samples["test"].image(4).shape == (3, 6, 5)


def test_a_rounded_box_is_cut_at_the_edge(tmp_path):
    _, samples = fetched(tmp_path, boxed(coco(boxes=[(3, [-0.4, 0, 6, 5])])), "detection")
    found = {str(samples["train"].target(n).tolist()) for n in range(4)}
    assert "[[0.0, 0.0, 0.0, 5.0, 5.0]]" in found <= {"[[0.0, 0.0, 0.0, 5.0, 5.0]]", "[]"}


@pytest.mark.parametrize("values", ["palette", "1"])
def test_masks_with_a_palette_hold_indices(tmp_path, values):
    files, mask = masked(), (np.arange(30).reshape(6, 5) % 2).astype(np.uint8)
    image = Image.fromarray(mask)
    if values == "palette":
        image.putpalette([9, 9, 9, 200, 0, 0])
    else:
        image = Image.fromarray(mask * 255).convert("1")
    stream = io.BytesIO()
    image.save(stream, "PNG")
    _, samples = fetched(tmp_path, files | {"test/masks/0.png": stream.getvalue()}, "segmentation")
    assert np.array_equal(samples["test"].target(0), mask)


def test_another_void(tmp_path):
    files = masked() | {"test/masks/0.png": encoded(np.full((6, 5), 9, np.uint8))}
    files = {n: encoded(mask_of(0, (6, 5)) % 3) if "masks/0" in n and "train" in n else c for n, c in files.items()}
    files |= {f"{s}/masks/{n}.png": encoded(mask_of(n, SIZES[n]) % 3) for s in ("train", "test") for n in range(1, 5)}
    manifest, samples = fetched(tmp_path, files, "segmentation", void=9)
    assert manifest["target"]["void"] == 255
    assert set(np.unique(samples["test"].target(0))) == {255}


@pytest.mark.parametrize(
    ("change", "file", "words"),
    [
        ({"test/masks/1.png": None}, "test/masks/1.png", "test/images/1.png has no mask"),
        ({"test/masks/1.png": encoded(mask_of(1, (4, 9)))}, "test/masks/1.png", "is 4 x 9, its image .* 9 x 4"),
        ({"train/masks/0.png": encoded(np.full((6, 5), 3, np.uint8))}, "train/masks/0.png", "value 3 in row 0, column"),
        ({"train/masks/0.png": encoded(mask_of(0, (6, 5)), "RGB")}, "train/masks/0.png", "mode is RGB"),
        ({"train/masks/0.png": b"text"}, "train/masks/0.png", "not a whole image"),
        ({"test/images/1.png": picture(1, SIZES[1], channels=1)}, "test/images/1.png", "1 channel"),
    ],
)
def test_masks_that_do_not_fit(tmp_path, change, file, words):
    files = {name: content for name, content in (masked() | change).items() if content is not None}
    error = refused(tmp_path, files, "segmentation")
    assert str(error.file).endswith(file)
    assert re.search(words, str(error))


@pytest.mark.parametrize(
    ("task", "more", "key"),
    [
        ("segmentation", {"classes": None}, "classes"),
        ("segmentation", {"classes": ["a", "a"]}, "classes"),
        ("segmentation", {"void": 2}, "void"),
        ("segmentation", {"deploy_size": None}, "deploy_size"),
        ("denoising", {"deploy_size": None}, "deploy_size"),
        ("denoising", {"deploy_size": [0, 4]}, "deploy_size"),
        ("denoising", {"classes": CLASSES}, "classes"),
        ("denoising", {"sigma": -1}, "sigma"),
        ("segmentation", {"sigma": 3}, "sigma"),
        ("detection", {"void": 3}, "void"),
        ("detection", {}, "size"),
        ("detection", {"deploy_size": [8, 8]}, "deploy_size"),
        ("detection", {"size": [12, 10], "deploy_size": [8, 8]}, "deploy_size"),
        ("classification", {"size": [12, 10], "deploy_size": [8, 8]}, "deploy_size"),
    ],
)
def test_wrong_setting_is_named(tmp_path, task, more, key):
    files = {"segmentation": masked, "detection": boxed}.get(task, photographs)(sizes=SIZES)
    if task == "classification":
        files = {name.replace("/", "/cat/"): content for name, content in files.items()}
        files |= {name.replace("cat", "dog"): content for name, content in files.items()}
    error = refused(tmp_path, files, task, **more)
    assert (error.file, error.key) == ("config.yaml", f"datasets.mine.{key}")


def changed(**changes):
    return lambda: {**coco(), **changes}


def annotated(**changes):
    table = coco()
    table["annotations"][3] |= changes
    return lambda: table


@pytest.mark.parametrize(
    ("table", "file", "words"),
    [
        (annotated(bbox=[0, 0, 0, 2]), "train/1.png", "has no extent"),
        (annotated(bbox=[3, 0, 9, 2]), "train/1.png", "reaches out of the image, which is 5 wide, 6 high"),
        (annotated(bbox=[-5, 0, 7, 2]), "train/1.png", "reaches out"),
        (annotated(category_id=5), "annotations.json", "annotations[3].category_id: 5"),
        (annotated(image_id=99), "annotations.json", "annotations[3].image_id: 99"),
        (annotated(bbox=[1, 2, 3]), "annotations.json", "bbox"),
        (annotated(bbox=[1, 2, 3, "wide"]), "annotations.json", "bbox"),
        (changed(images=coco()["images"][:-1]), "annotations.json", "says nothing of the image"),
        (changed(images=[*coco()["images"], {"id": 1, "file_name": "x.png"}]), "annotations.json", "no image 'x.png'"),
        (changed(images=[*coco()["images"], {"id": 1, "file_name": "a/2.png"}]), "annotations.json",
         "images[5].file_name: '2.png' stands there twice"),
        (changed(images=[*coco()["images"][:4], {"id": 12, "file_name": "4.png"}]), "annotations.json",
         "images[4].id: 12 stands there twice"),
        (changed(categories=[*coco()["categories"], {"id": 9, "name": "ant"}]), "annotations.json",
         "categories[2].name: 'ant' stands there twice"),
        (changed(categories=[*coco()["categories"], {"id": 7, "name": "dog"}]), "annotations.json",
         "categories[2].id: 7 stands there twice"),
        (changed(categories="none"), "annotations.json", "categories"),
        (lambda: b'{"images": [', "annotations.json", "is not JSON"),
        (lambda: b"\xff\xfe", "annotations.json", "is not JSON"),
        (lambda: b"[]", "annotations.json", "cannot be"),
    ],
)  # fmt: skip
def test_boxes_that_do_not_fit(tmp_path, table, file, words):
    error = refused(tmp_path, boxed(table()), "detection")
    assert str(error.file).endswith(file)
    assert words in str(error)


@pytest.mark.parametrize("split", ["val", "test"])
@pytest.mark.parametrize("task", ["detection", "segmentation"])
def test_a_split_without_anything_to_score_is_refused(tmp_path, task, split):
    """Its scores would be no numbers."""
    folder = "test" if split == "test" else "train"
    if task == "detection":
        files = boxed() | {f"{folder}/annotations.json": json.dumps(coco(boxes=())).encode()}
    else:
        files = masked(ALIKE)
        files |= {name: encoded(np.full(ALIKE[0], 255, np.uint8)) for name in files if f"{folder}/masks" in name}
    error = refused(tmp_path, files, task)
    assert (error.file, error.key) == ("config.yaml", "datasets.mine")
    assert f"{split} holds no {'box' if task == 'detection' else 'pixel of a class'}" in error.problem
    assert "validation.seed" in error.remedy


def test_a_category_of_test_that_train_has_not(tmp_path):
    files = boxed({**coco(), "categories": [{"id": 7, "name": "cat"}, {"id": 3, "name": "bee"}]})
    assert "'ant' is no category of train" in str(refused(tmp_path, files, "detection"))


@pytest.mark.parametrize(
    ("task", "files"), [("denoising", photographs), ("segmentation", masked), ("detection", boxed)]
)
def test_missing_parts_of_the_layout(tmp_path, task, files):
    assert "no split 'test'" in str(refused(tmp_path, {n: c for n, c in files().items() if "train" in n}, task))
    nothing = {n: c for n, c in files().items() if "train" in n} | {"test/notes.txt": b"x"}
    assert "split 'test' holds no image" in str(refused(tmp_path, nothing, task))


def test_a_json_that_is_missing(tmp_path):
    error = refused(tmp_path, photographs(), "detection")
    assert str(error.file).endswith("annotations.json")


def test_grey_among_colour_and_channels(tmp_path):
    files = photographs() | {"test/grey.png": picture(9, (4, 4), channels=1)}
    error = refused(tmp_path, files, "denoising")
    assert (error.key, str(error.file)[-13:]) == ("datasets.mine.channels", "test/grey.png")
    manifest, _ = fetched(tmp_path, files, "denoising", "converted", channels=1)
    assert manifest["input"]["shape"] == [1, None, None]


def test_a_source_without_what_the_task_needs_lists_what_fits(tmp_path):
    with pytest.raises(EdgepruneError) as caught:
        fetch("mine", {"source": "digits", "task": "detection"}, tmp_path / "out")
    assert caught.value.key == "datasets.mine.task"
    assert "kind boxes, which detection needs" in str(caught.value)
    assert "classification" in caught.value.remedy
    assert "digits-on-photographs" in caught.value.remedy


def test_the_schema_knows_every_setting_and_imports_nothing_heavy():
    allowed = {*COMMON_KEYS, *(key for source in SOURCES.values() for key in source.keys)}
    allowed |= {key for task in tasks.TASKS for key in tasks.keys(tasks.get(task))}
    dataset = check.schema()["$defs"]["dataset"]["properties"]
    assert set(dataset) == allowed
    assert dataset["source"]["enum"] == list(SOURCES)
    assert dataset["task"]["enum"] == list(tasks.TASKS)
    code = (
        "import sys; from edgeprune.config import check; check.schema(); print({'numpy', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_a_source_loads_what_its_table_names(source):
    module, _, function = source.load.partition(":")
    assert callable(getattr(import_module(module), function))
    assert set(source.kinds) <= {"class", "image", "mask", "boxes"}


def damage(path, what):
    content = path.read_bytes()
    if what == "cut":
        path.write_bytes(content[:-7])
    elif what == "table":  # the first height
        path.write_bytes(content[:128] + bytes([content[128] + 1]) + content[129:])
    elif what == "negative":
        np.save(path, np.concatenate([np.full(8 * 15, 255, np.uint8), np.load(path)[120:]]))
    elif what == "short":
        np.save(path, np.load(path)[:20])
    elif what == "dtype":
        np.save(path, np.load(path).astype(np.int16))
    elif what == "shape":
        np.save(path, np.load(path)[None])
    else:
        path.unlink()


@pytest.mark.parametrize("what", ["cut", "table", "negative", "short", "dtype", "shape", "missing"])
@pytest.mark.parametrize(
    ("task", "files"), [("denoising", photographs), ("segmentation", masked), ("detection", boxed)]
)
def test_a_damaged_split_is_refused(tmp_path, task, files, what):
    fetched(tmp_path, files(), task)
    damage(tmp_path / "out" / "test.npy", what)
    with pytest.raises(EdgepruneError) as caught:
        open_samples(tmp_path / "out", "test")
    assert caught.value.file == tmp_path / "out" / "test.npy"
    assert caught.value.remedy


def test_a_changed_pixel_is_found_by_the_sum(tmp_path):
    fetched(tmp_path, photographs(), "denoising")
    path = tmp_path / "out" / "test.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"\x07")
    open_samples(tmp_path / "out", "test")
    with pytest.raises(EdgepruneError, match="SHA-256"):
        open_samples(tmp_path / "out", "test", verify=True)


def test_images_are_not_held_in_memory(tmp_path):
    flat = np.zeros((1000, 1000, 3), np.uint8)
    flat[:, ::2] = 200
    content = encoded(flat)
    files = {f"{split}/{n}.png": content for split in ("train", "test") for n in range(20)}  # 120 MB decoded
    tracemalloc.start()
    try:
        fetch("mine", settings(write_folder(tmp_path / "given", files), "denoising"), tmp_path / "out", workers=1)
        assert tracemalloc.get_traced_memory()[1] < 70e6
    finally:
        tracemalloc.stop()
