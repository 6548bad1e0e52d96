"""CamVid as it is used for segmentation: 367, 101 and 233 images of 360 x 480, 11 classes."""

from edgeprune.data.files import collect
from edgeprune.data.official import local
from edgeprune.data.request import Collection, Request
from edgeprune.data.targets import VOID, MaskTarget

_CLASSES = (
    *("sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian", "bicyclist"),
)


def load(request: Request) -> Collection:
    """Return the images as a :class:`Collection`; the masks' value 11 is void.

    Raises:
        EdgepruneError: the archive cannot be read, or lacks a file.
    """
    data = local(request)
    items = {
        split: [(image, data.file((*image[:-2], f"{split}annot", image[-1]))) for image in data.image_files((split,))]
        for split in ("train", "val", "test")
    }
    values = {value: value for value in range(len(_CLASSES))} | {len(_CLASSES): VOID}
    return collect(request, data.tree, items, MaskTarget(_CLASSES), data.origin, values=values, channels=3)
