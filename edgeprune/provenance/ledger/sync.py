"""Reconcile the results of one preset with their ledger and with Snakemake's records, before Snakemake plans."""

import contextlib
import fcntl
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from edgeprune import files
from edgeprune.errors import EdgepruneError
from edgeprune.provenance.ledger import decide, ledger_file, stale_inputs
from edgeprune.provenance.ledger.index import Index, Seen, signature
from edgeprune.provenance.ledger.records import KEPT, Records, is_marked, mark

MISSING = "it is missing"


@dataclass
class Outcome:
    """Numbers of results by what became of them; ``distrusted`` maps a file to the reason, ``missing`` is news only,
    ``absent`` are ledgers that are not here."""

    trusted: int = 0
    hashed: int = 0
    adopted: int = 0
    restored: int = 0
    elsewhere: int = 0
    distrusted: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)

    def said(self):
        """Lines for the user; none when all is as it was."""
        for path, why in list(self.distrusted.items())[:5]:
            yield f"provenance: {path}: {why}"
        bad = len(self.distrusted)
        if bad:
            yield (
                f"provenance: {bad} file{'s' * (bad > 1)} not trusted, the jobs that make them run again\n"
                "  remedy, if that is not wanted: `dvc checkout --force` brings back what is on record; "
                "`snakemake --touch FILE` accepts a file as it is"
            )
        if bad and self.absent:
            folder = Path(self.absent[0]).parent
            yield f"  results that were pulled one by one need the ledgers too: `dvc pull {folder}/<phase>.jsonl`"
        if self.missing:
            yield (
                f"provenance: missing: {self.missing[0]}" + " ..." * (len(self.missing) > 1) + f" ({len(self.missing)})"
                "; made again where the grid needs it, or `dvc checkout` brings it back"
            )
        yield from self.trouble


def reconcile(root, ledgers, fetched=lambda path: False):
    """Bring Snakemake's records into agreement with what lies there.

    Args:
        root: the working directory.
        ledgers: ``{ledger file: [results]}``, paths relative to ``root``; a result is a file or a folder.
        fetched: whether DVC's cache has a file that is neither here nor was ever seen here: then it was deleted, not
            left out of a pull.

    Returns:
        Outcome: everything that was decided.
    """
    with _alone(root):
        return _Reconciliation(Path(root), ledgers, fetched).run()


class _Reconciliation:
    def __init__(self, root, ledgers, fetched):
        self.root, self.ledgers, self.fetched = root, ledgers, fetched
        self.records, self.outcome = Records(root), Outcome()
        self.place = root / ".snakemake" / "provenance" / f"{_name(ledgers)}.json"
        self.index = Index.load(self.place)
        self.entries, self.changed, self.dirty = {}, set(), False
        self.content, self.times, self.signatures = {}, {}, {}

    def run(self):
        self._open_ledgers()
        verdicts = self._judge_files()
        for path, verdict in verdicts.items():
            self._act(path, verdict)
        self._see_to_the_missing(verdicts)
        if self.dirty:
            self._check_ancestry(verdicts)
            self._write_ledgers()
            self.index.save(self.place)
        return self.outcome

    def _open_ledgers(self):
        self.outcome.absent = [ledger for ledger in self.ledgers if not (self.root / ledger).exists()]
        for ledger in self.ledgers:
            try:
                self.entries[ledger] = ledger_file.read(self.root / ledger)
            except EdgepruneError as error:
                self.entries[ledger] = {}
                self.outcome.trouble.append(f"provenance: {error}")
            if self.index.ledgers.get(ledger) != self._digest(ledger):
                self.changed.add(ledger)
                self.dirty = True

    def _digest(self, ledger):
        return files.sha256(self.root / ledger) if (self.root / ledger).is_file() else None

    def _judge_files(self):
        """``{path: Verdict}`` of every result that is there; hashes only what was touched."""
        verdicts, unsure = {}, {}
        for ledger, results in self.ledgers.items():
            for path in _files(self.root, results):
                if self.records.is_incomplete(path):
                    continue
                self.signatures[path] = now = signature(self.root / path)
                if now is None:
                    continue
                self.times[path] = os.lstat(self.root / path).st_mtime
                seen, entry = self.index.seen.get(path), self.entries[ledger].get(path)
                if seen and seen.file == now:
                    self.content[path] = seen.sha256
                    if seen.record == self.records.signature(path):
                        verdicts[path] = decide.untouched(seen, entry, ledger in self.changed)
                        continue
                unsure[path] = ledger
        todo = [path for path in unsure if path not in self.content]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            self.content.update(zip(todo, pool.map(lambda path: files.sha256(self.root / path), todo)))
        self.outcome.hashed = len(todo)
        for path, ledger in unsure.items():
            seen = self.index.seen.get(path)
            verdicts[path] = decide.touched(
                self.content[path],
                self.times[path],
                self.records.read(path),
                not seen or seen.record != self.records.signature(path),
                seen,
                self.entries[ledger].get(path),
                ledger in self.changed,
            )
        return verdicts

    def _act(self, path, verdict):
        if verdict.kind == decide.TRUST:
            self.outcome.trusted += 1
            return
        self.dirty = True
        if verdict.kind == decide.DISTRUST:
            self._distrust(path, verdict.why)
            return
        entries = self._ledger_of(path)
        if verdict.kind == decide.RESTORE:
            self.outcome.restored += 1
            self._restore(path, entries[path])
            made = entries[path].made
        else:
            self.outcome.adopted += 1
            record = self.records.read(path)
            made = record["endtime"]
            kept = {key: record.get(key) for key in KEPT}
            entries[path] = ledger_file.Entry(self.content[path], record.get("starttime"), made, kept)
        self.index.seen[path] = Seen(self.signatures[path], self.records.signature(path), self.content[path], made)

    def _restore(self, path, entry):
        """The record, and the time at which the job had made the file: those times are in the order of the jobs."""
        with contextlib.suppress(PermissionError):  # a link to somebody else's file: then checksums decide
            nanoseconds = int(Decimal(entry.made) * 10**9)
            os.utime(self.root / path, ns=(nanoseconds, nanoseconds), follow_symlinks=False)
        self.signatures[path] = signature(self.root / path)
        self.times[path] = os.lstat(self.root / path).st_mtime
        self.records.write(path, {**entry.as_record(), "endtime": self.times[path]})

    def _distrust(self, path, why):
        self.outcome.distrusted[path] = why
        entry = self._ledger_of(path).get(path)
        record = self.records.read(path)
        if is_marked(record) and record["params"] == mark(why):
            return
        known = record or (entry.as_record() if entry else {"record_format_version": 6})
        self.records.write(
            path, {**known, "params": mark(why), "code": None, "input": None, "endtime": self.times.get(path)}
        )

    def _ledger_of(self, path):
        return self.entries[_owner(self.ledgers, path)]

    def _see_to_the_missing(self, verdicts):
        """Of files that the ledger or the index knows: deleted ones are made again, others were not pulled."""
        known = set(self.index.seen) | {path for entries in self.entries.values() for path in entries}
        for path in sorted(known - set(verdicts) - set(self.signatures)):
            if self.records.is_incomplete(path) or _owner(self.ledgers, path) is None:
                continue
            record, entry = self.records.read(path), self._ledger_of(path).get(path)
            if is_marked(record) and record["params"] == mark(MISSING):
                continue
            if path in self.index.seen or self.fetched(path):
                self.outcome.missing.append(path)
                self._distrust(path, MISSING)
                del self.outcome.distrusted[path]
            else:
                self.outcome.elsewhere += 1
                self.content[path] = entry.sha256
                if record is None or record.get("endtime") != entry.made:
                    self.records.write(path, entry.as_record())

    def _check_ancestry(self, verdicts):
        good = [p for p, v in verdicts.items() if v.kind != decide.DISTRUST]
        bad = set(verdicts) - set(good)
        content = {path: sha256 for path, sha256 in self.content.items() if path not in bad}

        def record_of(path):
            entry, seen = self._ledger_of(path).get(path), self.index.seen[path]
            return entry.record if entry and entry.made == seen.made else self.records.read(path)

        for path, file in list(stale_inputs.made_from_others(good, record_of, content, self.times)):
            self._distrust(path, f"made from another {file} than the one here")
            self.index.seen.pop(path)

    def _write_ledgers(self):
        for ledger, entries in self.entries.items():
            if entries or (self.root / ledger).exists():
                ledger_file.write(self.root / ledger, entries)
            self.index.ledgers[ledger] = self._digest(ledger)


def forget(root, ledgers):
    """Strike results that are not there from the ledgers: after a whole run they are of no grid any more."""
    with _alone(root):
        work = _Reconciliation(Path(root), ledgers, lambda path: False)
        work._open_ledgers()
        for entries in work.entries.values():
            for path in [p for p in entries if not os.path.lexists(Path(root) / p)]:
                if is_marked(work.records.read(path)):
                    del entries[path]
        work.index.seen = {p: seen for p, seen in work.index.seen.items() if os.path.lexists(Path(root) / p)}
        work._write_ledgers()
        work.index.save(work.place)


@contextlib.contextmanager
def _alone(root):
    """One reconciliation at a time in a working directory, where the file system can tell."""
    folder = Path(root) / ".snakemake" / "provenance"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w", encoding="utf-8") as stream:
        with contextlib.suppress(OSError):
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _files(root, results):
    """Files of results, relative to ``root``; hidden ones are somebody's temporary files."""
    for result in results:
        if (root / result).is_file():
            yield result
        for top, folders, names in os.walk(root / result):
            folders[:] = sorted(f for f in folders if not f.startswith("."))
            below = os.path.relpath(top, root)
            yield from (f"{below}/{name}" for name in sorted(names) if not name.startswith("."))


def _owner(ledgers, path):
    for ledger, results in ledgers.items():
        if any(path == result or path.startswith(result + "/") for result in results):
            return ledger
    return None


def _name(ledgers):
    """The preset: of results/<preset>/provenance/<phase>.jsonl."""
    return Path(next(iter(ledgers))).parts[1]
