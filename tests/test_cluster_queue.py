"""Jobs that a dead head process left, with a made-up queue; tests/test_slurm.py has a real one."""

import getpass
import json
import os
import socket

import pytest

from edgeprune.cluster import head, queue
from edgeprune.errors import EdgepruneError

ME = getpass.getuser()
SQUEUE = """#!/bin/sh
[ -e {folder}/broken ] && {{ echo "slurm_load_jobs error: Unable to contact slurm controller" >&2; exit 1; }}
cat {folder}/queue
"""
SCANCEL = """#!/bin/sh
echo "$@" >> {folder}/cancelled
: > {folder}/queue
"""


class Slurm:
    def __init__(self, folder):
        self.folder = folder
        for name, text in (("squeue", SQUEUE), ("scancel", SCANCEL)):
            program = folder / name
            program.write_text(text.format(folder=folder))
            program.chmod(0o755)
        self.holds()

    def holds(self, *lines):
        (self.folder / "queue").write_text("".join(f"{line}\n" for line in lines))

    @property
    def cancelled(self):
        file = self.folder / "cancelled"
        return file.read_text().split() if file.exists() else []


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    folder = tmp_path / "slurm"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return Slurm(folder)


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "work | flow"  # a bar, as between squeue's fields
    folder.mkdir()
    return folder


def record(root, **changes):
    value = {"host": socket.gethostname(), "pid": os.getpid(), "began": head._began(os.getpid())} | changes
    (root / head.RECORD).parent.mkdir(exist_ok=True)
    (root / head.RECORD).write_text(json.dumps(value))


def test_jobs_are_ours_by_name_and_folder(slurm, root, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(root)
    slurm.holds(
        f"1|RUNNING|{ME}|edgeprune_abc|{root}",
        f"2|PENDING|other|edgeprune_abc|{link}",
        f"3|RUNNING|{ME}|interactive|{root}",
        f"4|RUNNING|{ME}|edgeprune_abc|{tmp_path}",
        f"5|RUNNING|{ME}|edgeprune_abc|/gone",
    )
    assert queue.jobs_of(root) == [queue.Job("1", "RUNNING", ME), queue.Job("2", "PENDING", "other")]


def test_jobs_of_another_user_are_in_the_way_and_theirs_to_cancel(slurm, root):
    record(root, began=1)
    slurm.holds(f"17|RUNNING|other|edgeprune_abc|{root}")
    with pytest.raises(EdgepruneError, match=r"17 RUNNING of other(.|\n)*ask other"):
        head.refuse_orphans(root, submits=True)
    with pytest.raises(EdgepruneError, match="ask other"):
        head.end_orphans(root)
    assert not slurm.cancelled


def test_a_local_run_after_one_on_the_cluster_needs_no_answer_of_slurm(slurm, root, capsys):
    record(root)
    (slurm.folder / "broken").touch()
    head.refuse_orphans(root, submits=False)
    assert "Unable to contact" in capsys.readouterr().err


@pytest.mark.parametrize("submits", [True, False])
def test_a_run_does_not_start_beside_jobs_of_another(slurm, root, submits):
    record(root)
    slurm.holds(f"17|PENDING|{ME}|edgeprune_abc|{root}")
    with pytest.raises(EdgepruneError, match=r"17 PENDING(.|\n)*make resume"):
        head.refuse_orphans(root, submits)


def test_a_run_on_the_cluster_puts_itself_on_record(slurm, root):
    head.refuse_orphans(root, submits=True)
    assert json.loads((root / head.RECORD).read_text())["pid"] == os.getpid()
    head.refuse_orphans(root, submits=True)  # the queue is empty: the next stage of `dvc repro`


def test_where_no_cluster_was_used_slurm_is_not_asked(slurm, root):
    (slurm.folder / "broken").touch()
    head.refuse_orphans(root, submits=False)
    assert not (root / head.RECORD).exists()


def test_no_answer_is_no_permission(slurm, root):
    (slurm.folder / "broken").touch()
    with pytest.raises(EdgepruneError, match="Unable to contact"):
        head.refuse_orphans(root, submits=True)
    assert not (root / head.RECORD).exists()


def test_jobs_of_a_dead_head_are_cancelled_and_waited_for(slurm, root):
    record(root, began=1)  # that process is over, another has its number
    slurm.holds(
        f"1|RUNNING|{ME}|edgeprune_abc|{root}", f"2|RUNNING|{ME}|mine|{root}", f"3|PENDING|{ME}|edgeprune_abc|{root}"
    )
    assert head.end_orphans(root, poll=0.01) == 2
    assert slurm.cancelled == ["1", "3"]
    assert head.end_orphans(root) == 0


def test_a_job_that_does_not_end_is_named(slurm, root):
    record(root, began=1)
    slurm.holds(f"1|COMPLETING|{ME}|edgeprune_abc|{root}")
    (slurm.folder / "scancel").write_text("#!/bin/sh\n")
    with pytest.raises(EdgepruneError, match="1 COMPLETING"):
        head.end_orphans(root, wait=0.05, poll=0.01)


def test_jobs_of_a_living_head_are_left_alone(slurm, root):
    record(root)
    slurm.holds(f"1|RUNNING|{ME}|edgeprune_abc|{root}")
    with pytest.raises(EdgepruneError, match="under way"):
        head.end_orphans(root, force=True)
    assert not slurm.cancelled


def test_a_head_on_another_host_must_be_vouched_for(slurm, root):
    record(root, host="elsewhere")
    slurm.holds(f"1|RUNNING|{ME}|edgeprune_abc|{root}")
    with pytest.raises(EdgepruneError, match="elsewhere"):
        head.end_orphans(root)
    assert not slurm.cancelled
    assert head.end_orphans(root, force=True, poll=0.01) == 1


def test_without_slurm(root, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    head.refuse_orphans(root, submits=False)
    assert head.end_orphans(root) == 0
    record(root)
    with pytest.raises(EdgepruneError, match="head node"):
        head.end_orphans(root)
