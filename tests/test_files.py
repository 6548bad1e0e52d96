"""Writing whole files or none."""

import errno
import os

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
    assert not any(map(files.is_temporary, ["model.pt", ".model.pt", ".gitignore", "a.tmp.pt"]))
