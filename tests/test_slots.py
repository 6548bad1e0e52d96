"""GPU slots, with made-up GPUs and real processes."""

import os
import signal
import subprocess
import sys
import time
from importlib.machinery import ModuleSpec

import pytest

from edgeprune.errors import EdgepruneError
from edgeprune.gpus import slots

LISTED = """\
GPU 0: NVIDIA A (UUID: GPU-aaaa-1)
GPU 1: NVIDIA A (UUID: GPU-bbbb-2)
  MIG 1g.10gb     Device  0: (UUID: MIG-cccc-3)
  MIG 1g.10gb     Device  1: (UUID: MIG-GPU-bbbb-2/4/0)
GPU 2: NVIDIA A (UUID: GPU-eeee-5)
"""
HOLDER = """\
import os, sys
from edgeprune.gpus import slots
name = slots.claim("cuda", {per_gpu}, folder={folder!r}, names=["A", "B"], poll=0.02)
print(name, os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
sys.stdin.read()
"""


class Holders:
    """Processes that each take a slot of two GPUs and keep it until they are ended."""

    def __init__(self, folder, per_gpu):
        self.code, self.all = HOLDER.format(folder=str(folder), per_gpu=per_gpu), []

    def start(self):
        process = subprocess.Popen(
            [sys.executable, "-c", self.code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        self.all.append(process)
        return process

    def end(self):
        for process in self.all:
            process.kill()
            process.communicate()


@pytest.fixture
def holders(tmp_path):
    made = []

    def make(per_gpu):
        made.append(Holders(tmp_path / "locks", per_gpu))
        return made[-1]

    yield make
    for each in made:
        each.end()


def got(process):
    name, visible = process.stdout.readline().split()
    assert name == visible
    return name


def test_jobs_spread_over_the_gpus_before_they_share_one(holders):
    jobs = holders(2)
    first = [got(jobs.start()) for _ in range(2)]
    assert first == ["A", "B"]
    assert [got(jobs.start()) for _ in range(2)] == ["A", "B"]


def test_a_job_waits_for_a_slot_and_a_killed_job_gives_its_own_back(holders):
    jobs = holders(1)
    a, b = jobs.start(), jobs.start()
    names = {got(a), got(b)}
    assert names == {"A", "B"}
    third = jobs.start()
    assert "waiting" in third.stderr.readline()
    time.sleep(0.1)
    assert third.poll() is None
    freed = next(p for p in (a, b))
    freed.send_signal(signal.SIGKILL)
    freed.wait()
    assert got(third) in names


def test_many_at_once_never_share_more_than_declared(holders):
    jobs = holders(3)
    names = [got(p) for p in [jobs.start() for _ in range(6)]]
    assert sorted(names) == ["A"] * 3 + ["B"] * 3


def test_nothing_is_claimed_without_a_gpu(monkeypatch, tmp_path):
    monkeypatch.delenv(slots.VISIBLE, raising=False)
    assert slots.claim("cpu", folder=tmp_path, names=["A"]) is None
    assert slots.claim("auto", folder=tmp_path, names=[]) is None
    assert slots.VISIBLE not in os.environ
    assert not list(tmp_path.iterdir())
    with pytest.raises(EdgepruneError, match="cannot be 0"):
        slots.claim("auto", 0, folder=tmp_path, names=["A"])


@pytest.fixture
def driver(monkeypatch, tmp_path):
    """A made-up nvidia-smi, and a torch with CUDA, whatever the real one is."""

    def install(listed=LISTED, torch_version="cuda: Optional[str] = '13.2'", **environment):
        program = tmp_path / "nvidia-smi"
        program.write_text(f"#!/bin/sh\ncat <<'END'\n{listed}END\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
        for name in (slots.VISIBLE, "CUDA_DEVICE_ORDER"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        if torch_version is not None:
            (tmp_path / "version.py").write_text(f"__version__ = '9.9'\n{torch_version}\nhip = None\n")
        spec = ModuleSpec("torch", None, origin=str(tmp_path / "__init__.py")) if torch_version is not None else None
        monkeypatch.setattr(slots.importlib.util, "find_spec", lambda name: spec)
        slots.gpus.cache_clear()

    yield install
    slots.gpus.cache_clear()


ALL = ["GPU-aaaa-1", "MIG-cccc-3", "MIG-GPU-bbbb-2/4/0", "GPU-eeee-5"]


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        (None, ALL),
        ("2", ["GPU-eeee-5"]),
        ("2,0", ["GPU-eeee-5", "GPU-aaaa-1"]),
        ("GPU-ee", ["GPU-eeee-5"]),
        ("MIG-cccc-3", ["MIG-cccc-3"]),
        ("MIG-GPU-bbbb-2/4/0,GPU-eeee-5,MIG-cccc-3", ["MIG-GPU-bbbb-2/4/0", "GPU-eeee-5", "MIG-cccc-3"]),
        ("1,2", ["MIG-cccc-3", "GPU-eeee-5"]),  # CUDA sees one instance of a partitioned GPU
        ("2,2", ["GPU-eeee-5"]),
        ("", []),
        ("-1", []),
        ("0,9,2", ["GPU-aaaa-1"]),
        ("0,-1,2", ["GPU-aaaa-1"]),
    ],
)
def test_gpus_are_those_that_the_driver_lists_and_the_environment_allows(driver, variable, expected):
    driver(**({} if variable is None else {slots.VISIBLE: variable}))
    assert list(slots.gpus()) == expected
    assert slots.count("auto", 2) == 2 * len(expected)
    assert slots.count("cpu", 2) == 0


@pytest.mark.parametrize(
    ("order", "expected"),
    [("FASTEST_FIRST", ["2", "0"]), ("PCI_BUS_ID", ["GPU-eeee-5", "GPU-aaaa-1"])],
)
def test_numbers_of_unlike_gpus_are_left_to_cuda_which_counts_by_speed(driver, order, expected):
    unlike = LISTED.replace("GPU 2: NVIDIA A", "GPU 2: NVIDIA C")
    driver(unlike, **{slots.VISIBLE: "2,0", "CUDA_DEVICE_ORDER": order})
    assert list(slots.gpus()) == expected


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("cuda: Optional[str] = None", []),
        ("cuda = None", []),
        ("cuda: str | None = '12.8'", ALL),
        ("cuda = '12.8'", ALL),
        ("", ALL),  # another kind of file: as if nothing was known
        (None, ALL),  # torch is elsewhere, in a job's environment
    ],
)
def test_no_slots_where_torch_is_built_without_cuda(driver, version, expected):
    driver(torch_version=version)
    assert list(slots.gpus()) == expected


def test_the_version_file_says_what_torch_says():
    import torch

    assert slots._torch_has_cuda() == (torch.version.cuda is not None)


def test_no_driver_no_gpus(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    slots.gpus.cache_clear()
    try:
        assert slots.gpus() == ()
    finally:
        slots.gpus.cache_clear()
