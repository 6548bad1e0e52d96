"""Our reading and writing of Snakemake's job records against Snakemake's own, whatever version is installed."""

import json
import re
from pathlib import Path

import pytest
import snakemake
from snakemake import persistence
from snakemake.persistence.file import FilePersistence
from snakemake.settings.types import PersistenceBackend

from snakeledger import LedgerError, decide, ledger_file, records
from snakeledger.index import Seen

LONG = "results/" + "/".join("x" * 100 for _ in range(6)) + "/file.txt"
RECORD = {"rule": "make", "params": ["1"], "input": [], "endtime": 1795247291.0439076, "record_format_version": 6}


@pytest.fixture
def theirs(tmp_path):
    return FilePersistence(path=tmp_path / ".snakemake", nolock=True)


def test_the_installed_snakemake_is_one_that_is_known():
    """If this fails after an upgrade: compare snakemake/persistence with records.py, then add the format."""
    assert persistence.RECORD_FORMAT_VERSION in records.FORMATS
    backend = str(PersistenceBackend.FILE).lower()
    assert records.unsupported(snakemake.__version__, persistence.RECORD_FORMAT_VERSION, backend) is None
    assert tuple(map(int, snakemake.__version__.split(".")[:2])) <= records.TESTED
    assert set(records.KEPT) < set(persistence.MetadataRecord.model_fields)
    left = set(persistence.MetadataRecord.model_fields) - set(records.KEPT)
    assert left == {"starttime", "endtime", "job_hash", "incomplete", "external_jobid"}


def test_another_snakemake_is_named():
    assert "format 7" in records.unsupported("9.99", 7, "file")
    assert "format None" in records.unsupported("9.0", None, "file")
    assert "db" in records.unsupported("9.27.1", 6, "db")
    assert "below 10" in records.unsupported("10.0.0", 6, "file")


def test_one_module_touches_snakemake():
    package = Path(records.__file__).parent
    assert {p.name for p in package.glob("*.py") if re.search("^ *(import|from) snakemake", p.read_text(), re.M)} == {
        "workflow.py"
    }


@pytest.mark.parametrize("output", ["results/p/a.txt", LONG])
def test_records_go_both_ways(tmp_path, theirs, output):
    ours = records.Records(tmp_path)
    assert ours.read(output) is None
    assert ours.signature(output) is None
    ours.write(output, RECORD)
    read = theirs._read_record(output)
    assert (read.rule, read.params, read.endtime, read.incomplete) == ("make", ["1"], RECORD["endtime"], False)
    theirs._write_record(output, persistence.MetadataRecord(rule="use", endtime=2.5))
    assert ours.read(output)["rule"] == "use"


@pytest.mark.parametrize("output", ["results/p/a.txt", LONG])
def test_a_job_under_way_is_left_to_snakemake(tmp_path, theirs, output):
    assert not records.Records(tmp_path).is_incomplete(output)
    theirs._mark_incomplete(output, None)
    assert records.Records(tmp_path).is_incomplete(output)
    theirs._unmark_incomplete(output)
    assert not records.Records(tmp_path).is_incomplete(output)


def test_a_half_written_record_is_none(tmp_path, theirs):
    ours = records.Records(tmp_path)
    ours.write("a", RECORD)
    with open(ours.path("a"), "w") as stream:
        stream.write('{"rule": ')
    assert ours.read("a") is None


def entry(sha256="1" * 64, made=RECORD["endtime"], **record):
    return ledger_file.Entry(sha256, 1795247290.5, made, {"rule": "make", "params": ["1"], **record})


def test_a_ledger_has_a_line_for_each_job_and_comes_back_bit_for_bit(tmp_path):
    entries = {"b/2": entry(), "b/1": entry("2" * 64), "a": entry(rule="use", params=["ü"])}
    file = tmp_path / "provenance" / "make.jsonl"
    ledger_file.write(file, entries)
    assert len(file.read_text().splitlines()) == 3
    assert ledger_file.read(file) == entries
    before = file.stat().st_ino
    ledger_file.write(file, dict(reversed(entries.items())))
    assert file.stat().st_ino == before
    ledger_file.write(file, {})
    assert ledger_file.read(file) == {}


def test_a_ledger_of_the_earlier_name_is_read_and_left_as_it_is(tmp_path):
    file = tmp_path / "make.jsonl"
    ledger_file.write(file, {"a": entry()})
    earlier = file.read_text().replace('"snakeledger"', '"edgeprune.ledger"')
    file.write_text(earlier)
    assert ledger_file.read(file) == {"a": entry()}
    ledger_file.write(file, {"a": entry()})
    assert file.read_text() == earlier


def test_a_ledger_is_not_written_through_a_link(tmp_path):
    cached, file = tmp_path / "cached", tmp_path / "make.jsonl"
    ledger_file.write(cached, {"a": entry()})
    file.symlink_to(cached)
    ledger_file.write(file, {"b": entry()})
    assert set(ledger_file.read(cached)) == {"a"}


@pytest.mark.parametrize("text", ["", "{", '{"format": "edgeprune.ledger", "version": 2}', "[]\n[]"])
def test_what_is_no_ledger_is_refused(tmp_path, text):
    (tmp_path / "l.jsonl").write_text(text)
    with pytest.raises(LedgerError, match=r"l\.jsonl.*not a ledger"):
        ledger_file.read(tmp_path / "l.jsonl")


def judged(sha256="1" * 64, changed=RECORD["endtime"], record=RECORD, is_new=True, seen=None, entry=None, other=False):
    return decide.touched(sha256, changed, record, is_new, seen, entry, other).kind


def test_decisions():
    seen = Seen([], [], "1" * 64, RECORD["endtime"])
    other_content, touched = "2" * 64, RECORD["endtime"] + 1
    assert judged() == decide.ADOPT
    assert judged(changed=touched) == decide.DISTRUST
    assert judged(record=None) == decide.DISTRUST
    assert judged(record={**RECORD, "params": records.mark("edited")}) == decide.DISTRUST
    assert judged(other_content, is_new=False, seen=seen) == decide.DISTRUST
    assert judged(other_content, is_new=True, seen=seen) == decide.ADOPT  # a job made it anew
    assert judged(other_content, entry=entry()) == decide.DISTRUST
    assert judged(changed=touched, is_new=False, seen=seen) == decide.ADOPT
    assert judged(changed=touched, is_new=True, seen=seen) == decide.DISTRUST
    for record in (None, RECORD, {**RECORD, "params": records.mark("edited")}):
        assert judged(changed=touched, record=record, entry=entry()) == decide.RESTORE
    assert judged(entry=entry(made=1.0), other=True) == decide.RESTORE
    assert judged(entry=entry(made=1.0), other=False) == decide.ADOPT


def test_json_keeps_times_exactly(tmp_path):
    ledger_file.write(tmp_path / "l", {"a": entry(made=1795247291.0439076)})
    assert ledger_file.read(tmp_path / "l")["a"].made == json.loads("1795247291.0439076")
