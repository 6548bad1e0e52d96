"""What became of the results, and what the user is told of it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Outcome:
    """``trusted`` and ``hashed`` are numbers of results; ``distrusted`` maps a file to the reason, ``missing`` is news
    only, ``absent`` are ledgers that are not here."""

    trusted: int = 0
    hashed: int = 0
    distrusted: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)

    def said(self) -> Iterator[str]:
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
