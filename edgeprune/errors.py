"""The one kind of error a user is meant to read, and the name that was probably meant."""

import contextlib
import difflib
from collections.abc import Callable, Iterable, Iterator
from os import PathLike

#: The packages of each extra of pyproject.toml, by the names under which they are imported.
EXTRAS = {
    "train": ("torch", "torchvision", "sklearn", "skimage", "PIL", "onnx", "onnxscript"),
    "measure": ("onnxruntime", "psutil"),
    "report": ("jinja2", "matplotlib", "pandas", "seaborn"),
    "pipeline": ("yaml", "jsonschema", "rich", "shtab", "snakemake", "dvc"),
}


class EdgepruneError(Exception):
    """Bad input or an impossible request, told in the user's terms.

    Args:
        problem: what is wrong, in one sentence.
        file: the file that holds the bad input, if there is one.
        key: the dotted key or option at fault, if there is one.
        remedy: what the user can do about it.

    Attributes:
        status: the exit code of a program that ends with it.
    """

    status = 1

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


def near(name: object, known: Iterable[object]) -> str:
    """`` (did you mean 'x'?)`` for the name among ``known`` that is most like ``name``; empty if none is like it."""
    written = {each.lower(): each for each in map(str, known)}
    found = difflib.get_close_matches(str(name).lower(), written, n=1)
    return f" (did you mean {written[found[0]]!r}?)" if found else ""


def _rebuild(
    cls: type[EdgepruneError], problem: str, file: str | PathLike[str] | None, key: str | None, remedy: str | None
) -> EdgepruneError:
    return cls(problem, file=file, key=key, remedy=remedy)


@contextlib.contextmanager
def extras(otherwise: str | None = None) -> Iterator[None]:
    """Turn an import that fails in the block, for want of a package of an extra, into a message with the way out.

    Args:
        otherwise: what the user can do without the package.

    Raises:
        EdgepruneError: the package is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        for extra, packages in EXTRAS.items():
            if package in packages:
                remedy = f"pip install 'edgeprune[{extra}]'" + (f", or {otherwise}" if otherwise else "")
                raise EdgepruneError(f"the {package} package is not installed", remedy=remedy) from error
        raise
