"""A ledger file: a header, then one line of JSON for each job, with the sha256 and times of each of its outputs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snakeledger.errors import LedgerError
from snakeledger.files import write_text

FORMAT = {"format": "snakeledger", "version": 1}
#: What is read: the second is the same under an earlier name.
READ = (FORMAT, {"format": "edgeprune.ledger", "version": 1})


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of one output.

    Attributes:
        sha256: of its content.
        started, made: when its job started, and the file's time of change at the job's end (seconds since 1970). The
            latter also tells one making of a file from another.
        record: the job's record, without times; shared by all outputs of a job.
    """

    sha256: str
    started: float | None
    made: float
    record: dict[str, Any]

    def as_record(self) -> dict[str, Any]:
        """Snakemake's record."""
        return {**self.record, "starttime": self.started, "endtime": self.made}


def read(path: str | Path) -> dict[str, Entry]:
    """``{output: Entry}`` of a ledger file; empty if there is none.

    Raises:
        LedgerError: the file is not a ledger, or of an unknown version.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
        header, jobs = json.loads(lines[0]), [json.loads(line) for line in lines[1:]]
        if header not in READ:
            raise ValueError(f"header {header}")
        return {
            output: Entry(sha256, started, made, job["record"])
            for job in jobs
            for output, (sha256, started, made) in job["outputs"].items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, IndexError, KeyError, TypeError, AttributeError) as error:
        remedy = "`dvc checkout` brings the recorded one back; without it results are made again"
        raise LedgerError(f"is not a ledger of results ({error})", file=path, remedy=remedy) from error


def write(path: str | Path, entries: Mapping[str, Entry]) -> None:
    """Write ``{output: Entry}`` if that differs from what the file holds; equal entries give equal bytes."""
    jobs: dict[str, dict[str, Entry]] = {}
    for output, entry in sorted(entries.items()):
        record = json.dumps(entry.record, sort_keys=True, ensure_ascii=False)
        jobs.setdefault(record, {})[output] = entry
    lines = []
    for record, outputs in sorted(jobs.items(), key=lambda job: next(iter(job[1]))):
        listed = {output: [e.sha256, e.started, e.made] for output, e in outputs.items()}
        lines.append(f'{{"outputs": {json.dumps(listed, ensure_ascii=False)}, "record": {record}}}')
    held = Path(path).read_text(encoding="utf-8") if Path(path).exists() else None
    texts = ["".join(f"{line}\n" for line in [json.dumps(header), *lines]) for header in READ]
    if held not in texts:
        write_text(path, texts[0])
