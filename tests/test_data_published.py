"""Loaders of published data sets, against tiny archives of the official layout."""

import hashlib
import io
import json

import numpy as np
import pytest
from PIL import Image

from edgeprune.data import pets, voc
from edgeprune.data.fetch import fetch
from edgeprune.data.store import load_manifest, open_samples
from edgeprune.errors import EdgepruneError
from helpers.imagefiles import picture, tar_bytes, write_folder, zip_bytes

SPLITS = ("train", "val", "test")


def mask(values, palette=True):
    image = Image.fromarray(np.asarray(values, np.uint8))
    if palette:
        image.putpalette(bytes(range(256)) * 3)
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def opened(folder):
    return load_manifest(folder), {split: open_samples(folder, split, verify=True) for split in SPLITS}


VALUES = np.array([[0, 20, 255], [1, 1, 0]])
XML = b"""<annotation><size><width>6</width></size>
<object><name>dog</name><difficult>1</difficult><bndbox><xmin>2</xmin><ymin>1</ymin><xmax>5</xmax><ymax>4</ymax>
</bndbox><part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></part></object>
<object><name>aeroplane</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>6</xmax><ymax>5</ymax></bndbox></object>
</annotation>"""


def voc_files():
    top = "VOCdevkit/VOC2012"
    files = {}
    for n in range(6):
        files[f"{top}/JPEGImages/2007_{n}.jpg"] = picture(n, (5, 6), channels=3 if n else 1, kind="JPEG")
        files[f"{top}/SegmentationClass/2007_{n}.png"] = mask(np.kron(VALUES, np.ones((3, 2)))[:5])
        files[f"{top}/Annotations/2007_{n}.xml"] = XML
    for part in ("Segmentation", "Main"):
        files[f"{top}/ImageSets/{part}/train.txt"] = b"2007_0\n2007_1\n2007_2\n2007_3\n"
        files[f"{top}/ImageSets/{part}/val.txt"] = b"2007_4\n2007_5\n"
    return files


@pytest.fixture
def voc_archive(site, monkeypatch):
    content = tar_bytes(voc_files(), "w")
    monkeypatch.setattr(voc, "_ARCHIVES", {next(iter(voc._ARCHIVES)): hashlib.md5(content).hexdigest()})
    site.files["/mirror/VOCtrainval_11-May-2012.tar"] = content
    return content


def voc_settings(site, task, **more):
    return {"source": "voc", "task": task, "mirror": site.url("/mirror/"), "deploy_size": [5, 6], **more}


def test_voc_masks(site, voc_archive, tmp_path):
    site.faults["/mirror/VOCtrainval_11-May-2012.tar"] = [("cut", 3000)]
    fetch("v", voc_settings(site, "segmentation"), tmp_path / "out", tmp_path / "downloads")
    manifest, samples = opened(tmp_path / "out")
    assert len(manifest["target"]["classes"]) == 21
    assert [len(samples[split]) for split in SPLITS] == [3, 1, 2]
    assert np.array_equal(samples["test"].target(0), np.kron(VALUES, np.ones((3, 2)))[:5])
    assert manifest["source"]["archives"] == {"VOCtrainval_11-May-2012.tar": hashlib.md5(voc_archive).hexdigest()}
    assert "127.0.0.1" not in str(manifest)
    site.requests.clear()
    fetch("v", voc_settings(site, "segmentation"), tmp_path / "again", tmp_path / "downloads")
    assert site.requests == []


def test_voc_boxes(site, voc_archive, tmp_path):
    fetch(
        "v",
        voc_settings(site, "detection", size=[10, 12], deploy_size=[10, 12]),
        tmp_path / "out",
        tmp_path / "downloads",
    )
    manifest, samples = opened(tmp_path / "out")
    assert samples["test"].target(1).tolist() == [[11, 2, 0, 10, 8], [0, 0, 0, 12, 10]]
    assert manifest["target"]["classes"][11] == "dog"
    assert samples["train"].size == (10, 12)


def test_voc_with_a_wrong_sum(site, voc_archive, tmp_path):
    site.files["/mirror/VOCtrainval_11-May-2012.tar"] = b"something else"
    with pytest.raises(EdgepruneError, match="expected MD5") as caught:
        fetch("v", voc_settings(site, "segmentation"), tmp_path / "out", tmp_path / "downloads")
    assert caught.value.key == "datasets.v.mirror"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("Annotations/2007_4.xml", b"<annotation>", "no annotation of VOC"),
        ("Annotations/2007_4.xml", XML.replace(b"dog", b"dragon"), "no annotation of VOC"),
        ("Annotations/2007_4.xml", None, "there is no VOCdevkit/VOC2012/Annotations/2007_4.xml"),
        ("JPEGImages/2007_4.jpg", None, "there is no VOCdevkit/VOC2012/JPEGImages/2007_4.jpg"),
        ("ImageSets/Main/train.txt", None, "there is no ImageSets/Main/train.txt"),
    ],
)
def test_voc_that_is_not_whole(tmp_path, name, content, words):
    files = voc_files() | {f"VOCdevkit/VOC2012/{name}": content}
    folder = write_folder(tmp_path / "voc", {name: of for name, of in files.items() if of is not None})
    with pytest.raises(EdgepruneError, match=words) as caught:
        fetch("v", {"source": "voc", "task": "detection", "path": str(folder)}, tmp_path / "out")
    assert caught.value.remedy


def pets_files():
    breeds = ["Abyssinian", "american_bulldog"]
    rows = [(f"{breed}_{n}", k + 1) for k, breed in enumerate(breeds) for n in range(6)]
    images = {f"images/{name}.jpg": picture(n, (4, 6), kind="JPEG") for n, (name, _) in enumerate(rows)}
    trimap = mask(np.array([[1, 2, 3], [1, 1, 2]]).repeat(2, 0).repeat(2, 1), palette=False)
    notes = {f"annotations/trimaps/{name}.png": trimap for name, _ in rows} | {"annotations/trimaps/._x.png": b"x"}
    for split, keep in (("trainval", range(4)), ("test", (4, 5))):
        lines = ["# Image CLASS-ID SPECIES BREED", *(f"{n} {k} 1 1" for n, k in rows if int(n[-1]) in keep)]
        notes[f"annotations/{split}.txt"] = "\n".join(lines).encode()
    return images, notes


@pytest.fixture
def pets_archives(site, monkeypatch):
    contents = [tar_bytes(files) for files in pets_files()]
    sums = [hashlib.md5(content).hexdigest() for content in contents]
    monkeypatch.setattr(pets, "_ARCHIVES", dict(zip(pets._ARCHIVES, sums)))
    for name, content in zip(("images", "annotations"), contents):
        site.files[f"/mirror/{name}.tar.gz"] = content


def test_pets(site, pets_archives, tmp_path):
    settings = {"source": "oxford-pets", "mirror": site.url("/mirror")}
    fetch("p", {**settings, "task": "segmentation"}, tmp_path / "masks", tmp_path / "downloads")
    manifest, samples = opened(tmp_path / "masks")
    assert manifest["target"]["classes"] == ["background", "pet"]
    assert samples["test"].target(0)[::2, ::2].tolist() == [[1, 0, 255], [1, 1, 0]]
    assert [len(samples[split]) for split in SPLITS] == [7, 1, 4]
    fetch("p", {**settings, "task": "classification"}, tmp_path / "breeds", tmp_path / "downloads")
    manifest, _ = opened(tmp_path / "breeds")
    assert manifest["target"]["classes"] == ["Abyssinian", "american_bulldog"]
    assert manifest["splits"]["test"]["per_class"] == [2, 2]


def test_bsd_from_a_url(site, tmp_path):
    files = {f"Train400/test_{n:03}.png": picture(n, (6, 6), channels=1) for n in range(10)}
    files |= {f"Set68/test{n:03}.png": picture(n, (6, 4 + n), channels=1) for n in range(3)}
    site.files["/bsd.zip"] = content = zip_bytes(files, "data/")
    settings = {"source": "bsd", "task": "denoising", "deploy_size": [6, 6], "url": site.url("/bsd.zip")}
    with pytest.raises(EdgepruneError, match="needs the sum"):
        fetch("b", settings, tmp_path / "out", tmp_path / "downloads")
    fetch("b", {**settings, "sha256": hashlib.sha256(content).hexdigest()}, tmp_path / "out", tmp_path / "downloads")
    manifest, samples = opened(tmp_path / "out")
    assert manifest["input"]["shape"] == [1, None, None]
    assert [samples["test"].image(n).shape for n in range(3)] == [(1, 6, 4), (1, 6, 5), (1, 6, 6)]


@pytest.mark.parametrize(("test", "count"), [(None, 2), ("valid", 2), ("set5", 5), ("set14", 3)])
def test_div2k_in_a_folder_of_archives(tmp_path, test, count):
    hr = {f"DIV2K_train_HR/{n:04}.png": picture(n, (8, 6 + n)) for n in range(1, 7)}
    valid = {f"DIV2K_valid_HR/{n:04}.png": picture(n) for n in range(801, 803)}
    folder = write_folder(tmp_path / "d", {"DIV2K_train_HR.zip": zip_bytes(hr), "DIV2K_valid_HR.zip": zip_bytes(valid)})
    write_folder(folder, {f"benchmark/Set5/HR/{n}.png": picture(n) for n in range(5)})
    write_folder(folder, {f"Set5/LR/{n}.png": picture(n) for n in range(9)})
    write_folder(folder, {f"Set14/{n}.png": picture(n, channels=1) for n in range(3)})
    settings = {"source": "div2k", "task": "denoising", "deploy_size": [6, 6], "path": str(folder)}
    fetch("d", settings | ({"test": test} if test else {}), tmp_path / "out")
    _, samples = opened(tmp_path / "out")
    assert [len(samples[split]) for split in SPLITS] == [5, 1, count]
    assert samples["test"].image(0).shape[0] == 3


def test_div2k_without_a_part(tmp_path):
    folder = write_folder(tmp_path / "d", {"DIV2K_train_HR/0001.png": picture(1)})
    settings = {"source": "div2k", "task": "denoising", "deploy_size": [6, 6], "path": str(folder)}
    for more, words in (
        ({}, "folder DIV2K_valid_HR"),
        ({"test": "set5"}, "folder Set5/HR or Set5"),
        ({"test": "x"}, "'x'"),
    ):
        with pytest.raises(EdgepruneError, match=words):
            fetch("d", settings | more, tmp_path / "out")


def test_camvid(tmp_path):
    files = {}
    for split, count in (("train", 4), ("val", 2), ("test", 3)):
        for n in range(count):
            files[f"CamVid/{split}/{n}.png"] = picture(n, (2, 3))
            files[f"CamVid/{split}annot/{n}.png"] = mask([[0, 11, 10], [5, 5, 11]], palette=False)
    (tmp_path / "c.tar.gz").write_bytes(tar_bytes(files))
    fetch("c", {"source": "camvid", "task": "segmentation", "path": str(tmp_path / "c.tar.gz")}, tmp_path / "out")
    manifest, samples = opened(tmp_path / "out")
    assert len(manifest["target"]["classes"]) == 11
    assert [len(samples[split]) for split in SPLITS] == [4, 2, 3]
    assert samples["val"].target(0).tolist() == [[0, 255, 10], [5, 5, 255]]
    assert manifest["splits"]["val"]["pixels_per_class"][5] == 4


def test_coco(tmp_path):
    categories = [{"id": 90, "name": "toothbrush"}, {"id": 1, "name": "person"}]
    archives = {}
    for name, count in (("train2017", 5), ("val2017", 2)):
        images = [{"id": n, "file_name": f"{n:012}.jpg"} for n in range(count)]
        boxes = [([1, 1, 2, 2.5], 0), ([0, 0, 3, 3], 1), ([1, 1, 0, 2], 0)]
        found = [
            {"image_id": n, "category_id": 90, "bbox": box, "iscrowd": crowd, "segmentation": [[1, 2]]}
            for n in range(count - 1)
            for box, crowd in boxes
        ]
        table = {"info": {}, "images": images, "annotations": found, "categories": categories}
        archives[f"{name}.zip"] = zip_bytes(
            {f"{name}/{n:012}.jpg": picture(n, (4, 5), kind="JPEG", channels=1 if n == 1 else 3) for n in range(count)}
        )
        archives.setdefault("notes", {})[f"annotations/instances_{name}.json"] = json.dumps(table).encode()
    archives["annotations_trainval2017.zip"] = zip_bytes(archives.pop("notes"))
    folder = write_folder(tmp_path / "coco", archives)
    fetch("c", {"source": "coco", "task": "detection", "path": str(folder)}, tmp_path / "out")
    manifest, samples = opened(tmp_path / "out")
    assert manifest["target"]["classes"] == ["person", "toothbrush"]
    assert [len(samples[split]) for split in SPLITS] == [4, 1, 2]
    assert samples["test"].target(0).tolist() == [[1, 1, 1, 3, 3.5]]
    assert samples["test"].target(1).shape == (0, 5)
