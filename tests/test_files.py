"""Writing whole files or none."""

import errno
import os
import stat
import subprocess
import sys
import threading

import pytest

from edgeprune import files
from edgeprune.errors import EdgepruneError


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "a.json"
    files.write_json(target, {"x": 1})
    with pytest.raises(ValueError, match=r"NaN|Out of range"):
        files.write_json(target, {"x": float("nan")})
    with pytest.raises(ZeroDivisionError), files.replacing(target) as temporary:
        temporary.write_text(str(1 / 0))
    assert files.read_json(target) == {"x": 1}
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_folder_that_cannot_be_made_is_named_with_a_remedy(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EdgepruneError, match="cannot be written") as caught:
        files.write_text(tmp_path / "file" / "below" / "a.txt", "x")
    assert caught.value.remedy


def test_a_read_only_or_full_disk_is_named_with_a_remedy(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system", str(tmp_path / ".a.xyz.tmp.txt"))

    monkeypatch.setattr(files.tempfile, "mkstemp", refuse)
    with pytest.raises(EdgepruneError, match="Read-only") as caught:
        files.write_text(tmp_path / "a.txt", "x")
    assert str(caught.value.file) == str(tmp_path / "a.txt")
    monkeypatch.undo()
    with pytest.raises(EdgepruneError, match="No space"), files.replacing(tmp_path / "a.txt"):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_trouble_with_another_file_is_not_blamed_on_this_one(tmp_path):
    with pytest.raises(FileNotFoundError), files.replacing(tmp_path / "a.txt"):
        (tmp_path / "other.txt").read_text()


def test_remains_of_a_file_are_told_from_all_else(tmp_path):
    target, others = tmp_path / "model.pt", {"model.pt", ".model.pt", ".models.x.tmp.pt", ".model.x.tmp.onnx"}
    with files.replacing(target) as temporary:
        left = temporary.with_name(temporary.name.replace(".tmp", "x.tmp"))
        left.write_text("half")
        assert files.is_temporary(temporary.name)
    for name in others:
        (tmp_path / name).write_text("")
    files.remove_remains(target)
    assert {p.name for p in tmp_path.iterdir()} == others
    files.sweep(tmp_path.parent)
    assert {p.name for p in tmp_path.iterdir()} == {"model.pt", ".model.pt"}
    assert not any(map(files.is_temporary, ["model.pt", ".model.pt", ".gitignore", "a.tmp.pt"]))


@pytest.mark.parametrize("linked", [False, True])
def test_a_device_is_written_to_and_stays_one(tmp_path, linked):
    target = tmp_path / "null"
    try:
        os.mknod(target, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        target.write_text("")
    except OSError:
        pytest.skip("may not make a device here")
    if linked:
        (tmp_path / "link").symlink_to(target)
    files.write_text(tmp_path / "link" if linked else target, "x")
    assert stat.S_ISCHR(target.stat().st_mode)
    assert (tmp_path / "link").is_symlink() == linked
    assert sorted(os.listdir(tmp_path)) == ["link", "null"][not linked :]


@pytest.mark.parametrize("linked", [False, True])
def test_a_pipe_is_written_to_and_stays_one(tmp_path, linked):
    target, got = tmp_path / "pipe", []
    os.mkfifo(target)
    (tmp_path / "link").symlink_to(target)
    reader = threading.Thread(target=lambda: got.append(target.read_bytes()), daemon=True)
    reader.start()
    files.write_json(tmp_path / "link" if linked else target, {"x": 1})
    assert target.is_fifo()
    reader.join(10)
    assert got == [b'{\n  "x": 1\n}\n']
    assert (tmp_path / "link").is_symlink()


def test_nothing_reaches_a_pipe_when_the_write_fails(tmp_path):
    os.mkfifo(tmp_path / "pipe")  # nobody reads: to open it would wait for ever
    with pytest.raises(ValueError, match=r"NaN|Out of range"):
        files.write_json(tmp_path / "pipe", {"x": float("nan")})
    assert (tmp_path / "pipe").is_fifo()


def test_what_is_neither_a_file_nor_a_stream_is_refused(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(EdgepruneError, match="is a folder") as caught:
        files.write_text(tmp_path / "folder", "x")
    assert "name a file" in caught.value.remedy
    assert os.listdir(tmp_path) == ["folder"]


def test_a_disk_is_refused(tmp_path):
    try:
        os.mknod(tmp_path / "disk", stat.S_IFBLK | 0o666, os.makedev(7, 250))
    except OSError:
        pytest.skip("may not make a device here")
    with pytest.raises(EdgepruneError, match="is no regular file"):
        files.write_text(tmp_path / "disk", "x")
    assert os.listdir(tmp_path) == ["disk"]


def test_the_name_of_an_open_file_is_not_replaced(tmp_path):
    """/dev/stdout is a link, to a regular file where the output goes into one."""
    code = "import os, edgeprune.files as f; f.write_text(f'/dev/fd/{os.dup(1)}', 'x')"
    with open(tmp_path / "out", "w") as out:
        done = subprocess.run([sys.executable, "-c", code], stdout=out, stderr=subprocess.PIPE, text=True)
    assert "EdgepruneError" in done.stderr
    assert "name a file" in done.stderr


def test_a_link_to_a_regular_file_gives_way_to_the_new_one(tmp_path):
    (tmp_path / "kept").write_text("of a cache")
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    files.write_text(tmp_path / "link", "new")
    assert ((tmp_path / "link").read_text(), (tmp_path / "kept").read_text()) == ("new", "of a cache")
