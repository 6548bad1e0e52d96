"""Images of the user: layout, decoding and settings."""

import io
import os
import random
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from edgeprune.data.decode import decode
from edgeprune.data.fetch import fetch
from edgeprune.data.store import load_manifest, open_split
from edgeprune.errors import EdgepruneError
from helpers.imagefiles import dataset, picture, tar_bytes, write_folder, zip_bytes


def images(path, **settings):
    return {"source": "images", "task": "classification", "path": str(path), **settings}


def refused(tmp_path, files, **settings):
    """Fetch {path: bytes}, expect a message, and return it."""
    folder = write_folder(tmp_path / "given", files)
    with pytest.raises(EdgepruneError) as caught:
        fetch("mine", images(folder, **settings), tmp_path / "out")
    assert caught.value.file
    assert caught.value.remedy
    assert not list((tmp_path / "out").iterdir())
    return caught.value


def test_folder_becomes_the_pixels_of_its_files(tmp_path):
    files = dataset(train=10, test=3, val=2)
    fetch("mine", images(write_folder(tmp_path / "given", files)), tmp_path / "out")
    for split in ("train", "val", "test"):
        samples = open_split(tmp_path / "out", split, verify=True)
        names = sorted(name for name in files if name.startswith(f"{split}/"))
        assert len(samples) == len(names)
        for sample, name in zip(samples, names):
            pixels = np.asarray(Image.open(io.BytesIO(files[name])))
            assert np.array_equal(sample["input"], pixels.transpose(2, 0, 1)), name
            assert sample["target"] == ["ant", "bee"].index(name.split("/")[1])
    manifest = load_manifest(tmp_path / "out")
    assert manifest["validation"] == {"from": "source", "fraction": None, "seed": None}
    assert manifest["splits"]["val"]["per_class"] == [2, 2]


@pytest.mark.parametrize("wrap", ["", "cifar10/", "./", "./top/"])
@pytest.mark.parametrize("kind", ["zip", "w", "w:gz", "w:xz", "w:bz2"])
def test_archives_give_what_the_folder_gives_whatever_their_order(tmp_path, kind, wrap):
    files = dataset()
    fetch("mine", images(write_folder(tmp_path / "given", files)), tmp_path / "out")
    shuffled = list(files.items())
    random.Random(0).shuffle(shuffled)
    packed = zip_bytes(dict(shuffled), wrap) if kind == "zip" else tar_bytes(dict(shuffled), kind, wrap)
    (tmp_path / "archive").write_bytes(packed)  # no suffix: the content tells what it is
    fetch("mine", images(tmp_path / "archive"), tmp_path / "other")
    for split in ("train", "val", "test"):
        name = f"{split}.npy"
        assert (tmp_path / "other" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()


def test_number_of_threads_does_not_matter(tmp_path):
    folder = write_folder(tmp_path / "given", dataset(train=300, test=2))
    for workers in (1, 3):
        fetch("mine", images(folder), tmp_path / str(workers), workers=workers)
    assert (tmp_path / "1" / "train.npy").read_bytes() == (tmp_path / "3" / "train.npy").read_bytes()


def test_validation_split_is_cut_from_train_by_class(tmp_path):
    folder = write_folder(tmp_path / "given", dataset(train=20, test=1))
    fetch("mine", images(folder, validation={"fraction": 0.2, "seed": 3}), tmp_path / "out")
    manifest = load_manifest(tmp_path / "out")
    assert manifest["splits"]["train"]["per_class"] == [16, 16]
    assert manifest["splits"]["val"]["per_class"] == [4, 4]
    assert manifest["validation"] == {"from": "train", "fraction": 0.2, "seed": 3}


@pytest.mark.parametrize("wrap", ["", "photos/"])
@pytest.mark.parametrize("pack", [write_folder, None])
def test_classes_without_splits_are_the_training_split(tmp_path, wrap, pack):
    files = dataset(train=20, test=0)
    fetch("mine", images(write_folder(tmp_path / "given", files), test_fraction=0.25), tmp_path / "out")
    bare = {name.removeprefix("train/"): content for name, content in files.items()}
    if pack:
        place = pack(tmp_path / "bare", {wrap + name: content for name, content in bare.items()})
    else:
        place = tmp_path / "bare.zip"
        place.write_bytes(zip_bytes(bare, wrap))
    fetch("mine", images(place, test_fraction=0.25), tmp_path / "again")
    for split in ("train", "val", "test"):
        name = f"{split}.npy"
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()


def test_test_split_can_be_cut_from_train(tmp_path):
    folder = write_folder(tmp_path / "given", dataset(train=20, test=0))
    fetch("mine", images(folder, test_fraction=0.25), tmp_path / "out")
    manifest = load_manifest(tmp_path / "out")
    assert [manifest["splits"][split]["per_class"] for split in ("train", "val", "test")] == [
        [13] * 2,
        [2] * 2,
        [5] * 2,
    ]
    rows = {sample.tobytes() for split in ("train", "val", "test") for sample in open_split(tmp_path / "out", split)}
    assert len(rows) == 40


def test_valid_is_another_name_for_val_and_hidden_files_are_ignored(tmp_path):
    files = dataset(val=1)
    files = {name.replace("val/", "valid/"): content for name, content in files.items()}
    files |= {"train/ant/._00.png": b"x", ".git/config": b"x", "train/.DS_Store": b"x", "__MACOSX/train/a.png": b"x"}
    fetch("mine", images(write_folder(tmp_path / "given", files)), tmp_path / "out")
    assert load_manifest(tmp_path / "out")["splits"]["val"]["per_class"] == [1, 1]


def test_other_files_are_left_out_and_mentioned(tmp_path, capsys):
    folder = write_folder(tmp_path / "given", dataset() | {"README": b"hello", "train/ant/labels.txt": b"1"})
    fetch("mine", images(folder), tmp_path / "out")
    assert "2 files are not images" in capsys.readouterr().err
    assert load_manifest(tmp_path / "out")["splits"]["test"]["per_class"] == [3, 3]


def test_size_and_channels_convert(tmp_path):
    files = dataset(size=(9, 7)) | {"train/ant/grey.png": picture(99, (4, 4), channels=1)}
    fetch("mine", images(write_folder(tmp_path / "given", files), size=[8, 6], channels=1), tmp_path / "out")
    samples = open_split(tmp_path / "out", "train")
    assert samples["input"].shape[1:] == (1, 8, 6)
    expected = Image.open(io.BytesIO(files["test/ant/00.png"])).convert("L").resize((6, 8), Image.Resampling.BILINEAR)
    assert np.array_equal(open_split(tmp_path / "out", "test")["input"][0, 0], np.asarray(expected))


def test_camera_orientation_is_applied():
    image = Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown a quarter turn clockwise
    stream = io.BytesIO()
    image.save(stream, "PNG", exif=exif)
    pixels = decode(stream.getvalue(), "turned.png", None, None)
    assert np.array_equal(pixels, np.rot90(np.arange(12).reshape(3, 4), -1)[None])


def test_palette_images_become_colour():
    image = Image.open(io.BytesIO(picture(1))).convert("P")
    stream = io.BytesIO()
    image.save(stream, "GIF")
    assert decode(stream.getvalue(), "a.gif", None, None).shape == (3, 6, 5)


def test_deep_images_are_refused():
    stream = io.BytesIO()
    Image.fromarray(np.full((4, 4), 40000, dtype=np.uint16)).save(stream, "PNG")
    with pytest.raises(EdgepruneError, match="8 bits"):
        decode(stream.getvalue(), "deep.png", 1, None)


def test_images_of_different_sizes(tmp_path):
    error = refused(tmp_path, dataset() | {"train/bee/odd.png": picture(5, (6, 9))})
    assert "odd.png" in str(error.file)
    assert error.key == "datasets.mine.size"
    assert "6 x 9" in str(error)
    assert "6 x 5" in str(error)


def test_grey_among_colour(tmp_path):
    error = refused(tmp_path, dataset() | {"test/bee/grey.png": picture(5, channels=1)})
    assert "grey.png" in str(error.file)
    assert error.key == "datasets.mine.channels"


@pytest.mark.parametrize("damage", [lambda content: content[:-40], lambda content: b"text", lambda content: b""])
def test_corrupt_image_is_named(tmp_path, damage):
    files = dataset()
    error = refused(tmp_path, files | {"test/ant/bad.png": damage(picture(1, (40, 40)))}, size=[6, 5], channels=3)
    assert str(error.file).endswith("given/test/ant/bad.png")
    assert "not a whole image" in str(error)


@pytest.mark.parametrize("error", [MemoryError(), OSError("out of memory error when reading image file")])
@pytest.mark.parametrize("step", ["load", "resize", "convert"])
def test_too_little_memory_is_not_blamed_on_the_image(tmp_path, monkeypatch, error, step):
    def fail(*_, **__):
        raise error

    folder = write_folder(tmp_path / "given", dataset())
    monkeypatch.setattr(PngImageFile if step == "load" else Image.Image, step, fail)
    with pytest.raises(EdgepruneError, match="memory ran out") as caught:
        fetch("mine", images(folder, size=[4, 4], channels=1), tmp_path / "out")
    assert caught.value.key == "datasets.mine.size"
    assert caught.value.file == "config.yaml"
    assert "00.png" in caught.value.problem
    assert "remove" not in caught.value.remedy
    assert "not a whole image" not in str(caught.value)


def test_too_little_memory_for_a_file_is_a_message(tmp_path, monkeypatch):
    def fail(*_):
        raise MemoryError

    folder = write_folder(tmp_path / "given", dataset())
    monkeypatch.setattr(Path, "read_bytes", fail)
    with pytest.raises(EdgepruneError, match="memory ran out") as caught:
        fetch("mine", images(folder), tmp_path / "out")
    assert (caught.value.file, caught.value.key) == ("config.yaml", "datasets.mine")
    assert caught.value.remedy


@pytest.mark.parametrize("split", ["train", "test"])
def test_empty_class_folder(tmp_path, split):
    files = {name: content for name, content in dataset().items() if not name.startswith(f"{split}/ant")}
    error = refused(tmp_path, files | {f"{split}/ant": None})
    assert "'ant' holds no image" in str(error)
    assert str(error.file).endswith(f"{split}/ant")


def test_class_folder_without_images_is_empty_too(tmp_path):
    assert "'cat' holds no image" in str(refused(tmp_path, dataset() | {"train/cat/notes.txt": b"x"}))


@pytest.mark.parametrize("split", ["train", "test"])
def test_missing_split(tmp_path, split):
    files = {name: content for name, content in dataset().items() if not name.startswith(split)}
    assert f"no split '{split}'" in str(refused(tmp_path, files))


def test_empty_split(tmp_path):
    assert "'test' is empty" in str(refused(tmp_path, dataset(test=0) | {"test": None}))


def test_class_of_test_that_is_not_in_train(tmp_path):
    error = refused(tmp_path, dataset() | {"test/wasp/0.png": picture(1)})
    assert "'wasp' is in test but not in train" in str(error)
    assert "ant, bee" in error.remedy


def test_one_class_only(tmp_path):
    assert "only one class, 'ant'" in str(refused(tmp_path, dataset(classes=("ant",))))


def test_folder_that_is_no_split(tmp_path):
    error = refused(tmp_path, dataset() | {"dev/ant/0.png": picture(1)})
    assert "'dev' is not a split" in str(error)


def test_folder_inside_a_class(tmp_path):
    error = refused(tmp_path, dataset() | {"train/ant/more/0.png": picture(1)})
    assert "inside a class" in str(error)


def test_two_folders_for_validation(tmp_path):
    files = {name: picture(1) for name in ("val/ant/0.png", "valid/ant/0.png")}
    assert "two folders" in str(refused(tmp_path, dataset() | files))


def test_test_folder_and_test_fraction(tmp_path):
    assert refused(tmp_path, dataset(), test_fraction=0.1).key == "datasets.mine.test_fraction"


def test_too_few_images_for_a_validation_split(tmp_path):
    assert "no sample is left for val" in str(refused(tmp_path, dataset(train=1)))


def test_constant_images(tmp_path):
    stream = io.BytesIO()
    Image.new("RGB", (5, 6), (7, 7, 7)).save(stream, "PNG")
    files = {name: stream.getvalue() for name in dataset()}
    assert "same value in every pixel" in str(refused(tmp_path, files))


def test_links_that_go_round(tmp_path):
    folder = write_folder(tmp_path / "given", dataset())
    os.symlink(folder, folder / "train" / "ant" / "loop")
    with pytest.raises(EdgepruneError, match="reached twice"):
        fetch("mine", images(folder), tmp_path / "out")


@pytest.mark.parametrize(
    ("settings", "key", "word"),
    [
        ({"source": "cifar"}, "source", "digits .*cifar10 .*cifar100 .*images"),
        ({}, "source", "no source"),
        ({"source": "digits", "size": [8, 8]}, "size", "no such setting"),
        ({"source": "digits", "task": "segmentation"}, "task", "classification"),
        ({"source": "images"}, "path", "path or url"),
        ({"source": "images", "path": "a", "url": "http://h/a.zip"}, "path", "path or url"),
        ({"source": "images", "url": "http://h/a.zip"}, "sha256", "needs the sum"),
        ({"source": "images", "url": "http://h/a.zip", "sha256": "12"}, "sha256", "64 hex"),
        ({"source": "images", "url": "ftp://h/a.zip", "sha256": "0" * 64}, "url", "not an address"),
        ({"source": "images", "url": "http://h/", "sha256": "0" * 64}, "url", "not an address"),
        ({"source": "images", "path": "a", "size": 32}, "size", "height, width"),
        ({"source": "images", "path": "a", "size": [32, 0]}, "size", "height, width"),
        ({"source": "images", "path": "a", "size": [100000, 100000]}, "size", "at most 16,777,216"),
        ({"source": "images", "path": "a", "channels": 2}, "channels", "1 .grey. or 3"),
        ({"source": "images", "path": "a", "test_fraction": 1.5}, "test_fraction", "between 0 and 1"),
        ({"source": "digits", "validation": {"fraction": 0}}, "validation.fraction", "between 0 and 1"),
        ({"source": "digits", "validation": {"fraction": "half"}}, "validation.fraction", "between 0 and 1"),
        ({"source": "digits", "validation": {"seed": -1}}, "validation.seed", "whole number"),
        ({"source": "digits", "validation": {"share": 0.1}}, "validation", "fraction and seed"),
    ],
)
def test_wrong_setting_is_named(tmp_path, settings, key, word):
    with pytest.raises(EdgepruneError, match=word) as caught:
        fetch("mine", settings, tmp_path / "out", tmp_path / "downloads")
    assert caught.value.key == f"datasets.mine.{key}"
    assert caught.value.file == "config.yaml"
    assert caught.value.remedy


def test_missing_path_is_named(tmp_path):
    with pytest.raises(EdgepruneError, match="no such file") as caught:
        fetch("mine", images(tmp_path / "nowhere"), tmp_path / "out")
    assert caught.value.key == "datasets.mine.path"


@pytest.fixture
def mortal():
    """A folder that everyone can reach; the test goes on as a user whom permissions bind."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    write_folder(folder / "given", dataset())
    fetch("mine", images(folder / "given"), folder / "made" / "out")
    try:
        yield folder
    finally:
        os.seteuid(os.getuid())
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755)
        shutil.rmtree(folder)


def become_mortal():
    if os.geteuid() == 0:
        os.seteuid(65534)


def test_folder_that_may_not_be_written(mortal):
    (mortal / "locked").mkdir()
    (mortal / "locked").chmod(0o555)
    become_mortal()
    with pytest.raises(EdgepruneError, match="Permission denied") as caught:
        fetch("mine", images(mortal / "given"), mortal / "locked" / "out")
    assert caught.value.file == mortal / "locked" / "out"
    assert "writable" in caught.value.remedy


def test_earlier_result_that_may_not_be_written_stays_whole(mortal):
    out = mortal / "made" / "out"
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    (mortal / "made").chmod(0o777)
    out.chmod(0o555)
    become_mortal()
    with pytest.raises(EdgepruneError, match="Permission denied"):
        fetch("mine", images(mortal / "given", size=[3, 3]), out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert [path.name for path in out.parent.iterdir()] == ["out"]


@pytest.mark.parametrize("what", ["given", "given/train/ant", "given/train/ant/00.png", "archive"])
def test_what_may_not_be_read_is_named(mortal, what):
    (mortal / "archive").write_bytes(zip_bytes(dataset()))
    (mortal / what).chmod(0)
    (mortal / "open").mkdir()
    (mortal / "open").chmod(0o777)
    become_mortal()
    with pytest.raises(EdgepruneError, match="Permission denied") as caught:
        fetch("mine", images(mortal / what.split("/")[0]), mortal / "open" / "out")
    assert str(caught.value.file) == str(mortal / what)


def test_file_in_the_way_of_the_output_folder(tmp_path):
    folder = write_folder(tmp_path / "given", dataset())
    (tmp_path / "out").write_text("mine")
    with pytest.raises(EdgepruneError, match="cannot be written"):
        fetch("mine", images(folder), tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"
