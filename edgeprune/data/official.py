"""What the loaders of published data sets share: the archives, and where their files lie in them."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from edgeprune.data.download import download
from edgeprune.data.layout import SUFFIXES
from edgeprune.data.request import Request
from edgeprune.data.settings import address_of, locate
from edgeprune.data.tree import ARCHIVES, Names, Together, Tree, open_tree

_REMEDY = "give the official archives, or the folder that they unpack to"


class Published:
    """The files of a published data set, whatever folders wrap them."""

    def __init__(self, request: Request, tree: Tree, origin: dict[str, Any]) -> None:
        self.request, self.tree, self.origin = request, tree, {"source": request.settings["source"], **origin}
        self.files, _ = tree.list()

    def above(self, *tail: str) -> Names:
        """The folder that the path ``tail`` starts from.

        Raises:
            EdgepruneError: there is no such file.
        """
        for names in sorted(self.files, key=len):
            if names[-len(tail) :] == tail:
                return names[: -len(tail)]
        raise self.request.error(f"there is no {'/'.join(tail)}", remedy=_REMEDY, file=self.tree.path)

    def image_files(self, *folders: Names) -> list[Names]:
        """The images right in the first of the folders (the ends of their paths) that has any, in order of name."""
        for folder in folders:
            low = tuple(name.lower() for name in folder)
            inside = [n for n in self.files if tuple(name.lower() for name in n[-len(low) - 1 : -1]) == low]
            if found := sorted(names for names in inside if names[-1].lower().endswith(SUFFIXES)):
                return found
        wanted = " or ".join("/".join(folder) for folder in folders)
        raise self.request.error(f"there is no image in a folder {wanted}", remedy=_REMEDY, file=self.tree.path)

    def lines(self, *names: Names) -> list[list[list[str]]]:
        """The words of the lines of text files; those that start with # are left out."""
        texts = self.contents(names)
        rows = [[line.split() for line in texts[name].decode().splitlines()] for name in names]
        return [[words for words in found if words and not words[0].startswith("#")] for found in rows]

    def contents(self, wanted: Iterable[Names]) -> dict[Names, bytes]:
        """The files of these names.

        Raises:
            EdgepruneError: one is missing.
        """
        wanted = {self.file(names) for names in wanted}
        return dict(self.tree.read(wanted))

    def file(self, names: Names) -> Names:
        """``names``, or an error if there is no such file."""
        if names not in self.files:
            raise self.request.error(f"there is no {'/'.join(names)}", remedy=_REMEDY, file=self.tree.path)
        return names


def local(request: Request) -> Published:
    """The data set at the settings ``path`` or ``url``: an archive, or a folder of files and archives."""
    path, origin = locate(request)
    return Published(request, _open(path), origin)


def fetched(request: Request, archives: Mapping[str, str]) -> Published:
    """The data set at the setting ``path``, or downloaded.

    Args:
        archives: {official address: MD5}; the setting ``mirror`` names another folder with the same files.
    """
    if "path" in request.settings:
        return local(request)
    trees, names = [], [address.rpartition("/")[2] for address in archives]
    mirror = address_of(request, " and ".join(names))
    for name, (address, expected) in zip(names, archives.items()):
        url = f"{mirror}/{name}" if mirror else address
        key = f"datasets.{request.name}" + ".mirror" * bool(mirror)
        trees.append(open_tree(download(url, request.downloads, expected, key)))
    origin = {"archives": dict(zip(names, archives.values()))}
    return Published(request, Together(request.downloads, trees), origin)


def _open(path: Path) -> Tree:
    tree = open_tree(path)
    inside = [names for names in tree.list()[0] if len(names) == 1 and names[0].lower().endswith(ARCHIVES)]
    if path.is_dir() and inside:
        return Together(path, [tree, *(open_tree(path / names[0]) for names in sorted(inside))])
    return tree
