"""The one kind of error that this package raises on purpose."""

from pathlib import Path


class LedgerError(Exception):
    """A file that cannot be used: which, why, and what the user can do about it."""

    def __init__(self, problem: str, *, file: str | Path, remedy: str) -> None:
        super().__init__(f"{file}: {problem}\n  remedy: {remedy}")
