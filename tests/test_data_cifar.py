"""CIFAR-10 and CIFAR-100 through torchvision, from archives of the official layout made here."""

import hashlib
import pickle

import numpy as np
import pytest

from edgeprune.data.fetch import fetch
from edgeprune.data.store import load_manifest, open_split
from edgeprune.errors import EdgepruneError
from helpers.httpserver import serve
from helpers.imagefiles import tar_bytes

ANIMALS = [f"animal {number}" for number in range(10)]
FINE = [f"thing {number:02}" for number in range(100)]


def md5(content):
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def batch(seed, labels, key):
    pixels = np.random.default_rng(seed).integers(0, 256, (len(labels), 3072), dtype=np.uint8)
    return pickle.dumps({"data": pixels, key: labels, "batch_label": f"batch {seed}"})


def official(name):
    """Return the files of an archive, in the layout of CIFAR's authors."""
    if name == "cifar10":
        files = {f"data_batch_{number}": batch(number, list(range(10)) * 4, "labels") for number in range(1, 6)}
        files |= {"test_batch": batch(6, list(range(10)) * 2, "labels")}
        files |= {"batches.meta": pickle.dumps({"label_names": ANIMALS, "num_cases_per_batch": 40})}
    else:
        files = {
            "train": batch(1, list(range(100)) * 3, "fine_labels"),
            "test": batch(2, list(range(100)), "fine_labels"),
        }
        files |= {"meta": pickle.dumps({"fine_label_names": FINE, "coarse_label_names": ["all"]})}
    return files


@pytest.fixture(params=["cifar10", "cifar100"])
def name(request):
    return request.param


@pytest.fixture
def archive(site, name, monkeypatch):
    """Serve a small archive, and tell torchvision its sums; return its path at the server and its content."""
    from torchvision import datasets

    kind = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[name]
    files = official(name)
    content = tar_bytes({f"{kind.base_folder}/{file}": data for file, data in files.items()})
    monkeypatch.setattr(kind, "tgz_md5", md5(content))
    for part in ("train_list", "test_list"):
        monkeypatch.setattr(kind, part, [[file, md5(files[file])] for file, _ in getattr(kind, part)])
    monkeypatch.setattr(kind, "meta", {**kind.meta, "md5": md5(files[kind.meta["filename"]])})
    path = f"/mirror/{kind.filename}"
    site.files[path] = content
    return path, content


def get(site, name, tmp_path):
    settings = {"source": name, "task": "classification", "mirror": site.url("/mirror/")}
    return fetch(name, settings, tmp_path / "out", tmp_path / "downloads")


def expected(name, parts):
    files = [pickle.loads(official(name)[part]) for part in parts]
    labels = [label for file in files for label in file.get("labels", file.get("fine_labels"))]
    pixels = np.concatenate([file["data"] for file in files]).reshape(-1, 3, 32, 32)
    return sorted(image.tobytes() + np.int64(label).tobytes() for image, label in zip(pixels, labels))


def rows(folder, *splits):
    return sorted(sample.tobytes() for split in splits for sample in open_split(folder, split, verify=True))


def test_pixels_labels_and_classes(site, archive, name, tmp_path, monkeypatch):
    get(site, name, tmp_path)
    batches = [f"data_batch_{number}" for number in range(1, 6)] if name == "cifar10" else ["train"]
    assert rows(tmp_path / "out", "train", "val") == expected(name, batches)
    assert rows(tmp_path / "out", "test") == expected(name, ["test_batch" if name == "cifar10" else "test"])
    manifest = load_manifest(tmp_path / "out")
    assert manifest["input"]["shape"] == [3, 32, 32]
    assert manifest["target"]["classes"] == (ANIMALS if name == "cifar10" else FINE)
    assert set(manifest["splits"]["val"]["per_class"]) == ({2} if name == "cifar10" else {1})
    assert "127.0.0.1" not in str(manifest)  # where it came from does not change what it is


def test_second_fetch_asks_nobody(site, archive, name, tmp_path):
    get(site, name, tmp_path)
    site.requests.clear()
    get(site, name, tmp_path)
    assert site.requests == []


def test_cut_connection_restarts_cleanly(site, archive, name, tmp_path, capsys):
    # torchvision first opens the address once to look for redirects.
    path, content = archive
    site.faults[path] = [None, ("cut", len(content) // 2)]
    get(site, name, tmp_path)
    assert f"got {md5(content[: len(content) // 2])}" in capsys.readouterr().err
    assert len(open_split(tmp_path / "out", "test", verify=True)) in (20, 100)


def test_wrong_sum_first_and_a_right_one_at_the_retry(site, archive, name, tmp_path, capsys):
    path, content = archive
    site.faults[path] = [None, ("content", b"captive portal")]
    get(site, name, tmp_path)
    assert f"expected MD5 {md5(content)}, got {md5(b'captive portal')}" in capsys.readouterr().err


def test_wrong_sum_names_expected_and_got(site, archive, name, tmp_path):
    path, content = archive
    site.files[path] = b"something else"
    with pytest.raises(EdgepruneError) as caught:
        get(site, name, tmp_path)
    assert f"expected MD5 {md5(content)}, got {md5(b'something else')}" in str(caught.value)
    assert caught.value.key == f"datasets.{name}"
    assert caught.value.remedy
    assert not list((tmp_path / "out").iterdir())


def test_partial_file_of_a_killed_run_is_replaced(site, archive, name, tmp_path):
    path, content = archive
    root = tmp_path / "downloads" / name
    root.mkdir(parents=True)
    (root / path.rsplit("/", 1)[1]).write_bytes(content[:100])
    get(site, name, tmp_path)
    assert len(open_split(tmp_path / "out", "test")) in (20, 100)


def test_server_in_trouble_is_asked_again(site, archive, name, tmp_path):
    path, _ = archive
    site.faults[path] = [503, None, 500]
    get(site, name, tmp_path)
    assert len(site.requests) == 5


def test_not_found_is_told_at_once(site, archive, name, tmp_path):
    site.files.clear()
    with pytest.raises(EdgepruneError, match="answers 404") as caught:
        get(site, name, tmp_path)
    assert caught.value.key == f"datasets.{name}"
    assert len(site.requests) == 1


def test_unreachable_mirror(archive, name, tmp_path):
    with serve() as gone:
        pass
    with pytest.raises(EdgepruneError, match=r"5 attempts: cannot be reached"):
        get(gone, name, tmp_path)


def test_downloads_folder_that_cannot_be_made(site, archive, name, tmp_path):
    (tmp_path / "downloads").write_text("in the way")
    with pytest.raises(EdgepruneError, match="cannot be kept"):
        get(site, name, tmp_path)
    assert (tmp_path / "downloads").read_text() == "in the way"


def test_full_disk_is_not_taken_for_a_lost_line(site, archive, name, tmp_path, monkeypatch):
    from torchvision.datasets import utils

    def full(url, filename):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(utils, "_urlretrieve", full)
    with pytest.raises(EdgepruneError, match="No space left") as caught:
        get(site, name, tmp_path)
    assert "space" in caught.value.remedy


def test_mirror_that_is_no_address(tmp_path):
    with pytest.raises(EdgepruneError, match="not an address") as caught:
        fetch("c", {"source": "cifar10", "mirror": "somewhere"}, tmp_path / "out", tmp_path / "downloads")
    assert caught.value.key == "datasets.c.mirror"
