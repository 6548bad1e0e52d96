"""Which source files a script depends on, found without running anything.

Snakemake sees an edit of a rule, not of a module that the rule's script imports. So each rule carries the digests
of all modules of this project that its script reaches, by a static walk over the import statements, those inside
functions included; of a package, also of the templates that lie in it. An edit then reruns exactly the jobs whose
script reaches the edited file. This package may be installed: what lies beside it there is not followed.
"""

import ast
import contextlib
import hashlib
import os
import sys
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from edgeprune.errors import EdgepruneError
from edgeprune.networks.spec import is_file

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = __name__.partition(".")[0]
#: What may lie in a package of templates.
TEMPLATES = (".j2", ".css", ".js")


def digests(*entries: str, root: str | Path = ROOT) -> list[str]:
    """:meth:`Sources.digests` of the files as they are now."""
    return Sources(root).digests(*entries)


class Sources:
    """The source files of a project. Each is read, and what it imports is looked up, when it is first reached.

    Args:
        root: the folder that holds this package; the project's is the working directory.
    """

    def __init__(self, root: str | Path = ROOT) -> None:
        self.root, self.project = Path(root).resolve(), Path.cwd()
        self._digests: dict[Path, str] = {}
        self._imported: dict[Path, list[Path]] = {}
        self._listings: dict[str, frozenset[str]] = {}

    def digests(self, *entries: str) -> list[str]:
        """``"path@digest"`` of every source file that ``entries`` reach, sorted.

        Paths are relative to ``root`` or to the working directory, or absolute.

        Args:
            entries: scripts (relative to the working directory) or factories: ``path/file.py:name``, relative to it
                too, as :mod:`edgeprune.networks.resolve` takes it, or ``package.module:name``. An installed module
                (torchvision's, say) is left to the pinned requirements.

        Raises:
            EdgepruneError: a file that an entry names cannot be read.
        """
        found: set[Path] = set()
        todo = [path for entry in entries for path in self._named(entry)]
        while todo:
            path = todo.pop()
            if path not in found:
                found.add(path)
                todo += self._imports(path)
        return sorted(f"{self._label(path)}@{self._digests[path]}" for path in found)

    def _named(self, entry: str) -> list[Path]:
        place, factory, _ = entry.rpartition(":")
        if not factory:
            return [Path(os.path.abspath(entry))]
        if is_file(place):
            return [Path(os.path.abspath(place))]
        places = (self._own(place), *(self._files_of(folder, place) for folder in _import_folders()))
        return next(filter(None, places), [])

    def _files_of(self, folder: Path, module: str) -> list[Path]:
        """A dotted module's file below ``folder``, and those of the packages around it: their ``__init__`` runs too."""
        place, files = str(folder), list[Path]()
        for part in module.split("."):
            stem = os.path.join(place, part)
            for above, name in ((place, f"{part}.py"), (stem, "__init__.py")):
                if name in self._listing(above) and os.path.isfile(file := os.path.join(above, name)):
                    files.append(Path(file))
            if not self._listing(stem):
                break  # another's module, as most are: nothing of it lies here
            place = stem
        return files

    def _listing(self, folder: str) -> frozenset[str]:
        """What is in a folder; each is read once, and asked for the name of each import."""
        if folder not in self._listings:
            with contextlib.suppress(OSError):
                self._listings[folder] = frozenset(os.listdir(folder))
            self._listings.setdefault(folder, frozenset())
        return self._listings[folder]

    def _home(self, module: str) -> Path:
        return self.root if module.partition(".")[0] == PACKAGE else self.project

    def _own(self, module: str) -> list[Path]:
        return self._files_of(self._home(module), module)

    def _top(self, path: Path) -> Path | None:
        return next((top for top in (self.root, self.project) if path.is_relative_to(top)), None)

    def _label(self, path: Path) -> str:
        top = self._top(path)
        return path.relative_to(top).as_posix() if top else str(path)

    def _imports(self, path: Path) -> list[Path]:
        if path not in self._imported:
            content = _read(path)
            self._digests[path] = hashlib.sha256(content).hexdigest()[:16]
            self._imported[path] = [] if path.suffix in TEMPLATES else self._look_up(path, content)
        return self._imported[path]

    def _look_up(self, path: Path, content: bytes) -> list[Path]:
        beside = path.parent.iterdir() if path.name == "__init__.py" else ()
        found = [file for file in beside if file.suffix in TEMPLATES]
        try:
            imports, _ = _parse(content)
        except (SyntaxError, ValueError):
            return found  # the job itself will say so, with the line
        top = self._top(path) or Path(path.anchor)
        package = path.parent.relative_to(top).parts
        for level, module, names in imports:
            if level:  # from .module import names
                start = ".".join([*package[: len(package) - level + 1], *filter(None, [module])])
                for name in [start, *(f"{start}.{n}" for n in names)]:
                    found += self._files_of(top, name)
                continue
            exports = self._exports(module)
            reached = [module, *(f"{module}.{n}" for n in names)]
            reached += [exports[n] for n in names if n in exports] if names else exports.values()
            for name in reached:
                found += self._own(name)
                # a module beside a user's own file, imported the way Python does when that folder is on the path
                found += self._files_of(path.parent, name) if path.parent != top else []
        return found

    def _exports(self, package: str) -> dict[str, str]:
        """The literal `_EXPORTS` of a package that imports its public names on first use."""
        path = self._home(package).joinpath(*package.split("."), "__init__.py")
        return _parse(_read(path))[1] if path.is_file() else {}


def _import_folders() -> list[Path]:
    """Where this process imports from, without what is installed."""
    installed = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    folders = [os.path.abspath(folder) for folder in sys.path]
    return [Path(f) for f in folders if f not in installed and not f.endswith(("-packages", "lib-dynload"))]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise EdgepruneError(
            f"cannot be read: {error.strerror or error}", file=path, remedy="correct the name, or put the file there"
        ) from error


@cache
def _parse(source: bytes) -> tuple[list[tuple[int, str, tuple[str, ...]]], dict[str, str]]:
    """``([(level, module, names)], _EXPORTS)`` of a module's text; names are empty for ``import module``."""
    tree, imports, exports = ast.parse(source), [], {}
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            imports += [(0, alias.name, ()) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            imports.append((node.level, node.module or "", tuple(alias.name for alias in node.names)))
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == "_EXPORTS":
            with contextlib.suppress(ValueError):  # somebody else's, of another kind
                exports = dict(ast.literal_eval(node.value))
    return imports, exports


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """All statements below a node. Most of a tree is expressions, in which nothing is imported."""
    for field in ("body", "handlers", "orelse", "finalbody", "cases"):
        for statement in getattr(node, field, ()):
            yield statement
            yield from _statements(statement)
