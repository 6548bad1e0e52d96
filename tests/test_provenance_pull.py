"""A fresh clone that pulls real results from the remote in the repository: what runs again, and what does not."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

from helpers.workflow import TINY, Workspace

GRID = {
    **TINY,
    "pairs": [{"network": "vgg8", "dataset": "digits"}],
    "references": {"dense": {}},
    "recipes": {"vgg8": {"epochs": 1, "warmup_epochs": 0}},
}
FA = "results/quick/train_network/vgg8/digits/FA-0.50/seed-0"
#: Made by the same bits from the same bits, unlike times and pictures of times.
EXACT = ("model.pt", "model.onnx", "metrics.json", "history.csv")
FIGURES = re.compile(r"draw_|write_|collect_|^all$")


def commit(workspace, message):
    workspace._git(workspace.root, "add", ".")
    identity = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    workspace._git(workspace.root, *identity, "commit", "--quiet", "--message", message)


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    workspace = Workspace(tmp_path_factory.mktemp("origin"))
    workspace.write_preset("quick", GRID)
    assert "dvc: recorded" in workspace.snakemake()
    said = subprocess.run(
        [sys.executable, "scripts/refresh_remote.py"],
        cwd=workspace.root,
        env=os.environ | {"PYTHONPATH": str(workspace.root)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "staged" in said
    commit(workspace, "results")
    return workspace


def clone_of(origin, folder):
    clone = Workspace.__new__(Workspace)
    clone.root = folder
    origin._git(origin.root, "clone", "--quiet", ".", str(folder))
    return clone


@pytest.fixture(scope="module")
def pulled(origin, tmp_path_factory):
    clone = clone_of(origin, tmp_path_factory.mktemp("clones") / "clone")
    clone.run("dvc", "pull")
    return clone


@pytest.fixture
def clone(pulled):
    """The clone, put back after the test's edits."""
    yield pulled
    pulled._git(pulled.root, "checkout", "--quiet", ".")
    pulled.run("dvc", "checkout", "--force")


def planned(workspace):
    """``{(rule, variant, seed)}`` that a dry run plans, without figures and tables."""
    jobs = set()
    for rule, block in re.findall(r"^(?:local)?rule (\w+):\n((?: .*\n)*)", workspace.snakemake("-n"), re.MULTILINE):
        found = dict(re.findall(r"\b(variant|seed)=([\w.-]+)", "".join(re.findall(r"wildcards: .*", block))))
        if not FIGURES.search(rule):
            jobs.add((rule, found.get("variant"), found.get("seed")))
    return jobs


def runs(variants, rules=("train_network", "measure_model"), seed="0"):
    return {(rule, variant, seed) for rule in rules for variant in variants}


BOTH = ("dense", "FA-0.50")


def test_nothing_is_to_be_done_and_dvc_agrees(clone):
    assert "Nothing to be done" in clone.snakemake("-n")
    assert "up to date" in clone.run("dvc", "status")
    assert "up to date" in clone.run("dvc", "repro")


def test_a_flipped_byte(clone):
    file = clone.root / FA / "model.pt"
    times = file.stat().st_atime_ns, file.stat().st_mtime_ns
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    os.utime(file, ns=times)
    assert planned(clone) == runs(["FA-0.50"])
    assert "model.pt: its content is not what was made" in clone.snakemake("-n")
    assert "up to date" in clone.run("dvc", "status")  # DVC goes by size, time and inode, which are as they were
    file.unlink()


def test_an_edit_that_no_job_uses(clone):
    clone.edit("edgeprune/cluster/queue.py", '"""', '"""Edited. ')
    assert "modified" in clone.run("dvc", "status")
    said = clone.snakemake()
    assert "Nothing to be done" in said
    assert "dvc: recorded" in said
    assert "up to date" in clone.run("dvc", "status")


def test_a_learning_rate(clone):
    clone.edit("presets/quick.yaml", "epochs: 1", "lr: 0.01\n    epochs: 1")
    assert planned(clone) - {("store_config", None, None)} == runs(BOTH)


def test_an_edited_module(clone):
    clone.edit("edgeprune/measuring/standalone/timing.py", '"""', '"""Edited. ')
    assert planned(clone) == runs(BOTH, ["measure_model"])


def test_an_added_seed(clone):
    clone.edit("presets/quick.yaml", "seeds:\n- 0", "seeds:\n- 0\n- 1")
    expected = runs(BOTH, ["sample_plan", "train_network", "measure_model"], seed="1")
    assert planned(clone) - {("store_config", None, None)} == expected


@pytest.mark.parametrize("name", ["metrics.json", "history.csv"])
def test_a_deleted_file_of_a_run(clone, name):
    (clone.root / FA / name).unlink()
    assert planned(clone) == runs(["FA-0.50"])


def test_a_deleted_measurement(clone):
    next((clone.root / "results/quick/measure_model").rglob("FA-0.50/seed-0.json")).unlink()
    assert planned(clone) == runs(["FA-0.50"], ["measure_model"])


def test_one_run_and_metrics_only(origin, tmp_path):
    part = clone_of(origin, tmp_path / "part")
    assert "accuracy" in part.run("dvc", "metrics", "show", "--json")  # git has these
    part.run("dvc", "pull", FA)
    assert sorted(p.name for p in (part.root / FA).iterdir()) == sorted([*EXACT, "timing.json"])
    assert not (part.root / "results/quick/train_network/vgg8/digits/dense").exists()
    assert "dvc pull results/quick/provenance" in part.snakemake("-n", f"{FA}/metrics.json")  # nothing vouches for it
    part.run("dvc", "pull", *(f"results/quick/provenance/{p}.jsonl" for p in ("fetch", "profile", "sample", "train")))
    assert "Nothing to be done" in part.snakemake("-n", f"{FA}/metrics.json")


def test_one_model_from_a_bare_repository(origin, tmp_path):
    identity = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    origin._git(origin.root, *identity, "tag", "--annotate", "digits@v0.1.0", "--message", "by name")
    origin._git(origin.root, "clone", "--quiet", "--bare", ".", str(tmp_path / "bare.git"))
    other = Workspace.__new__(Workspace)
    other.root, url = tmp_path / "other", (tmp_path / "bare.git").as_uri()
    other.root.mkdir()
    origin._git(other.root, "init", "--quiet", ".")
    other.run("dvc", "init", "--quiet")
    path = "results/quick/collect_record/models/digits.onnx"
    other.run("dvc", "get", url, path, "--out", "got.onnx")
    other.run("dvc", "import", url, path, "--out", "imported.onnx")
    other.run("dvc", "artifacts", "get", url, "digits", "--out", "named.onnx")
    trained = {path.read_bytes() for path in origin.root.glob("results/quick/train_network/**/model.onnx")}
    for name in ("got.onnx", "imported.onnx", "named.onnx"):
        assert (other.root / name).read_bytes() in trained, name


@pytest.mark.parametrize(
    ("where", "until"),
    [([], []), (["--temp"], ["train"]), (["--queue"], ["train"])],
    ids=["in place", "temp", "queue"],
)
def test_an_experiment_and_its_results_put_in_place(clone, where, until):
    """In the other order it would not say much: what is put in place may not be made there.

    Each stage is a start of Snakemake, so only the first case goes through all of them.
    """
    trained = clone.content(f"{FA}/*")
    clone.run("dvc", "exp", "run", "--name", "slow", *where, "-S", "presets/quick.yaml:++recipes.vgg8.lr=0.02", *until)
    if "--queue" in where:
        clone.run("dvc", "exp", "run", "--run-all")
    assert "slow" in clone.run("dvc", "exp", "show", "--csv", "--no-pager")
    clone._git(clone.root, "checkout", "--quiet", ".")
    clone.run("dvc", "checkout", "--force")
    assert clone.content(f"{FA}/*") == trained
    assert "Nothing to be done" in clone.snakemake("-n")
    clone.run("dvc", "exp", "apply", "slow")
    assert clone.content(f"{FA}/*") != trained
    assert "Nothing to be done" in clone.snakemake("-n", "--", *until)
    assert "up to date" in clone.run("dvc", "status", *until)
    clone.run("dvc", "exp", "remove", "slow")


def test_branches_back_and_forth(clone, tmp_path):
    clone._git(clone.root, "checkout", "--quiet", "-b", "other")
    clone.edit("presets/quick.yaml", "iterations: 5", "iterations: 6")
    before = clone.content(f"{FA}/*")
    assert "dvc: recorded" in clone.snakemake()
    assert clone.content(f"{FA}/*") == before  # measured again, not trained
    commit(clone, "other")
    fresh = clone_of(clone, tmp_path / "fresh")  # that has pulled nothing
    assert "latency_ms" in fresh.run("dvc", "metrics", "diff", "HEAD~1")
    clone.run("dvc", "plots", "diff", "HEAD~1")
    assert '"rev": "HEAD~1"' in (clone.root / "dvc_plots/index.html").read_text()
    for branch in ("-", "-"):
        clone._git(clone.root, "checkout", "--quiet", branch)
        clone.run("dvc", "checkout")
        assert "Nothing to be done" in clone.snakemake("-n")
        assert "up to date" in clone.run("dvc", "status")
    # the old trap: the other branch's results, this branch's configuration
    clone._git(clone.root, "checkout", "--quiet", "-")
    assert planned(clone) - {("store_config", None, None)} == runs(BOTH, ["measure_model"])


def test_kill_of_both_tools_and_one_command_resumes(origin, tmp_path):
    work = clone_of(origin, tmp_path / "work")
    work.run("dvc", "pull")
    shutil.rmtree(work.root / FA)
    process = subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro"],
        cwd=work.root,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        | {"PATH": os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 300
    while not (work.root / FA / "timing.json").exists():  # trained; what follows is under way
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    dense = work.content("results/quick/train_network/vgg8/digits/dense/seed-0/*")
    said = resume(work)
    assert "dvc: recorded" in said
    assert "up to date" in work.run("dvc", "status")
    assert work.content("results/quick/train_network/vgg8/digits/dense/seed-0/*") == dense
    assert "Nothing to be done" in work.snakemake("-n")
    for name in EXACT:
        assert (work.root / FA / name).read_bytes() == (origin.root / FA / name).read_bytes(), name


def resume(workspace):
    """`make resume`, with this environment in the place of the one that make would make."""
    binaries = workspace.root / ".venv" / "bin"
    binaries.mkdir(parents=True)
    for name in ("python", "snakemake", "dvc", "uv"):
        wrapper = binaries / name
        wrapper.write_text(f'#!/bin/sh\nexec {os.path.dirname(sys.executable)}/{name} "$@"\n')
        wrapper.chmod(0o755)
    (binaries.parent / ".run").touch()
    inherited = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "DVC_STAGE")}
    done = subprocess.run(
        ["make", "resume"],
        cwd=workspace.root,
        env=inherited | {"PYTHONPATH": str(workspace.root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:]
    return done.stdout
