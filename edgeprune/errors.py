"""The one kind of error a user is meant to read."""

from collections.abc import Callable
from os import PathLike


class EdgepruneError(Exception):
    """Bad input or an impossible request, told in the user's terms.

    Args:
        problem: what is wrong, in one sentence.
        file: the file that holds the bad input, if there is one.
        key: the dotted key or option at fault, if there is one.
        remedy: what the user can do about it.
    """

    def __init__(
        self,
        problem: str,
        *,
        file: str | PathLike[str] | None = None,
        key: str | None = None,
        remedy: str | None = None,
    ) -> None:
        self.problem, self.file, self.key, self.remedy = problem, file, key, remedy
        where = ": ".join(str(part) for part in (file, key) if part)
        super().__init__((f"{where}: " if where else "") + problem + (f"\n  remedy: {remedy}" if remedy else ""))

    def __reduce__(self) -> tuple[Callable, tuple]:
        return _rebuild, (type(self), self.problem, self.file, self.key, self.remedy)


def _rebuild(
    cls: type[EdgepruneError], problem: str, file: str | PathLike[str] | None, key: str | None, remedy: str | None
) -> EdgepruneError:
    return cls(problem, file=file, key=key, remedy=remedy)
