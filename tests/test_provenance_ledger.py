"""The ledger on a toy workflow with the real Snakemake: what is trusted, what runs again, and that it says why."""

import hashlib
import os
import shutil

import pytest

from helpers.toyflow import LEDGERS, Toy
from snakeledger.index import Index
from snakeledger.reconcile import reconcile

ALL = {"make a", "make b", "use a", "use b", "join"}
OF_A = {"make a", "use a", "join"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    toy = Toy(tmp_path_factory.mktemp("toy"))
    assert toy.ran() == ALL
    toy.save("one")
    return toy


@pytest.fixture
def toy(finished, tmp_path):
    """A copy of the finished workflow with its times, as if it had been made there."""
    copy = Toy.__new__(Toy)
    copy.root, copy.versions = tmp_path / "work", finished.versions
    shutil.copytree(finished.root, copy.root)
    reconcile(copy.root, LEDGERS)
    yield copy
    for saved in finished.versions.iterdir():
        if saved.name != "one":
            shutil.rmtree(saved)


@pytest.fixture
def clone(toy):
    """Without what Snakemake or the index knew, with other times of change: after `git clone` and `dvc pull`."""
    shutil.rmtree(toy.root / ".snakemake")
    shutil.rmtree(toy.root / "results")
    toy.checkout("one")
    return toy


def flip_byte(path):
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)


def test_what_lies_untouched_is_not_hashed_again_and_no_ledger_is_read(toy, monkeypatch):
    monkeypatch.setattr("snakeledger.ledger_file.read", lambda path: pytest.fail(f"{path} was read"))
    outcome = reconcile(toy.root, LEDGERS)
    assert (outcome.trusted, outcome.hashed) == (7, 0)
    assert list(outcome.said()) == []
    assert "Nothing to be done" in toy.snakemake()


def test_what_dvc_fetched_but_did_not_put_in_place_is_told_though_nothing_else_happened(clone):
    clone.path("use/a.txt").unlink()
    assert not reconcile(clone.root, LEDGERS).missing  # not pulled
    assert not reconcile(clone.root, LEDGERS).missing
    outcome = reconcile(clone.root, LEDGERS, cached=lambda path: path if path.endswith("use/a.txt") else None)
    assert outcome.missing == ["results/p/use/a.txt"]


def test_a_ledger_that_was_damaged_and_checked_out_learns_what_was_made_meanwhile(toy):
    ledger = toy.root / "results/p/provenance/join.jsonl"
    whole = ledger.read_text()
    before = whole.partition("\n")[0] + "\n"  # as it was, and was seen, before the job ran
    place = toy.root / ".snakemake/provenance/results-p-provenance.json"
    index = Index.load(place)
    del index.seen["results/p/join/all.txt"]
    index.ledgers["results/p/provenance/join.jsonl"] = hashlib.sha256(before.encode()).hexdigest()
    index.save(place)
    ledger.write_text("damaged")
    assert reconcile(toy.root, LEDGERS).trouble
    ledger.write_text(before)
    reconcile(toy.root, LEDGERS)
    assert ledger.read_text() == whole


@pytest.mark.parametrize("link", [False, True])
def test_after_a_pull_into_a_clone_nothing_is_to_be_done(clone, link):
    if link:
        shutil.rmtree(clone.root / "results")
        clone.checkout("one", link=True)
    assert "Nothing to be done" in clone.snakemake("-n")
    assert "provenance:" not in clone.said
    assert "Migrating" not in clone.said
    assert reconcile(clone.root, LEDGERS).hashed == 0


def test_an_edit_is_seen_although_size_and_time_are_kept(toy):
    file = toy.path("make/a.txt")
    times = file.stat().st_atime_ns, file.stat().st_mtime_ns
    flip_byte(file)
    os.utime(file, ns=times)
    assert toy.planned() == OF_A
    assert "results/p/make/a.txt: its content is not what was made" in toy.said
    assert "untrusted" in toy.said  # Snakemake's own reason
    assert toy.ran() == OF_A
    assert file.read_text() == "a 1\n"
    assert "Nothing to be done" in toy.snakemake()


def test_an_edit_is_seen_when_the_index_is_lost(toy):
    file = toy.path("make/a.txt")
    times = file.stat().st_atime_ns, file.stat().st_mtime_ns
    flip_byte(file)
    os.utime(file, ns=times)
    shutil.rmtree(toy.root / ".snakemake/provenance")
    assert toy.planned() == OF_A


def test_an_edit_after_a_pull_and_its_undoing(clone):
    flip_byte(clone.path("use/b.txt"))
    assert clone.planned() == {"use b", "join"}
    clone.checkout("one", "use")
    assert "Nothing to be done" in clone.snakemake("-n")


def test_touching_is_no_edit(toy):
    toy.path("make/a.txt").touch()
    assert "Nothing to be done" in toy.snakemake("-n")
    assert "provenance:" not in toy.said


def test_touch_of_snakemake_accepts_a_file(toy):
    toy.path("join/all.txt").write_text("mine\n")
    assert toy.planned() == {"join"}
    toy.snakemake("--touch")
    assert "Nothing to be done" in toy.snakemake()
    assert toy.path("join/all.txt").read_text() == "mine\n"


def test_old_records_do_not_vouch_for_another_version(toy):
    """Run with 2, check out the results of 1, ask for 2 again: Snakemake's record of 2 is still there and agrees."""
    toy.configure(a=2)
    assert toy.ran() == OF_A
    toy.save("two")
    toy.checkout("one")
    assert toy.planned() == OF_A
    toy.configure(a=1)
    assert "Nothing to be done" in toy.snakemake("-n")
    toy.configure(a=2)
    toy.checkout("two")
    assert "Nothing to be done" in toy.snakemake("-n")


def test_nor_if_only_the_results_and_not_the_ledger_are_checked_out(toy):
    toy.configure(a=2)
    toy.ran()
    toy.checkout("one", "make", "use", "join")
    assert toy.planned() == OF_A
    assert toy.ran() == OF_A
    assert toy.path("join/all.txt").read_text() == "A 2\nB 1\n"


def test_a_failed_jobs_record_does_not_vouch_for_what_is_checked_out(toy):
    toy.configure(a=13)  # fails
    assert toy.ran(ok=False) == {"make a"}
    assert not toy.path("make/a.txt").exists()
    toy.checkout("one")
    toy.configure(a=1)
    assert "Nothing to be done" in toy.snakemake("-n")
    toy.configure(a=13)
    assert toy.planned() == OF_A


def test_a_result_of_another_input_runs_again_although_the_input_is_older(toy):
    """Snakemake compares an input's content only if the input is newer."""
    toy.configure(a=2)
    toy.ran()
    toy.save("two")
    toy.checkout("one")
    assert toy.planned() == OF_A  # the parameter is still 2
    toy.checkout("two", "make", "provenance/make.jsonl")
    old = toy.path("make/a.txt")
    os.utime(old, (1, 1))
    assert toy.planned() == {"use a", "join"}
    assert toy.ran() == {"use a", "join"}
    assert toy.path("join/all.txt").read_text() == "A 2\nB 1\n"


def test_equal_content_takes_the_record_that_was_checked_out(toy):
    """As after an edit of a comment: other parameters, the same bytes, and `dvc checkout` leaves the files alone."""
    toy.configure(note="y")
    assert toy.ran() == ALL
    toy.save("y")
    toy.configure(note="x")
    toy.checkout("one")
    assert "Nothing to be done" in toy.snakemake("-n")
    toy.configure(note="y")
    assert toy.planned() == ALL
    toy.checkout("y")
    assert "Nothing to be done" in toy.snakemake("-n")


@pytest.mark.parametrize("name", ["make/a.log", "make/a.txt"])
def test_a_deleted_file_is_made_again_although_nothing_asks_for_it(toy, name):
    toy.path(name).unlink()
    assert toy.planned() == OF_A
    assert toy.ran() == OF_A
    assert toy.path(name).exists()
    assert "Nothing to be done" in toy.snakemake()


def test_what_was_not_pulled_is_not_missed(clone):
    shutil.rmtree(clone.path("make"))
    clone.path("use/a.txt").unlink()
    assert "Nothing to be done" in clone.snakemake("-n")
    clone.configure(b=2)
    assert clone.planned() == ALL  # what was left out is needed now


def test_what_the_cache_has_was_deleted(clone):
    clone.path("use/a.txt").unlink()
    outcome = reconcile(clone.root, LEDGERS, cached=lambda path: path)
    assert outcome.missing == ["results/p/use/a.txt"]
    assert clone.planned() == {"use a", "join"}


def test_a_run_that_was_killed_before_its_end_is_adopted(toy):
    toy.configure(a=2)
    toy.snakemake("--no-hooks")
    toy.configure(a=3)
    toy.snakemake("--no-hooks", "--until", "make")
    ledger = toy.path("provenance/make.jsonl").read_text()
    toy.configure(a=2)
    assert toy.planned() == OF_A
    assert toy.path("provenance/make.jsonl").read_text() != ledger


def test_a_file_from_nowhere_is_not_trusted(toy):
    shutil.rmtree(toy.root / ".snakemake")
    shutil.rmtree(toy.path("provenance"))
    assert toy.planned() == ALL
    assert "nothing is known of how it was made" in toy.said


def test_records_from_before_the_ledger_are_adopted(toy):
    shutil.rmtree(toy.path("provenance"))
    shutil.rmtree(toy.root / ".snakemake/provenance")
    assert "Nothing to be done" in toy.snakemake("-n")
    assert toy.path("provenance/make.jsonl").exists()


def damage(ledger, how):
    """Let the ledger be lost, truncated, or wrong in one sum."""
    if how == "lost":
        ledger.unlink()
    elif how == "truncated":
        ledger.write_bytes(ledger.read_bytes()[:-20])
    else:
        text = ledger.read_text()
        start = text.index('": ["') + 5
        ledger.write_text(text[:start] + "0" * 64 + text[start + 64 :])


@pytest.mark.parametrize("how", ["lost", "truncated", "wrong"])
def test_a_damaged_ledger_is_rebuilt_from_index_and_records(toy, how):
    ledger = toy.path("provenance/use.jsonl")
    whole = ledger.read_bytes()
    damage(ledger, how)
    damaged = ledger.exists() and ledger.read_bytes()
    assert "Nothing to be done" in toy.snakemake("-n")
    assert how != "truncated" or ("is not a ledger" in toy.said and ledger.read_bytes() == damaged)
    reconcile(toy.root, LEDGERS, mend=True)
    assert ledger.read_bytes() == whole
    assert "Nothing to be done" in toy.snakemake()
    assert "provenance:" not in toy.said


def test_what_cannot_be_rebuilt_is_told_of_and_not_written_over(toy):
    ledger = toy.path("provenance/use.jsonl")
    damage(ledger, "truncated")
    damaged = ledger.read_bytes()
    shutil.rmtree(toy.root / ".snakemake")
    assert toy.planned() == {"use a", "use b", "join"}
    assert "use.jsonl: is not a ledger" in toy.said
    assert "dvc checkout" in toy.said
    assert ledger.read_bytes() == damaged
    assert toy.ran() == {"use a", "use b", "join"}
    assert "Nothing to be done" in toy.snakemake()
    assert "is not a ledger" not in toy.said


@pytest.mark.parametrize("how", ["lost", "truncated"])
def test_a_damaged_ledger_is_taken_from_the_cache(clone, how):
    """What was not pulled is in no index and has no file."""
    clone.path("make/a.txt").unlink()
    ledger, recorded = clone.path("provenance/make.jsonl"), clone.versions / "one/p/provenance/make.jsonl"
    damage(ledger, how)
    reconcile(clone.root, LEDGERS, {"results/p/provenance/make.jsonl": recorded}.get, mend=True)
    assert ledger.read_bytes() == recorded.read_bytes()
    assert "Nothing to be done" in clone.snakemake()


def test_results_of_no_grid_leave_the_ledger(toy):
    toy.path("use/a.txt").unlink()
    reconcile(toy.root, LEDGERS)
    assert "use/a.txt" in toy.path("provenance/use.jsonl").read_text()
    reconcile(toy.root, LEDGERS, forget=True)
    assert "use/a.txt" not in toy.path("provenance/use.jsonl").read_text()
