"""The decision for one result: trust it as it lies there, give it back what the ledger knows, or have it made again."""

from dataclasses import dataclass
from typing import Any

from snakeledger.index import Seen
from snakeledger.ledger_file import Entry
from snakeledger.records import is_marked

TRUST, ADOPT, RESTORE, DISTRUST = "trust", "adopt", "restore", "distrust"


@dataclass(frozen=True, slots=True)
class Verdict:
    """``kind`` is one of the four above; ``why`` says what is wrong with a distrusted file."""

    kind: str
    why: str = ""


def untouched(seen: Seen, entry: Entry | None, ledger_changed: bool) -> Verdict:
    """Of a file and record that are as they were last seen trusted.

    Args:
        entry: the ledger's.
        ledger_changed: whether the ledger is another than the one this machine wrote or read last, as after
            `dvc checkout`. If it knows the same content from another making, that is what the checked-out
            configuration belongs to.
    """
    other_making = entry is not None and entry.sha256 == seen.sha256 and entry.made != seen.made
    return Verdict(RESTORE if ledger_changed and other_making else TRUST)


def touched(
    sha256: str,
    changed: float,
    record: dict[str, Any] | None,
    record_is_new: bool,
    seen: Seen | None,
    entry: Entry | None,
    ledger_changed: bool,
) -> Verdict:
    """Of any other file that is there.

    Args:
        sha256: of its content.
        changed: its time of change, in seconds, as Snakemake reads it.
        record: Snakemake's, or None.
        record_is_new: whether the record is another than the one seen last.
        seen, entry, ledger_changed: as above.
    """
    genuine = record is not None and not is_marked(record)
    # A record whose time is the file's was written when a job had made the file, unless what is known of that very
    # making says that its content was another: then somebody edited it and set the time back.
    fresh = genuine and (record or {}).get("endtime") == changed
    if fresh and seen and not record_is_new and seen.sha256 != sha256:
        fresh = False
    if fresh and entry and entry.made == changed and entry.sha256 != sha256:
        fresh = False
    known = entry is not None and entry.sha256 == sha256
    if fresh and not (ledger_changed and known):
        return Verdict(ADOPT)
    if known:
        return Verdict(RESTORE)
    if genuine and seen and not record_is_new and seen.sha256 == sha256:
        return Verdict(ADOPT)  # only touched; its making is not in the ledger yet
    if entry is None and seen is None:
        return Verdict(DISTRUST, "changed after it was made" if genuine else "nothing is known of how it was made")
    return Verdict(DISTRUST, "its content is not what was made: edited, or of another version")
