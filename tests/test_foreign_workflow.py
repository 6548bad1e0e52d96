"""A repository that counts words, with Snakemake and DVC and nothing of ours but two lines in its Snakefile."""

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from snakemake import cli

pytestmark = pytest.mark.long
EXAMPLE = Path(__file__).parent / "foreign_workflow"
PETS, WORDS, SUMMARY = "counts/pets.tsv", "counts/words.tsv", "summary/frequent.tsv"


class Repository:
    def __init__(self, root):
        self.root = root

    def run(self, *command):
        environment = {name: value for name, value in os.environ.items() if name != "DVC_STAGE"}
        done = subprocess.run(command, cwd=self.root, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def dvc(self, *args):
        return self.run(sys.executable, "-m", "dvc", *args)

    def commit(self):
        self.run("git", "add", ".")
        identity = ("-c", "user.name=test", "-c", "user.email=test@localhost")
        self.run("git", *identity, "commit", "--quiet", "--message", "results")

    def snakemake(self, *args, ok=True):
        """In this process: starting Snakemake costs ten times what planning this workflow does."""
        said = io.StringIO()
        with contextlib.chdir(self.root), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            try:
                parser, settings = cli.parse_args(["--cores", "1", *args])
                done = cli.args_to_api(settings, parser)
            except SystemExit as end:
                done = not end.code
        assert done == ok, said.getvalue()
        return said.getvalue()

    def planned(self):
        return set(re.findall(r"^ +output: (\S+)", self.snakemake("-n"), re.MULTILINE))


@pytest.fixture(autouse=True)
def outside_dvc(monkeypatch):
    monkeypatch.delenv("DVC_STAGE", raising=False)


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    """Run once, recorded by that, and pushed."""
    folder = tmp_path_factory.mktemp("foreign")
    origin = Repository(shutil.copytree(EXAMPLE, folder / "origin"))
    origin.run("git", "init", "--quiet")
    origin.dvc("init", "--quiet")
    (origin.root / ".dvc" / "config").write_text(
        f"[core]\n    remote = store\n['remote \"store\"']\n    url = {folder}/store\n"
    )
    (origin.root / ".gitignore").write_text(".snakemake/\n")
    origin.said = origin.snakemake()
    origin.dvc("push", "--quiet")
    origin.commit()
    return origin


@pytest.fixture(scope="module")
def pulled(origin, tmp_path_factory):
    folder = tmp_path_factory.mktemp("foreign") / "clone"
    origin.run("git", "clone", "--quiet", ".", str(folder))
    pulled = Repository(folder)
    pulled.dvc("pull", "--quiet")
    return pulled


@pytest.fixture
def clone(pulled, tmp_path):
    """A copy of what was cloned and pulled, before Snakemake has seen it."""
    return Repository(shutil.copytree(pulled.root, tmp_path / "clone"))


def test_a_whole_run_is_recorded_and_the_workflows_own_hook_runs(origin):
    assert origin.said.index("the workflow's own hook") < origin.said.index("dvc: recorded in dvc.lock")
    assert (origin.root / SUMMARY).read_text() == "the\t4\non\t2\nsat\t2\n"
    assert "up to date" in origin.dvc("status")
    tracked = origin.run("git", "ls-files").split()
    assert "dvc.lock" in tracked
    assert not {PETS, SUMMARY, "provenance/count.jsonl"} & set(tracked)


def test_a_clone_that_pulled_has_nothing_to_do(clone):
    assert "Nothing to be done" in clone.snakemake("-n")
    assert "up to date" in clone.dvc("status")


def test_a_run_that_was_killed_before_it_was_recorded_is_recorded_by_the_same_command(clone):
    clone.snakemake("--no-hooks", "--forcerun", "summarise")
    lock = clone.root / "dvc.lock"
    lock.write_text(lock.read_text().replace("md5: ", "md5: 0"))
    said = clone.snakemake()
    assert "Nothing to be done" in said
    assert "dvc: recorded in dvc.lock" in said
    assert "up to date" in clone.dvc("status")


def test_results_that_are_not_trusted_are_not_recorded(clone):
    """Edited after their job and before the end of the run."""
    snakefile = clone.root / "workflow/Snakefile"
    snakefile.write_text(snakefile.read_text().replace("print(", "open('counts/pets.tsv', 'a').write('x'); print("))
    clone.snakemake("-n")
    before = (clone.root / "dvc.lock").read_text()
    said = clone.snakemake("--forcerun", "summarise")
    assert "dvc: not recorded: 1 " in said
    assert (clone.root / "dvc.lock").read_text() == before


@pytest.mark.parametrize("damage", [Path.unlink, lambda ledger: ledger.write_text("{")])
def test_a_ledger_lost_or_damaged_is_never_recorded_empty(clone, damage):
    ledger = clone.root / "provenance/count.jsonl"
    clone.snakemake("-n")
    whole = ledger.read_bytes()
    shutil.rmtree(clone.root / ".dvc/cache")
    damage(ledger)
    clone.snakemake("--forcerun", "summarise")
    assert ledger.read_bytes() == whole
    assert "up to date" in clone.dvc("status")


@pytest.mark.parametrize("size", [0, 22, 40, 333])
def test_a_lock_that_a_power_cut_left_truncated_is_named_and_written_anew(clone, size):
    lock = clone.root / "dvc.lock"
    whole = lock.read_bytes()
    lock.write_bytes(whole[:size])
    assert "dvc: dvc.lock is damaged" in clone.snakemake()
    assert lock.read_bytes() == whole


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_an_object_that_a_power_cut_left_truncated_is_named_and_written_anew(clone, kind):
    objects = [file for file in (clone.root / ".dvc/cache").rglob("*") if file.is_file()]
    content = (clone.root / PETS).read_bytes()
    damaged = next(o for o in objects if (o.suffix == ".dir" if kind == "folder" else o.read_bytes() == content))
    whole = damaged.read_bytes()
    damaged.chmod(0o644)
    damaged.write_bytes(whole[:1])
    damaged.chmod(0o444)
    said = clone.snakemake()
    assert f"1 objects of DVC's cache were damaged: {damaged.relative_to(clone.root)}" in said
    assert damaged.read_bytes() == whole


def test_a_disk_that_is_full_while_recording(clone, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no small disk can be mounted here")
    try:
        (clone.root / ".dvc/config.local").write_text(f"[cache]\n    dir = {disk}/cache\n")
        (disk / "filler").write_bytes(bytes(64 * 1024))
        said = clone.snakemake("--forcerun", "summarise")
        assert "dvc: not recorded" in said
        assert "No space left" in said
        (disk / "filler").unlink()
        assert "dvc: recorded in dvc.lock" in clone.snakemake()
        assert "up to date" in clone.dvc("status")
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_what_an_edit_reaches_is_made_again_and_nothing_else(clone):
    text, script, config = (clone.root / name for name in ("texts/pets.txt", "workflow/count.py", "config.yaml"))
    edits = ((text, {PETS, SUMMARY}), (script, {PETS, WORDS, SUMMARY}), (config, {SUMMARY}))
    for file, expected in edits:
        before = file.read_text()
        file.write_text(before.replace("cat", "dog").replace(".lower()", ".upper()").replace("3", "2"))
        assert clone.planned() == expected
        file.write_text(before)
        assert clone.planned() == set()


def test_a_damaged_file_is_named_and_made_again(clone):
    file = clone.root / PETS
    whole, times = file.read_bytes(), (file.stat().st_atime_ns, file.stat().st_mtime_ns)
    file.unlink()
    file.write_bytes(whole.replace(b"cat", b"cow"))
    os.utime(file, ns=times)  # neither size nor time says anything
    said = clone.snakemake()
    assert f"provenance: {PETS}: its content is not what was made" in said
    assert "dvc: recorded" in said
    assert file.read_bytes() == whole
    assert "Nothing to be done" in clone.snakemake("-n")


def test_a_part_and_what_the_command_line_set_are_not_recorded(clone):
    (clone.root / "texts" / "pets.txt").write_text("one cat")
    assert "dvc:" not in clone.snakemake("--until", "count_words")
    said = clone.snakemake("--config", "top=1")
    assert "dvc: not recorded: --config set top" in said


def test_a_failed_run_says_what_is_left_and_keeps_the_rest(clone):
    (clone.root / "texts" / "pets.txt").write_bytes(b"\xff")
    said = clone.snakemake("--keep-going", ok=False)
    assert "`dvc checkout dvc.yaml` brings back what dvc.lock has on record" in said
    assert clone.planned() == {PETS, SUMMARY}


def test_what_no_job_makes_any_more_is_told_of(clone):
    (clone.root / "texts" / "words.txt").unlink()
    said = clone.snakemake("--forcerun", "summarise")
    assert f"recorded too: {WORDS}" in said


def test_a_pipeline_without_a_ledger_is_refused_with_a_remedy(clone):
    pipeline = clone.root / "dvc.yaml"
    pipeline.write_text(re.sub(r".*provenance.*\n", "", pipeline.read_text()))
    said = clone.snakemake("-n", ok=False)
    assert said.startswith("error: dvc.yaml: no stage has a ledger\n  remedy: add one like provenance/<stage>.jsonl")


def test_another_snakemake_is_left_alone(clone, monkeypatch):
    monkeypatch.setattr("snakemake.__version__", "10.0.0")
    (clone.root / PETS).write_text("edited")
    said = clone.snakemake("-n")
    assert "trusted as plain Snakemake does, by time: Snakemake 10.0.0 is not known" in said
    assert "not what was made" not in said
