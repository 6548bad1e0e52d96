"""Data sets for the restoration of images: BSD400 with BSD68, and DIV2K with its validation images, Set5 or Set14."""

from edgeprune.data.files import collect
from edgeprune.data.official import local
from edgeprune.data.request import Collection, Request
from edgeprune.data.targets import ImageTarget
from edgeprune.data.tree import Names

_TESTS = {"valid": (("DIV2K_valid_HR",),), "set5": (("Set5", "HR"), ("Set5",)), "set14": (("Set14", "HR"), ("Set14",))}


def bsd(request: Request) -> Collection:
    """Return BSD400 and, as test split, BSD68 as a :class:`Collection`.

    Raises:
        EdgepruneError: the archive cannot be read, or a folder is missing in it.
    """
    return _load(request, (("Train400",), ("BSD400",)), (("Set68",), ("BSD68",)), None)


def div2k(request: Request) -> Collection:
    """Return the high-resolution images of DIV2K as a :class:`Collection`, as test split what ``test`` names.

    Raises:
        EdgepruneError: as :func:`bsd`, or there is no such test split.
    """
    test = request.settings.get("test", "valid")
    if test not in _TESTS:
        raise request.error(f"there is no test split {test!r}", "test", f"choose one of: {', '.join(_TESTS)}")
    return _load(request, (("DIV2K_train_HR",),), _TESTS[test], 3)


def _load(request: Request, train: tuple[Names, ...], test: tuple[Names, ...], channels: int | None) -> Collection:
    data = local(request)
    items = {
        split: [(image, None) for image in data.image_files(*where)]
        for split, where in (("train", train), ("test", test))
    }
    return collect(request, data.tree, items, ImageTarget(), data.origin, channels=channels)
