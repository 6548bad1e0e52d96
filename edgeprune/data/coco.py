"""COCO 2017: boxes of 80 classes. The official validation images are the test split."""

from edgeprune.data import annotations
from edgeprune.data.files import collect
from edgeprune.data.official import local
from edgeprune.data.request import Collection, Request
from edgeprune.data.targets import BoxTarget

_SPLITS = {"train": "train2017", "test": "val2017"}


def load(request: Request) -> Collection:
    """Return the images as a :class:`Collection`; crowds and boxes without extent are left out.

    Raises:
        EdgepruneError: an archive cannot be read, or lacks a file.
    """
    data = local(request)
    images = {split: [(names, None) for names in data.image_files((name,))] for split, name in _SPLITS.items()}
    tables = {}
    for split, name in _SPLITS.items():
        tail = ("annotations", f"instances_{name}.json")
        tables[split] = (*data.above(*tail), *tail)
    classes, items = annotations.read(request, data.tree, images, tables, lenient=True)
    return collect(request, data.tree, items, BoxTarget(tuple(classes)), data.origin, channels=3)
