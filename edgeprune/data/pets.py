"""Oxford-IIIT Pet: trimaps of cats and dogs (the border is void), or their 37 breeds."""

from edgeprune.data.files import Item, collect
from edgeprune.data.official import fetched
from edgeprune.data.request import Collection, Request
from edgeprune.data.targets import VOID, ClassTarget, MaskTarget

_ARCHIVES = {
    "https://www.robots.ox.ac.uk/~vgg/data/pets/data/images.tar.gz": "5c4f3ee8e5d25df40f4fd59a7f44e54c",
    "https://www.robots.ox.ac.uk/~vgg/data/pets/data/annotations.tar.gz": "95a8c909bbe2e81eed6a22bccdf3f68f",
}
_TRIMAP = {1: 1, 2: 0, 3: VOID}  # pet, background, border


def load(request: Request) -> Collection:
    """Return the images as a :class:`Collection`.

    Raises:
        EdgepruneError: an archive cannot be had or read, or lacks a file.
    """
    data = fetched(request, _ARCHIVES)
    images, notes = (
        data.above("images", data.image_files(("images",))[0][-1]),
        data.above("annotations", "trainval.txt"),
    )
    lists = data.lines(*((*notes, "annotations", f"{name}.txt") for name in ("trainval", "test")))
    breeds = {int(number) - 1: name.rpartition("_")[0] for rows in lists for name, number, *_ in rows}
    items: dict[str, list[Item]] = {}
    for split, rows in zip(("train", "test"), lists):
        for name, number, *_ in rows:
            mask = (*notes, "annotations", "trimaps", f"{name}.png")
            of = data.file(mask) if request.kind == "mask" else int(number) - 1
            items.setdefault(split, []).append((data.file((*images, "images", f"{name}.jpg")), of))
    masks = request.kind == "mask"
    target = MaskTarget(("background", "pet")) if masks else ClassTarget(tuple(breeds[i] for i in sorted(breeds)))
    return collect(request, data.tree, items, target, data.origin, values=_TRIMAP if masks else None, channels=3)
