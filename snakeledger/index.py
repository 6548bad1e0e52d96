"""What was seen of each result on this machine, so that a file is hashed again only if something touched it.

As in git's index: size, times of change of content and of status, and inode. Nobody can set the time of a status
change (ctime), so an edit shows that keeps size and time of content. The index is local; losing it costs hashing.
"""

import json
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Self

from snakeledger.files import write_text

VERSION = 1


def signature(path: str | Path) -> list[int] | None:
    """What tells one state of a file from another; None if there is no such file.

    Of a link into DVC's cache both the link and the file behind it count.
    """
    try:
        states = [os.lstat(path)]
        if stat.S_ISLNK(states[0].st_mode):
            states.append(os.stat(path))
    except OSError:
        return None
    return [part for s in states for part in (s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino)]


class Seen(NamedTuple):
    """A trusted result.

    Attributes:
        file: its signature.
        record: the signature of Snakemake's record of it, if there was one.
        sha256: of its content.
        made: as in the ledger, says which making of it this was.
    """

    file: list[int]
    record: list[int] | None
    sha256: str
    made: float


@dataclass
class Index:
    """``seen`` maps outputs to :class:`Seen`; ``ledgers`` ledger files to the sha256 they had, None if absent.

    ``settled``: every ledger could be read, and all that they vouch for was there and seen.
    """

    seen: dict[str, Seen] = field(default_factory=dict)
    ledgers: dict[str, str | None] = field(default_factory=dict)
    settled: bool = False

    @classmethod
    def load(cls, path: str | Path) -> Self:
        try:
            value = json.loads(Path(path).read_text(encoding="utf-8"))
            seen = {output: Seen(*parts) for output, parts in value["seen"].items()}
            return cls(seen, value["ledgers"], value.get("settled", False)) if value["version"] == VERSION else cls()
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return cls()

    def save(self, path: str | Path) -> None:
        value = {"version": VERSION, "settled": self.settled, "ledgers": self.ledgers, "seen": self.seen}
        write_text(path, json.dumps(value))
