"""Reconcile the results of a pipeline with their ledgers and with Snakemake's records, before Snakemake plans."""

import contextlib
import fcntl
import functools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

from snakeledger import decide, ledger_file
from snakeledger.decide import Verdict
from snakeledger.errors import LedgerError
from snakeledger.files import sha256
from snakeledger.index import Index, Seen, signature
from snakeledger.ledger_file import Entry
from snakeledger.outcome import Outcome
from snakeledger.records import FORMATS, KEPT, Records, is_marked, mark

MISSING = "it is missing"
#: ``{ledger file: [results]}``, paths relative to the working directory; a result is a file or a folder.
Ledgers = Mapping[str, Sequence[str]]


def reconcile(
    root: str | Path,
    ledgers: Ledgers,
    cached: Callable[[str], Path | None] = lambda path: None,
    *,
    mend: bool = False,
    forget: bool = False,
) -> Outcome:
    """Bring Snakemake's records into agreement with what lies there.

    Args:
        root: the working directory.
        ledgers: of the pipeline, and the results that each vouches for.
        cached: where DVC's cache has what is on record of a file, or None. A result that it has, and that neither is
            nor was ever seen here, was deleted, not left out of a pull; a lost or damaged ledger is read there.
        mend: write over ledgers that cannot be read, after a run; until then `dvc checkout` may bring them back.
        forget: strike what is missing from the ledgers: after a whole run no job makes it any more.

    Returns:
        Outcome: everything that was decided.

    Raises:
        LedgerError: a ledger cannot be written.
    """
    folder = Path(root) / ".snakemake" / "provenance"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w", encoding="utf-8") as stream:
        with contextlib.suppress(OSError):  # one at a time in a working directory, where the file system can tell
            fcntl.flock(stream, fcntl.LOCK_EX)
        return _Reconciliation(Path(root), ledgers, cached).run(mend, forget)


class _Reconciliation:
    """State of one reconciliation.

    Attributes:
        entries: ``{path: Entry}`` of all ledgers together; ``changed`` are ledgers that another hand has written,
            ``unreadable`` those that it has damaged.
        signatures, times: of each result that is there; ``content``: the sha256 of each that is known, here or not.
        dirty: whether anything differs from the last time.
    """

    def __init__(self, root: Path, ledgers: Ledgers, cached: Callable[[str], Path | None]) -> None:
        self.root, self.ledgers, self.cached = root, ledgers, cached
        self.records, self.outcome = Records(root), Outcome()
        folder = os.path.dirname(next(iter(ledgers), "")).replace("/", "-")
        self.place = root / ".snakemake" / "provenance" / f"{folder}.json"
        self.index = Index.load(self.place)
        self.entries: dict[str, Entry] = {}
        self.changed: set[str] = set()
        self.unreadable: set[str] = set()
        self.dirty = False
        self.signatures: dict[str, list[int]] = {}
        self.times: dict[str, float] = {}
        self.content: dict[str, str] = {}

    def run(self, mend: bool, forget: bool) -> Outcome:
        if not forget and self._is_as_it_was():
            return self.outcome
        for ledger in self.ledgers:
            self._open(ledger)
        verdicts = self._verdicts()
        for path, verdict in verdicts.items():
            self._act(path, verdict)
        self._see_to_the_missing()
        if self.dirty:
            self._distrust_what_other_inputs_made([p for p, v in verdicts.items() if v.kind != decide.DISTRUST])
        if forget:
            self._forget()
        settled = not self.unreadable and self.entries.keys() <= self.index.seen.keys()
        if self.dirty or settled != self.index.settled:
            self.index.settled = settled
            for ledger in self.ledgers:
                if mend or ledger not in self.unreadable:
                    self._close(ledger)
            self.index.save(self.place)
        return self.outcome

    @functools.cached_property
    def found(self) -> dict[str, str]:
        """:func:`files_of` all ledgers; the folders are walked once."""
        return files_of(self.root, self.ledgers)

    def _is_as_it_was(self) -> bool:
        """Whether ledgers, results and records are those of the last time, and complete: then no ledger is parsed."""
        absent = [ledger for ledger in self.ledgers if not (self.root / ledger).exists()]
        known, seen = self.index.ledgers, self.index.seen
        same = (
            self.index.settled
            and all(known.get(ledger, "") == self._digest(ledger) for ledger in self.ledgers)
            and not any(self.cached(ledger) for ledger in absent)
            and seen.keys() == self.found.keys()
            and all(self._is_untouched(path, seen[path]) for path in seen)
        )
        if same:
            self.outcome.trusted, self.outcome.absent = len(seen), absent
        return same

    def _is_untouched(self, path: str, seen: Seen) -> bool:
        incomplete = self.records.is_incomplete(path)
        state = [seen.file, seen.record]
        return not incomplete and state == [signature(self.root / path), self.records.signature(path)]

    def _open(self, ledger: str) -> None:
        path, recorded = self.root / ledger, self.cached(ledger)
        if not path.exists():
            self.outcome.absent.append(ledger)
        try:
            self.entries.update(ledger_file.read(path if path.exists() or not recorded else recorded))
        except LedgerError as error:
            self.outcome.trouble.append(f"provenance: {error}")
            self.unreadable.add(ledger)
            with contextlib.suppress(LedgerError):
                self.entries.update(ledger_file.read(recorded) if recorded else {})
        if self.index.ledgers.get(ledger) != self._digest(ledger):
            self.dirty = True
            if path.exists():
                self.changed.add(ledger)
        if ledger in self.unreadable:
            self.dirty = True
            self.changed.discard(ledger)

    def _close(self, ledger: str) -> None:
        entries = {path: entry for path, entry in self.entries.items() if owner(self.ledgers, path) == ledger}
        if entries or (self.root / ledger).exists():
            ledger_file.write(self.root / ledger, entries)
        self.index.ledgers[ledger] = self._digest(ledger)

    def _digest(self, ledger: str) -> str | None:
        return sha256(self.root / ledger) if (self.root / ledger).is_file() else None

    def _verdicts(self) -> dict[str, Verdict]:
        """``{path: Verdict}`` of every result that is there; hashes only what was touched."""
        verdicts, unsure = {}, {}
        for path, ledger in self.found.items():
            state = signature(self.root / path)
            if state is None or self.records.is_incomplete(path):
                continue
            self.signatures[path], self.times[path] = state, os.lstat(self.root / path).st_mtime
            seen = self.index.seen.get(path)
            if seen and seen.file == state:
                self.content[path] = seen.sha256
                if seen.record == self.records.signature(path):
                    verdicts[path] = decide.untouched(seen, self.entries.get(path), ledger in self.changed)
                    continue
            unsure[path] = ledger
        todo = [path for path in unsure if path not in self.content]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            self.content.update(zip(todo, pool.map(lambda path: sha256(self.root / path), todo)))
        self.outcome.hashed = len(todo)
        for path, ledger in unsure.items():
            seen = self.index.seen.get(path)
            verdicts[path] = decide.touched(
                self.content[path],
                self.times[path],
                self.records.read(path),
                not seen or seen.record != self.records.signature(path),
                seen,
                self.entries.get(path),
                ledger in self.changed,
            )
        return verdicts

    def _act(self, path: str, verdict: Verdict) -> None:
        if verdict.kind == decide.TRUST:
            self.outcome.trusted += 1
            self._vouch(path)
            return
        self.dirty = True
        if verdict.kind == decide.DISTRUST:
            self.outcome.distrusted[path] = verdict.why
            self._mark(path, verdict.why)
            return
        if verdict.kind == decide.RESTORE:
            self._restore(path, self.entries[path])
        else:
            record = self.records.read(path) or {}
            self.entries[path] = as_entry(record, self.content[path], record["endtime"])
        made, record = self.entries[path].made, self.records.signature(path)
        self.index.seen[path] = Seen(self.signatures[path], record, self.content[path], made)

    def _vouch(self, path: str) -> None:
        """Of a trusted result: let the ledger say what the index knows, if it was lost or says another thing."""
        seen, entry = self.index.seen[path], self.entries.get(path)
        if entry is None or (entry.sha256, entry.made) != (seen.sha256, seen.made):
            record = self.records.read(path)
            if record:
                self.dirty = True
                self.entries[path] = as_entry(record, seen.sha256, seen.made)

    def _restore(self, path: str, entry: Entry) -> None:
        """The record, and the time at which the job had made the file: those times are in the order of the jobs."""
        with contextlib.suppress(PermissionError):  # a link to somebody else's file: then checksums decide
            nanoseconds = int(Decimal(entry.made) * 10**9)
            os.utime(self.root / path, ns=(nanoseconds, nanoseconds), follow_symlinks=False)
        self.signatures[path] = signature(self.root / path) or []
        self.times[path] = os.lstat(self.root / path).st_mtime
        self.records.write(path, {**entry.as_record(), "endtime": self.times[path]})

    def _mark(self, path: str, why: str) -> None:
        """Let Snakemake make the file again, for that reason."""
        entry, record = self.entries.get(path), self.records.read(path)
        if record is None or record.get("params") != mark(why):
            known = record or (entry.as_record() if entry else {"record_format_version": FORMATS[-1]})
            changes = {"params": mark(why), "code": None, "input": None, "endtime": self.times.get(path)}
            self.records.write(path, {**known, **changes})

    def _see_to_the_missing(self) -> None:
        """Of files that the ledger or the index knows: deleted ones are made again, others were not pulled."""
        for path in sorted((set(self.index.seen) | set(self.entries)) - set(self.signatures)):
            if self.records.is_incomplete(path) or owner(self.ledgers, path) is None:
                continue
            record = self.records.read(path)
            marked = record is not None and record.get("params") == mark(MISSING)
            if not marked and (path in self.index.seen or self.cached(path)):
                self._mark(path, MISSING)
                self.outcome.missing.append(path)
            elif not marked:
                entry = self.entries[path]
                self.content[path] = entry.sha256
                if record is None or record.get("endtime") != entry.made:
                    self.records.write(path, entry.as_record())

    def _distrust_what_other_inputs_made(self, good: Iterable[str]) -> None:
        """Of trusted results: those made from another content of an input than the one that lies there now.

        Snakemake asks this only of inputs that are newer than the result. After a checkout of some files but not of
        others an input can be older and yet another than the one the result was made from.
        """
        bad = set(self.signatures) - set(good)
        for path in good:
            entry, seen = self.entries.get(path), self.index.seen[path]
            record = entry.record if entry and entry.made == seen.made else self.records.read(path)
            for file, checksum in ((record or {}).get("input_checksums") or {}).items():
                actual = None if file in bad else self.content.get(file)
                newer = self.times.get(file, 0) > self.times[path]  # Snakemake sees that itself
                if actual and checksum not in (actual, f"sha256:{actual}") and not newer:
                    self.outcome.distrusted[path] = f"made from another {file} than the one here"
                    self._mark(path, self.outcome.distrusted[path])
                    del self.index.seen[path]
                    break

    def _forget(self) -> None:
        gone = [path for path in {**self.entries, **self.index.seen} if not os.path.lexists(self.root / path)]
        for path in gone:
            if self.index.seen.pop(path, None) or is_marked(self.records.read(path)):
                self.entries.pop(path, None)
                self.dirty = True


def as_entry(record: Mapping[str, Any], sha256: str, made: float) -> Entry:
    """Of Snakemake's record of a result."""
    return Entry(sha256, record.get("starttime"), made, {key: record.get(key) for key in KEPT})


def files_of(root: str | Path, ledgers: Ledgers) -> dict[str, str]:
    """``{path relative to root: its ledger}`` of every file that is there; hidden ones are somebody's temporary files.

    A folder that is an output itself, by Snakemake's ``directory()``, has no record for each file and is left out.
    """
    found = {}
    for ledger, results in ledgers.items():
        for result in results:
            if os.path.isfile(os.path.join(root, result)):
                found[result] = ledger
            for top, folders, names in os.walk(os.path.join(root, result)):
                if ".snakemake_timestamp" in names:
                    folders.clear()
                    continue
                folders[:] = sorted(f for f in folders if not f.startswith("."))
                below = os.path.relpath(top, root)
                found.update({f"{below}/{name}": ledger for name in sorted(names) if not name.startswith(".")})
    return found


def owner(ledgers: Ledgers, path: str) -> str | None:
    """The ledger that a result belongs to, or None."""
    for ledger, results in ledgers.items():
        if any(path == result or path.startswith(result + "/") for result in results):
            return ledger
    return None
