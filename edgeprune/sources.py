"""The table of the sources of datasets; what each one does is in :mod:`edgeprune.data`, imported when it is used."""

from dataclasses import dataclass

_PLACE = ("path", "url", "sha256")
_FORM = ("size", "channels")


@dataclass(frozen=True)
class Source:
    """A source of datasets.

    Attributes:
        load: ``module:function`` that takes a :class:`~edgeprune.data.request.Request` and returns a
            :class:`~edgeprune.data.request.Collection`.
        description: what it is, for people.
        kinds: the kinds of target that it can give: ``class``, ``image``, ``mask``, ``boxes``.
        keys: its settings, beside those of all datasets and those of the task.
    """

    load: str
    description: str
    kinds: tuple[str, ...] = ("class",)
    keys: tuple[str, ...] = ()


SOURCES = {
    "digits": Source("edgeprune.data.digits:load", "scikit-learn's bundled handwritten digits, 1 x 8 x 8; no download"),
    "cifar10": Source("edgeprune.data.cifar:load", "CIFAR-10, 3 x 32 x 32, through torchvision", keys=("mirror",)),
    "cifar100": Source(
        "edgeprune.data.cifar:load", "CIFAR-100 (fine labels), 3 x 32 x 32, through torchvision", keys=("mirror",)
    ),
    "photographs": Source(
        "edgeprune.data.photographs:load",
        "15 free photographs that lie inside scikit-image and scikit-learn; no download",
        ("image",),
        ("channels",),
    ),
    "digits-on-photographs": Source(
        "edgeprune.data.composite:load",
        "a composite: the handwritten digits set on crops of the photographs; no download",
        ("mask", "boxes"),
        ("scenes", "side", "digits", "sizes"),
    ),
    "images": Source(
        "edgeprune.data.images:load",
        "your own images: a folder or an archive",
        ("class", "image", "mask", "boxes"),
        (*_PLACE, *_FORM, "test_fraction", "classes", "void"),
    ),
    "voc": Source(
        "edgeprune.data.voc:load", "Pascal VOC 2012, masks and boxes", ("mask", "boxes"), ("path", "mirror", *_FORM)
    ),
    "oxford-pets": Source(
        "edgeprune.data.pets:load", "Oxford-IIIT Pet, masks and breeds", ("mask", "class"), ("path", "mirror", *_FORM)
    ),
    "bsd": Source(
        "edgeprune.data.restoration:bsd", "BSD400 for training, BSD68 as test", ("image",), (*_PLACE, "channels")
    ),
    "div2k": Source(
        "edgeprune.data.restoration:div2k",
        "DIV2K; test split its validation images, Set5 or Set14",
        ("image",),
        (*_PLACE, "channels", "test"),
    ),
    "camvid": Source("edgeprune.data.camvid:load", "CamVid, 11 classes", ("mask",), (*_PLACE, *_FORM)),
    "coco": Source("edgeprune.data.coco:load", "COCO 2017 boxes, 80 classes", ("boxes",), (*_PLACE, *_FORM)),
}
