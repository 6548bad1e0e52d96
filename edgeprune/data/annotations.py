"""Boxes from a json of COCO's format: images, annotations with ``bbox`` [x, y, width, height], and categories."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from edgeprune import typed
from edgeprune.data.files import Item
from edgeprune.data.progress import say
from edgeprune.data.request import Request
from edgeprune.data.tree import Names, Tree
from edgeprune.errors import EdgepruneError

_FORMAT = "COCO's format holds lists of images, annotations and categories"


class _Image(msgspec.Struct):
    id: int | str
    file_name: str


class _Annotation(msgspec.Struct):
    image_id: int | str
    category_id: int
    bbox: tuple[float, float, float, float]
    iscrowd: int = 0


class _Category(msgspec.Struct):
    id: int
    name: str


class _Table(msgspec.Struct):
    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Category]


def read(
    request: Request,
    tree: Tree,
    images: Mapping[str, Sequence[Item]],
    tables: Mapping[str, Names],
    lenient: bool = False,
) -> tuple[list[str], dict[str, Sequence[Item]]]:
    """Put boxes to image files. Crowds (``iscrowd``) are left out; an image without annotation has no boxes.

    Args:
        images: {split: files}; their last names are those in the json.
        tables: {split: file of the json}.
        lenient: also leave out boxes without extent, of which COCO's own have some.

    Returns:
        tuple: names of the classes, in the order of their ids in train, and {split: [(file, float32 (n, 5))]}.

    Raises:
        EdgepruneError: a json cannot be read, or names a category or an image that is not there, or one twice.
    """
    contents = dict(tree.read(set(tables.values())))
    parsed = {split: _parse(contents[names], tree.name(names)) for split, names in tables.items()}
    for split, table in parsed.items():
        _refuse_twins(request, table, tree.name(tables[split]))
    categories = sorted(parsed["train"].categories, key=lambda c: c.id)
    labels = {category.name: label for label, category in enumerate(categories)}
    found: dict[str, Sequence[Item]] = {}
    for split, table in parsed.items():
        file = tree.name(tables[split])
        label, left_out = {}, 0
        for number, category in enumerate(table.categories):
            if category.name not in labels:
                raise request.error(
                    f"categories[{number}]: {category.name!r} is no category of train",
                    remedy=f"those of train: {', '.join(list(labels)[:12])}; correct the name, or add it there",
                    file=file,
                )
            label[category.id] = labels[category.name]
        have = {names[-1] for names, _ in images[split]}
        boxes: dict[int | str, list] = {}
        names_of = {}
        for number, image in enumerate(table.images):
            name = _last(image.file_name)
            if name not in have:
                problem = f"images[{number}]: there is no image {image.file_name!r} in {split}"
                raise request.error(problem, remedy="add the image, or remove it from the json", file=file)
            boxes[image.id], names_of[name] = [], image.id
        for number, given in enumerate(table.annotations):
            for key, value, known in (("image_id", given.image_id, boxes), ("category_id", given.category_id, label)):
                if value not in known:
                    section = "images" if key == "image_id" else "categories"
                    problem = f"annotations[{number}].{key}: {value!r} is not under {section}"
                    raise request.error(problem, remedy=f"correct it, or add it under {section}", file=file)
            x, y, width, height = given.bbox
            if given.iscrowd or (lenient and min(width, height) <= 0):
                left_out += 1
            else:
                boxes[given.image_id].append((label[given.category_id], x, y, x + width, y + height))
        if left_out:
            say(f"{request.name}: {left_out} boxes of {split} are of crowds or without extent and were left out")
        without = [names for names, _ in images[split] if names[-1] not in names_of]
        if without and not lenient:
            problem = f"says nothing of the image {tree.name(without[0])} ({len(without)} in all)"
            raise request.error(problem, remedy="add it under images, or remove the image", file=file)
        found[split] = [
            (names, np.array(boxes[names_of[names[-1]]], np.float32).reshape(-1, 5))
            for names, _ in images[split]
            if names[-1] in names_of
        ]
    return list(labels), found


def _refuse_twins(request: Request, table: _Table, file: str) -> None:
    for section, key, values in (
        ("categories", "id", [category.id for category in table.categories]),
        ("categories", "name", [category.name for category in table.categories]),
        ("images", "id", [image.id for image in table.images]),
        ("images", "file_name", [_last(image.file_name) for image in table.images]),
    ):
        first: dict[int | str, int] = {}
        for number, value in enumerate(values):
            if (there := first.setdefault(value, number)) != number:
                problem = f"{section}[{number}].{key}: {value!r} stands there twice, first in {section}[{there}]"
                remedy = "remove one, or tell them apart (of a file_name only the part after the last / counts)"
                raise request.error(problem, remedy=remedy, file=file)


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _parse(content: bytes, file: str) -> _Table:
    try:
        try:
            return msgspec.json.decode(content, type=_Table)  # what is not asked for, as outlines, is never built
        except msgspec.ValidationError:
            return typed.convert(msgspec.json.decode(content), _Table, file=file, remedy=_FORMAT)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        remedy = f"export it again; {_FORMAT}"
        raise EdgepruneError(f"is not JSON ({error})", file=file, remedy=remedy) from error
