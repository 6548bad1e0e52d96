"""Images of the user: a folder or an archive, local or at a URL, laid out as the kind of target wants it."""

from collections.abc import Sequence

from edgeprune.data import annotations
from edgeprune.data.files import Item, collect
from edgeprune.data.layout import SUFFIXES, find_layout, find_splits, mask_of, unsplit
from edgeprune.data.progress import say
from edgeprune.data.request import Collection, Request
from edgeprune.data.settings import channels_of, fraction_of, locate, size_of
from edgeprune.data.targets import VOID, AnyTarget, BoxTarget, ClassTarget, ImageTarget, MaskTarget
from edgeprune.data.tree import Names, Tree, open_tree

_LAYOUTS = {
    "image": "the layout is <split>/<image>",
    "mask": "the layout is <split>/images/<image> and <split>/masks/<image's name>.png",
    "boxes": "the layout is <split>/<image> or <split>/images/<image>, and <split>/annotations.json",
}
_SPLITS = ", with splits train, test and, if you like, val"


def load(request: Request) -> Collection:
    """Return the images as a :class:`Collection`; they are decoded when it is read.

    Raises:
        EdgepruneError: a setting is wrong, the archive cannot be had or read, or the images do not fit the layout.
    """
    size_of(request), channels_of(request)
    fraction = request.settings.get("test_fraction")
    if "test_fraction" in request.settings:
        fraction_of(request, fraction, "test_fraction")
    classes, values = _classes(request)
    path, origin = locate(request)
    tree = open_tree(path, key=f"datasets.{request.name}.{'url' if 'url' in origin else 'path'}")
    tree = tree if fraction is None else unsplit(tree)
    target, items = _find(request, tree, classes)
    origin = {"source": "images", **origin}
    return collect(request, tree, items, target, origin, test_fraction=fraction, values=values)


def _classes(request: Request) -> tuple[list[str], dict[int, int]]:
    """The settings ``classes`` and ``void``, which only masks need: names, and the class of each value."""
    classes, void = request.settings.get("classes"), request.settings.get("void", VOID)
    if request.kind != "mask":
        for key in {"classes", "void"} & request.settings.keys():
            raise request.error("is for masks only", key, "remove it; classes are named by folders or by the json")
        return [], {}
    names = isinstance(classes, list) and len(set(map(str, classes))) == len(classes)
    if not names or not 2 <= len(classes) <= VOID:
        remedy = "name them in the order of their values in the masks, from 0 on: classes: [background, cat]"
        raise request.error("must be a list of two or more names, all different", "classes", remedy)
    if isinstance(void, bool) or not isinstance(void, int) or not len(classes) <= void <= VOID:
        remedy = f"give the value in the masks that belongs to no class, from {len(classes)} to {VOID}"
        raise request.error(f"{void!r} is not a value beyond the classes", "void", remedy)
    return list(map(str, classes)), {value: value for value in range(len(classes))} | {void: VOID}


def _find(request: Request, tree: Tree, classes: list[str]) -> tuple[AnyTarget, dict[str, Sequence[Item]]]:
    """What a target is, and {split: files, in the order of their names, with what belongs to them}."""
    if request.kind == "class":
        names, images = find_layout(tree, request)
        return ClassTarget(tuple(names)), {**images}
    layout = _LAYOUTS[request.kind] + _SPLITS
    files, folders, root, splits = find_splits(tree, request, layout)
    found: dict[str, Sequence[Item]] = {}
    tables, left_out = {}, 0
    for folder, split in splits.items():
        base = (*root, folder)
        place = (*base, "images") if (*base, "images") in folders else base
        images = sorted(n for n in files if n[:-1] == place and n[-1].lower().endswith(SUFFIXES))
        if not images:
            raise request.error(f"split {split!r} holds no image", remedy=layout, file=tree.name(place))
        used = set(images)
        if request.kind == "mask":
            found[split] = [(image, _mask(request, tree, files, base, image)) for image in images]
            used |= {mask for _, mask in found[split]}
        elif request.kind == "boxes":
            tables[split] = (*base, "annotations.json")
            if tables[split] not in files:
                raise request.error("there is no such file", remedy=layout, file=tree.name(tables[split]))
            used.add(tables[split])
        found.setdefault(split, [(image, None) for image in images])
        left_out += len([n for n in files if n[: len(base)] == base]) - len(used)
    if left_out:
        say(f"{request.name}: {left_out} files do not belong to the layout and were left out")
    if request.kind == "boxes":
        names, found = annotations.read(request, tree, found, tables)
        return BoxTarget(tuple(names)), found
    return MaskTarget(tuple(classes)) if request.kind == "mask" else ImageTarget(), found


def _mask(request: Request, tree: Tree, files: set[Names], base: Names, image: Names) -> Names:
    mask = mask_of(base, image)
    if mask not in files:
        problem, remedy = f"the image {tree.name(image)} has no mask", "add this file, or remove the image"
        raise request.error(problem, remedy=remedy, file=tree.name(mask))
    return mask
