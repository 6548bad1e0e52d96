"""Archives that are damaged, or that try to reach out of themselves."""

import io
import stat
import tarfile
import zipfile

import pytest

from edgeprune.data.fetch import fetch
from edgeprune.data.store import open_split
from edgeprune.data.tree import open_tree
from edgeprune.errors import EdgepruneError
from edgeprune.files import sha256
from helpers.imagefiles import dataset, tar_bytes, zip_bytes

BLOCK = 512


def refused(tmp_path, content, **settings):
    path = tmp_path / "images.archive"
    path.write_bytes(content)
    with pytest.raises(EdgepruneError) as caught:
        fetch("mine", {"source": "images", "path": str(path), **settings}, tmp_path / "out", tmp_path / "downloads")
    assert str(path) in str(caught.value.file)
    assert caught.value.remedy
    return str(caught.value)


def pack(kind, files):
    return zip_bytes(files) if kind == "zip" else tar_bytes(files, kind)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.999])
@pytest.mark.parametrize("kind", ["zip", "w:gz", "w:bz2", "w:xz"])
def test_truncated(tmp_path, kind, share):
    content = pack(kind, dataset())
    assert "corrupt or truncated" in refused(tmp_path, content[: int(share * len(content))])


def test_tar_cut_anywhere_is_noticed(tmp_path):
    # Between two members, tarfile alone would take the cut for the end and lose the images behind it.
    content = tar_bytes({f"train/ant/{number}.png": b"x" * 700 for number in range(4)}, "w")
    path = tmp_path / "a.tar"
    for end in range(BLOCK, 4 * 3 * BLOCK + 1, BLOCK):
        path.write_bytes(content[:end])
        with pytest.raises(EdgepruneError, match="corrupt or truncated"):
            open_tree(path).list()


def test_tar_with_a_damaged_header_in_the_middle(tmp_path):
    content = bytearray(tar_bytes({f"train/ant/{number}.png": b"x" * 700 for number in range(4)}, "w"))
    content[2 * 3 * BLOCK] ^= 0xFF
    (tmp_path / "a.tar").write_bytes(content)
    with pytest.raises(EdgepruneError, match="corrupt or truncated"):
        open_tree(tmp_path / "a.tar").list()


@pytest.mark.parametrize("kind", ["zip", "w:gz", "w:xz"])
def test_flipped_bits(tmp_path, kind):
    content = bytearray(pack(kind, dataset()))
    for at in range(len(content) // 3, len(content) // 3 + 40):
        content[at] ^= 0x55
    assert "corrupt or truncated" in refused(tmp_path, bytes(content))


def test_something_else(tmp_path):
    assert "not an archive" in refused(tmp_path, b"<html>Not found</html>" * 100)


def test_empty_file(tmp_path):
    assert "not an archive" in refused(tmp_path, b"")


@pytest.mark.parametrize("kind", ["zip", "w:gz"])
@pytest.mark.parametrize("name", ["../escaped.png", "train/ant/../../../escaped.png", "/tmp/escaped.png"])
def test_names_that_point_outside(tmp_path, kind, name):
    text = refused(tmp_path, pack(kind, {**dataset(), name: b"x"}))
    assert "points out of the archive" in text
    assert name in text
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["images.archive", "out"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_tar_links_and_devices(tmp_path, kind):
    member = tarfile.TarInfo("train/ant/odd.png")
    member.type, member.linkname = kind, "/etc/passwd"
    assert "'train/ant/odd.png' is a link or a device" in refused(tmp_path, tar_bytes(dataset(), extra=[member]))


def test_zip_link(tmp_path):
    stream = io.BytesIO(zip_bytes(dataset()))
    with zipfile.ZipFile(stream, "a") as archive:
        info = zipfile.ZipInfo("train/ant/odd.png")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    assert "'train/ant/odd.png' is a link or a device" in refused(tmp_path, stream.getvalue())


def test_zip_with_a_password(tmp_path):
    content = zip_bytes(dataset())
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        offset = archive.start_dir
        at = archive.getinfo("train/ant/00.png").header_offset
    content = bytearray(content)
    content[at + 6] |= 1  # the flag in the member's own header
    content[content.index(b"PK\x01\x02", offset) + 8] |= 1  # and in the directory's first entry
    assert "is encrypted" in refused(tmp_path, bytes(content))


@pytest.mark.parametrize("kind", ["zip", "w:gz"])
def test_corrupt_image_is_named_inside_the_archive(tmp_path, kind):
    text = refused(tmp_path, pack(kind, {**dataset(), "test/bee/bad.png": b"not an image"}))
    assert "images.archive!test/bee/bad.png" in text


def test_empty_class_folder_in_an_archive(tmp_path):
    assert "'cat' holds no image" in refused(tmp_path, tar_bytes({**dataset(), "train/cat": None}))


def test_member_larger_than_any_image(tmp_path, monkeypatch):
    monkeypatch.setattr("edgeprune.data.tree.LARGEST_FILE", 1000)
    assert "larger than" in refused(tmp_path, zip_bytes({**dataset(), "test/bee/huge.png": b"x" * 1001}))


def test_backslashes_in_a_zip(tmp_path):
    # zipfile itself only writes slashes; programs on Windows don't.
    content = zip_bytes(dataset()).replace(b"train/ant/", b"train\\ant\\").replace(b"test/ant/", b"test\\ant\\")
    (tmp_path / "a.zip").write_bytes(content)
    files, _ = open_tree(tmp_path / "a.zip").list()
    assert ("train", "ant", "00.png") in files


def test_sum_of_a_local_archive(tmp_path):
    text = refused(tmp_path, zip_bytes(dataset()), sha256="0" * 64)
    assert "0" * 64 in text
    found = sha256(tmp_path / "images.archive")
    assert found in text
    settings = {"source": "images", "path": str(tmp_path / "images.archive"), "sha256": found.upper()}
    manifest = fetch("mine", settings, tmp_path / "out")
    assert manifest["source"]["sha256"] == found
    assert len(open_split(tmp_path / "out", "test")) == 6


def test_failure_leaves_an_earlier_result(tmp_path):
    (tmp_path / "good.zip").write_bytes(zip_bytes(dataset()))
    fetch("mine", {"source": "images", "path": str(tmp_path / "good.zip")}, tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    refused(tmp_path, tar_bytes({**dataset(train=9), "test/bee/bad.png": b"not an image"}))
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["good.zip", "images.archive", "out"]


def test_an_error_of_the_system_without_words(monkeypatch, tmp_path):
    def odd(path):
        raise OSError("odd")

    monkeypatch.setattr("pathlib.Path.is_dir", odd)
    with pytest.raises(EdgepruneError, match="odd"):
        open_tree(tmp_path / "images.tar")
