"""Pascal VOC 2012: masks and boxes of 20 classes. The official validation images are the test split."""

from xml.etree import ElementTree

import numpy as np

from edgeprune.data.files import Item, collect
from edgeprune.data.official import Published, fetched
from edgeprune.data.request import Collection, Request
from edgeprune.data.targets import BoxTarget, MaskTarget
from edgeprune.data.tree import Names

_ARCHIVES = {
    "https://thor.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar": "6cd6e144f989b92b3379bac3b3de84fd"
}
_CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog"),
    *("horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
_SIDES = {"xmin": -1, "ymin": -1, "xmax": 0, "ymax": 0}  # pixels are counted from 1, and the last one belongs to a box


def load(request: Request) -> Collection:
    """Return the images as a :class:`Collection`; all objects count, those marked as difficult, too.

    Raises:
        EdgepruneError: the archive cannot be had or read, or lacks a file.
    """
    data = fetched(request, _ARCHIVES)
    masks = request.kind == "mask"
    lists = ("ImageSets", "Segmentation" if masks else "Main")
    base = data.above(*lists, "train.txt")
    train, test = data.lines((*base, *lists, "train.txt"), (*base, *lists, "val.txt"))
    items: dict[str, list[Item]] = {}
    for split, rows in (("train", train), ("test", test)):
        images = [data.file((*base, "JPEGImages", f"{row[0]}.jpg")) for row in rows]
        if masks:
            of = [data.file((*base, "SegmentationClass", f"{row[0]}.png")) for row in rows]
        else:
            of = _boxes(data, [(*base, "Annotations", f"{row[0]}.xml") for row in rows])
        items[split] = list(zip(images, of))
    target = MaskTarget(("background", *_CLASSES)) if masks else BoxTarget(_CLASSES)
    return collect(request, data.tree, items, target, data.origin, channels=3)


def _boxes(data: Published, files: list[Names]) -> list[np.ndarray]:
    """The boxes of each file; a box from pixel 1 to pixel 3, counted from 1, is from 0 to 3 here."""
    contents, found = data.contents(files), []
    for names in files:
        try:
            objects = ElementTree.fromstring(contents[names]).iter("object")
            rows = [(_CLASSES.index(o.findtext("name", "")), *(_side(o, key) for key in _SIDES)) for o in objects]
        except (ElementTree.ParseError, ValueError) as error:
            problem, remedy = f"is no annotation of VOC ({error})", "unpack the official archive again"
            raise data.request.error(problem, remedy=remedy, file=data.tree.name(names)) from error
        found.append(np.array(rows, np.float32).reshape(-1, 5))
    return found


def _side(found: ElementTree.Element, key: str) -> float:
    return float(found.findtext(f"bndbox/{key}", "")) + _SIDES[key]
