"""The bundled digits, and reading back what a fetch has written."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgeprune.data import fetch as fetching
from edgeprune.data.fetch import fetch
from edgeprune.data.store import load_manifest, open_split
from edgeprune.errors import EdgepruneError
from edgeprune.files import sha256

ROOT = Path(__file__).parents[1]
SETTINGS = {"source": "digits", "task": "classification", "validation": {"fraction": 0.1, "seed": 0}}


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits") / "out"
    fetch("digits", SETTINGS, folder)
    return folder


@pytest.fixture
def copy(digits, tmp_path):
    return shutil.copytree(digits, tmp_path / "copy")


def rows(folder, splits=("train", "val", "test")):
    return sorted(sample.tobytes() for split in splits for sample in open_split(folder, split))


def test_digits_hold_every_sample_once_by_the_documented_rule(digits):
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    assert set(np.unique(pixels)) == set(range(17))
    expected = np.array([0, 16, 32, 48, 64, 80, 96, 112, 128, 143, 159, 175, 191, 207, 223, 239, 255], dtype=np.uint8)
    samples = [expected[p.astype(int)].tobytes() + np.int64(y).tobytes() for p, y in zip(pixels, labels)]
    assert rows(digits) == sorted(samples)


def test_manifest_describes_the_files(digits):
    manifest = load_manifest(digits)
    assert manifest["format"] == "edgeprune.dataset"
    assert manifest["input"] == {"shape": [1, 8, 8], "dtype": "uint8"}
    assert manifest["target"]["kind"] == "class"
    assert manifest["target"]["classes"] == [str(digit) for digit in range(10)]
    assert manifest["validation"] == {"from": "train", "fraction": 0.1, "seed": 0}
    assert {path.name for path in digits.iterdir()} == {"train.npy", "val.npy", "test.npy", "manifest.json"}
    for split, entry in manifest["splits"].items():
        samples = np.load(digits / entry["file"], mmap_mode="r")
        assert samples.dtype == np.dtype([("input", "u1", (1, 8, 8)), ("target", "<i8")])
        assert entry["sha256"] == sha256(digits / entry["file"])
        assert entry["count"] == len(samples) == sum(entry["per_class"])
        assert entry["per_class"] == np.bincount(samples["target"], minlength=10).tolist()
        assert min(entry["per_class"]) > 0, split
    assert sum(entry["count"] for entry in manifest["splits"].values()) == 1797


def test_mean_and_std_are_those_of_the_training_split(digits):
    manifest, scaled = load_manifest(digits), open_split(digits, "train")["input"] / 255
    assert manifest["mean"] == pytest.approx([scaled.mean()], rel=1e-12)
    assert manifest["std"] == pytest.approx([scaled.std()], rel=1e-12)


def test_two_fetches_agree_byte_for_byte(digits, tmp_path):
    fetch("digits", SETTINGS, tmp_path / "again")
    for path in digits.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()


def test_seed_moves_the_validation_split_and_never_the_test_set(digits, tmp_path):
    fetch("digits", {**SETTINGS, "validation": {"fraction": 0.25, "seed": 1}}, tmp_path / "other")
    assert rows(tmp_path / "other", ["test"]) == rows(digits, ["test"])
    assert rows(tmp_path / "other", ["train", "val"]) == rows(digits, ["train", "val"])
    assert rows(tmp_path / "other", ["val"]) != rows(digits, ["val"])
    assert load_manifest(tmp_path / "other")["splits"]["val"]["count"] > 300


def test_open_split_maps_read_only(digits):
    samples = open_split(digits, "test", verify=True)
    assert isinstance(samples, np.memmap)
    assert samples["input"].shape[1:] == (1, 8, 8)
    assert not samples.flags.writeable


def test_reading_needs_neither_torch_nor_sklearn():
    code = "import sys, edgeprune.data.store; print(*sorted({'torch', 'sklearn', 'PIL'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == ""


def test_target_of_another_kind_is_read_from_the_manifest(copy):
    # Room for denoising: here the target is an image.
    manifest = load_manifest(copy)
    manifest["target"] = {"kind": "image", "dtype": "uint8", "shape": [1, 8, 8]}
    dtype = np.dtype([("input", "u1", (1, 8, 8)), ("target", "u1", (1, 8, 8))])
    np.save(copy / "val.npy", np.zeros(5, dtype))
    manifest["splits"]["val"]["count"] = 5
    (copy / "manifest.json").write_text(json.dumps(manifest))
    assert open_split(copy, "val")["target"].shape == (5, 1, 8, 8)


def damage(folder, what):
    path = folder / "train.npy"
    manifest = folder / "manifest.json"
    told = json.loads(manifest.read_text())
    if what == "missing file":
        path.unlink()
    elif what == "cut file":
        path.write_bytes(path.read_bytes()[:-1000])
    elif what == "empty file":
        path.write_bytes(b"")
    elif what == "other dtype":
        np.save(path, np.zeros(len(np.load(path)), np.int64))
    elif what == "other count":
        np.save(path, np.load(path)[1:])
    elif what == "other bytes":
        path.write_bytes(path.read_bytes()[:-1] + b"\x07")
    elif what == "no manifest":
        manifest.unlink()
    elif what == "later version":
        manifest.write_text(json.dumps({**told, "version": 99}))
    elif what == "other json":
        manifest.write_text("[1, 2]")
    elif what == "no split":
        manifest.write_text(json.dumps({**told, "splits": {}}))
    elif what == "no mean":
        manifest.write_text(json.dumps({key: value for key, value in told.items() if key != "mean"}))


@pytest.mark.parametrize(
    ("what", "file", "word"),
    [
        ("missing file", "train.npy", "no such file"),
        ("cut file", "train.npy", "not a whole"),
        ("empty file", "train.npy", "not a whole"),
        ("other dtype", "train.npy", "holds int64"),
        ("other count", "train.npy", "1293 samples"),
        ("other bytes", "train.npy", "SHA-256"),
        ("no manifest", "manifest.json", "no such file"),
        ("later version", "manifest.json", "99"),
        ("other json", "manifest.json", "not a dataset"),
        ("no split", "manifest.json", "splits.train"),
        ("no mean", "manifest.json", "mean"),
    ],
)
def test_damage_is_named(copy, what, file, word):
    damage(copy, what)
    with pytest.raises(EdgepruneError, match=word) as caught:
        open_split(copy, "train", verify=True)
    assert str(caught.value.file).endswith(file)
    assert caught.value.remedy


def test_unknown_split_is_named(digits):
    with pytest.raises(EdgepruneError, match="'dev'") as caught:
        open_split(digits, "dev")
    assert "train, val, test" in caught.value.remedy


@pytest.mark.parametrize("moment", ["load", "write_json"])
def test_failure_leaves_an_earlier_result_and_no_rubbish(copy, moment, monkeypatch):
    before = {path.name: path.read_bytes() for path in copy.iterdir()}

    def fail(*_):
        raise OSError(28, "No space left on device")

    if moment == "load":
        
        monkeypatch.setattr(fetching, "find_source", lambda request: fail)
    else:
        monkeypatch.setattr(fetching, "write_json", fail)
    with pytest.raises(EdgepruneError, match="No space left") as caught:
        fetch("digits", {**SETTINGS, "validation": {"fraction": 0.3}}, copy)
    assert "space" in caught.value.remedy
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == before
    assert [path.name for path in copy.parent.iterdir()] == ["copy"]


@pytest.mark.parametrize("buried", [True, False])
def test_what_a_killed_run_left_is_removed(tmp_path, buried):
    gone = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    if buried:
        gone.wait()
    else:
        os.waitid(os.P_PID, gone.pid, os.WEXITED | os.WNOWAIT)
    left = tmp_path / f".out.{socket.gethostname()}.{gone.pid}.tmp"
    left.mkdir()
    (left / "train.npy").write_bytes(b"half")
    fetch("digits", SETTINGS, tmp_path / "out")
    gone.communicate()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_folder_of_a_run_that_is_going_on_is_kept(tmp_path):
    other = tmp_path / f".out.{socket.gethostname()}.{os.getppid()}.tmp"
    other.mkdir()
    fetch("digits", SETTINGS, tmp_path / "out")
    assert other.is_dir()


def test_kill_between_two_renames_never_leaves_new_samples_under_an_old_manifest(copy, monkeypatch):
    replace, calls = fetching.os.replace, []

    def stop(source, target):
        if str(target).endswith(".npy"):
            calls.append(target)
        if len(calls) == 2:
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(fetching.os, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        fetch("digits", {**SETTINGS, "validation": {"fraction": 0.3}}, copy)
    monkeypatch.undo()
    with pytest.raises(EdgepruneError, match="no such file"):
        load_manifest(copy)
    fetch("digits", SETTINGS, copy)
    assert load_manifest(copy)["splits"]["train"]["count"] == 1293
