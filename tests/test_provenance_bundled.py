"""The remote in the repository, what DVC's cache has, and what a record leaves out: without Snakemake."""

import hashlib
import json
import subprocess

import pytest
import yaml

from edgeprune.errors import EdgepruneError
from edgeprune.provenance import bundled, dvc
from snakeledger import cache
from snakeledger.record import record


class Project:
    """A git repository with a lock and a cache as DVC makes them: an out that is a folder, one that is a file."""

    def __init__(self, root):
        self.root, self.cache = root, root / ".dvc" / "cache"
        subprocess.run(["git", "init", "--quiet", "."], cwd=root, check=True)
        self.record({"model.pt": b"weights", "metrics.json": b"{}"})

    def object(self, content, suffix=""):
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest() + suffix
        path = cache.stored(self.cache, md5)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return md5

    def record(self, contents):
        listing = [{"md5": self.object(content), "relpath": name} for name, content in contents.items()]
        folder = {"path": "results/quick/train", "md5": self.object(json.dumps(listing).encode(), ".dir")}
        file = {"path": "results/quick/config.yaml", "md5": self.object(b"preset: quick\n")}
        lock = {"stages": {"train": {"outs": [folder, file]}}}
        (self.root / "dvc.lock").write_text(yaml.safe_dump(lock))
        (self.root / "dvc.yaml").write_text("vars:\n  - preset: quick\n    root: .\nstages: {train: {}}\n")

    def bundled(self):
        folder = self.root / bundled.FOLDER
        return {p.read_bytes() for p in folder.rglob("*") if p.is_file()}

    def staged(self):
        command = ["git", "diff", "--cached", "--name-only", "--diff-filter=A"]
        return subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=True).stdout.split()


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


def test_the_remote_holds_what_the_lock_names_and_git_knows(project):
    (project.root / ".gitignore").write_text("/.dvc/bundled\n")
    objects, size, new = bundled.refresh(project.root)
    assert (objects, new) == (4, size)
    assert {b"weights", b"{}", b"preset: quick\n"} < project.bundled()
    assert size == sum(map(len, project.bundled()))
    assert len([name for name in project.staged() if name.startswith(bundled.FOLDER)]) == 4
    assert "dvc.lock" in project.staged()
    assert bundled.refresh(project.root)[2] == 0


def test_what_the_lock_no_longer_names_goes(project):
    bundled.refresh(project.root)
    project.record({"model.pt": b"new weights"})
    listing = max((project.cache / "files").rglob("*.dir"), key=lambda path: path.stat().st_mtime_ns)
    assert bundled.refresh(project.root)[2] == len(b"new weights") + listing.stat().st_size
    assert b"new weights" in project.bundled()
    assert not {b"weights", b"{}"} & project.bundled()
    folders = [p for p in (project.root / bundled.FOLDER).rglob("*") if p.is_dir()]
    assert all(any(folder.iterdir()) for folder in folders)


def test_too_much_is_refused_before_anything_changes(project):
    with pytest.raises(EdgepruneError, match="--limit"):
        bundled.refresh(project.root, limit=10)
    assert project.bundled() == set()


def test_what_the_cache_lacks_is_named(project):
    cache.stored(project.cache, hashlib.md5(b"weights", usedforsecurity=False).hexdigest()).unlink()
    with pytest.raises(EdgepruneError, match="results/quick/train"):
        bundled.refresh(project.root)
    (project.root / "dvc.lock").unlink()
    with pytest.raises(EdgepruneError, match=r"dvc\.lock"):
        bundled.refresh(project.root)


def test_a_missing_file_that_the_cache_has_was_deleted(project):
    has = cache.lookup(dvc.pipeline("quick", project.root))
    assert has("results/quick/train/model.pt")
    assert has("results/quick/config.yaml")
    assert not has("results/quick/train/other.pt")
    assert not has("results/quick/measure/a.json")
    cache.stored(project.cache, hashlib.md5(b"weights", usedforsecurity=False).hexdigest()).unlink()
    has = cache.lookup(dvc.pipeline("quick", project.root))
    assert not has("results/quick/train/model.pt")
    (project.root / "dvc.lock").write_text("{")
    assert not cache.lookup(dvc.pipeline("quick", project.root))("results/quick/config.yaml")


def test_a_cache_in_another_place_is_found(tmp_path):
    (tmp_path / ".dvc").mkdir()
    assert cache.cache_folder(tmp_path) == tmp_path / ".dvc" / "cache"
    (tmp_path / ".dvc" / "config.local").write_text("[cache]\n    dir = ../../shared\n    type = symlink\n")
    assert cache.cache_folder(tmp_path) == tmp_path / ".dvc" / "../../shared"
    (tmp_path / ".dvc" / "config.local").write_text("[cache]\n    dir = /data/cache\n")
    assert str(cache.cache_folder(tmp_path)) == "/data/cache"


PIPELINE = """\
vars:
  - preset: quick
    root: .
stages:
  measure:
    wdir: ${root}
    outs:
      - results/${preset}/measure_model: {persist: true}
      - results/${preset}/provenance/measure.jsonl: {persist: true}
  fetch:
    wdir: ${root}
    outs:
      - results/${preset}/config.yaml
      - results/${preset}/provenance/fetch.jsonl
  other:
    wdir: ${root}
    outs: ["results/${preset}/other"]
"""


def test_a_phase_without_jobs_has_what_dvc_expects(tmp_path):
    (tmp_path / "dvc.yaml").write_text(PIPELINE)
    pipeline = dvc.pipeline("paper", tmp_path)
    assert pipeline.ledgers == {
        "results/paper/provenance/measure.jsonl": ["results/paper/measure_model"],
        "results/paper/provenance/fetch.jsonl": ["results/paper/config.yaml"],
    }
    pipeline.complete("measure")
    assert list((tmp_path / "results/paper/measure_model").iterdir()) == []
    assert not (tmp_path / "results/paper/provenance/fetch.jsonl").exists()
    pipeline.complete()
    assert (tmp_path / "results/paper/provenance/fetch.jsonl").exists()
    assert not (tmp_path / "results/paper/config.yaml").exists()


def test_a_grid_that_is_not_all_here_is_not_recorded(tmp_path, monkeypatch):
    monkeypatch.delenv("DVC_STAGE", raising=False)
    (tmp_path / ".dvc").mkdir()
    (tmp_path / "dvc.yaml").write_text(PIPELINE)
    said = []
    assert not record(dvc.pipeline("quick", tmp_path), missing=["results/quick/a", "b"], say=said.append)
    assert len(said) == 1
    assert "not recorded: 2 results" in said[0]
    assert "dvc pull" in said[0]
