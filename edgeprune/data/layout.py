"""Find the splits of the user's own images in a tree of files, and their classes; refuse what does not fit."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from edgeprune.data.progress import say
from edgeprune.data.request import Request
from edgeprune.data.tree import Names, Tree

SPLIT_NAMES = {"train": "train", "test": "test", "val": "val", "valid": "val", "validation": "val"}
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm", ".pnm")
_LAYOUT = "the layout is <split>/<class>/<image>, with splits train, test and, if you like, val"


def find_layout(tree: Tree, request: Request) -> tuple[list[str], dict[str, list[tuple[Names, int]]]]:
    """Sort the images of a tree by split and class.

    Args:
        tree: from :func:`edgeprune.data.tree.open_tree`; one folder may wrap the splits.
        request: for messages, and for ``test_fraction``.

    Returns:
        tuple: the class names, sorted by code point, and {split: [(names, label)]}, sorted by class and name.

    Raises:
        EdgepruneError: a split is missing, a folder is misplaced, a class is empty or is not in train, or there is
            only one class.
    """
    files, folders, root, splits = find_splits(tree, request, _LAYOUT)
    depth = len(root)
    classes = {split: {} for split in splits.values()}
    for names in folders:
        if len(names) == depth + 2 and names[:depth] == root:
            classes[splits[names[depth]]][names[-1]] = []
        elif len(names) > depth + 2 and names[:depth] == root:
            raise request.error(
                "a folder lies inside a class", remedy=f"move its images up: {_LAYOUT}", file=tree.name(names)
            )
    skipped = []
    for names in sorted(files):
        if len(names) == depth + 3 and names[-1].lower().endswith(SUFFIXES):
            classes[splits[names[depth]]][names[depth + 1]].append(names)
        else:
            skipped.append(names)
    if skipped:
        example = tree.name(skipped[0])
        say(f"{request.name}: {len(skipped)} files are not images in a class and were left out, e.g. {example}")
    _check(tree, request, splits, root, classes)
    names = sorted(classes["train"])
    label = {name: index for index, name in enumerate(names)}
    images = {
        split: [(image, label[name]) for name in sorted(found) for image in found[name]]
        for split, found in classes.items()
    }
    return names, images


def unsplit(tree: Tree) -> Tree:
    """A tree whose folders are no splits, as one of which everything is the split train; any other as it is.

    One folder may wrap it all.
    """
    files, folders = tree.list()
    root = wrapper(folders | {names[:depth] for names in files for depth in range(1, len(names))})
    inside = {names[len(root)] for names in files | folders if len(names) > len(root)}
    return tree if inside & SPLIT_NAMES.keys() else _Training(tree, root)


class _Training:
    """The files of a tree below ``root``, below a folder ``train``."""

    def __init__(self, tree: Tree, root: Names) -> None:
        self.path, self._tree, self._root = tree.path, tree, root

    def _inner(self, names: Names) -> Names:
        return ("train", *names[len(self._root) :])

    def _outer(self, names: Names) -> Names:
        return (*self._root, *names[1:])

    def list(self) -> tuple[set[Names], set[Names]]:
        files, folders = self._tree.list()
        depth = len(self._root)
        return (
            {self._inner(names) for names in files if names[:depth] == self._root},
            {self._inner(names) for names in folders if names[:depth] == self._root and len(names) > depth},
        )

    def read(self, wanted: Collection[Names]) -> Iterator[tuple[Names, bytes]]:
        for names, content in self._tree.read({self._outer(names) for names in wanted}):
            yield self._inner(names), content

    def name(self, names: Names) -> str:
        return self._tree.name(self._outer(names))


def find_splits(tree: Tree, request: Request, layout: str) -> tuple[set[Names], set[Names], Names, dict[str, str]]:
    """Return the files and folders of a tree, the folder that holds the splits, and {folder: split}.

    Args:
        layout: the one that is wanted, for messages.

    Raises:
        EdgepruneError: a split is missing, or a folder is none.
    """
    files, folders = tree.list()
    folders |= {names[:depth] for names in files | folders for depth in range(1, len(names))}
    root = wrapper(folders)
    return files, folders, root, _splits(tree, request, folders, root, layout)


def wrapper(folders: set[Names]) -> Names:
    """The one folder around all others, if there is one and it is no split."""
    top = {names[0] for names in folders}
    return tuple(top) if len(top) == 1 and not top & SPLIT_NAMES.keys() else ()


def _splits(tree: Tree, request: Request, folders: set[Names], root: Names, layout: str) -> dict[str, str]:
    """Return {folder: split}."""
    found = {}
    for names in sorted(folders):
        if len(names) != len(root) + 1 or names[: len(root)] != root:
            continue
        split = SPLIT_NAMES.get(names[-1])
        if split is None:
            raise request.error(f"folder {names[-1]!r} is not a split", remedy=layout, file=tree.name(names))
        if split in found.values():
            raise request.error(f"there are two folders for split {split}", remedy="keep one", file=tree.name(names))
        found[names[-1]] = split
    where = tree.name(root) if root else str(tree.path)
    if "train" not in found.values():
        raise request.error("there is no split 'train'", remedy=layout, file=where)
    if "test" not in found.values() and "test_fraction" not in request.settings:
        remedy = "add a test folder, or set test_fraction to cut one off train"
        raise request.error("there is no split 'test'", "test_fraction", remedy, file=where)
    if "test" in found.values() and "test_fraction" in request.settings:
        remedy = "remove test_fraction, or the folder"
        raise request.error("there is a test folder and a test_fraction", "test_fraction", remedy, file=where)
    return found


def _check(
    tree: Tree,
    request: Request,
    splits: Mapping[str, str],
    root: Names,
    classes: Mapping[str, Mapping[str, list[Names]]],
) -> None:
    folder = {split: name for name, split in splits.items()}
    known = classes["train"]
    for split, found in classes.items():
        for name, images in sorted(found.items()):
            where = tree.name((*root, folder[split], name))
            if name not in known:
                remedy = f"classes of train: {_some(known)}; rename or remove the folder, or add it to train"
                raise request.error(f"class {name!r} is in {split} but not in train", remedy=remedy, file=where)
            if not images:
                remedy = f"add images ({', '.join(SUFFIXES)}) or remove the folder"
                raise request.error(f"class {name!r} holds no image", remedy=remedy, file=where)
        if missing := sorted(known.keys() - found.keys()):
            if not found:
                raise request.error(f"split {split!r} is empty", remedy=_LAYOUT, file=tree.name((*root, folder[split])))
            say(f"{request.name}: {split} has no image of {_some(missing)}")
    if len(known) < 2:
        problem = f"there is only one class, {next(iter(known))!r}" if known else "there is no class"
        raise request.error(problem, remedy=f"classification needs two; {_LAYOUT}", file=str(tree.path))


def _some(names: Iterable[str]) -> str:
    names = sorted(names)
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def mask_of(base: Names, image: Names) -> Names:
    """Where the mask of an image below ``base`` belongs."""
    return (*base, "masks", f"{PurePosixPath(image[-1]).stem}.png")
