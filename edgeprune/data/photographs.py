"""Free photographs that lie inside the packages scikit-image and scikit-learn, divided by picture."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from edgeprune.data.decode import decode
from edgeprune.data.request import Batch, Collection, Request
from edgeprune.data.settings import channels_of
from edgeprune.data.targets import ImageTarget
from edgeprune.errors import EdgepruneError
from edgeprune.files import sha256

#: Name: split, package, file in it, licence as the package's documentation tells it. Pictures without a clear licence,
#: drawings and pictures through a microscope are left out.
PICTURES = {
    "brick": ("train", "skimage", "data/brick.png", "CC0 (CC0Textures)"),
    "china": ("train", "sklearn", "datasets/images/china.jpg", "CC BY 2.0 (danielbuechele)"),
    "coins": ("train", "skimage", "data/coins.png", "no known restrictions (Brooklyn Museum)"),
    "grass": ("train", "skimage", "data/grass.png", "CC0 (CC0Textures)"),
    "gravel": ("train", "skimage", "data/gravel.png", "CC0 (CC0Textures)"),
    "hubble": ("train", "skimage", "data/hubble_deep_field.jpg", "public domain (NASA)"),
    "retina": ("train", "skimage", "data/retina.jpg", "CC0 (Mikael Häggström)"),
    "rocket": ("train", "skimage", "data/rocket.jpg", "public domain (SpaceX)"),
    "text": ("train", "skimage", "data/text.png", "public domain (Wikipedia)"),
    "clock": ("val", "skimage", "data/clock_motion.png", "public domain (Stefan van der Walt)"),
    "flower": ("val", "sklearn", "datasets/images/flower.jpg", "CC BY 2.0 (vultilion)"),
    "astronaut": ("test", "skimage", "data/astronaut.png", "public domain (NASA)"),
    "camera": ("test", "skimage", "data/camera.png", "CC0 (Lav Varshney)"),
    "chelsea": ("test", "skimage", "data/chelsea.png", "CC0 (Stefan van der Walt)"),
    "coffee": ("test", "skimage", "data/coffee.png", "CC0 (Rachel Michetti)"),
}


def load(request: Request) -> Collection:
    """Return the photographs as a :class:`Collection`.

    Raises:
        EdgepruneError: ``channels`` is wrong or missing, for some are grey, or a package is not installed.
    """
    channels = channels_of(request)
    if channels is None:
        remedy = "set `channels: 1` or `channels: 3` to convert all"
        raise request.error("some photographs are grey, some in colour", "channels", remedy)
    names = {split: names_of(split) for split in ("train", "val", "test")}

    def read() -> Iterator[Batch]:
        for split, found in names.items():
            for number, name in enumerate(found):
                yield split, np.array([number]), [picture(name, channels)], None

    return Collection(
        input_shape=(channels, None, None),
        target=ImageTarget(),
        strata={split: np.zeros(len(found), dtype=np.int64) for split, found in names.items()},
        read=read,
        origin={"source": "photographs", "channels": channels, "pictures": sums()},
    )


def names_of(split: str) -> list[str]:
    """The pictures of a split."""
    return [name for name, (where, *_) in PICTURES.items() if where == split]


def picture(name: str, channels: int) -> np.ndarray:
    """A picture, uint8 (channels, H, W)."""
    path = _path(name)
    return decode(path.read_bytes(), str(path), channels, None)


def sums() -> dict[str, str]:
    """SHA-256 of each picture's file."""
    return {name: sha256(_path(name)) for name in PICTURES}


def _path(name: str) -> Path:
    _, package, file, _ = PICTURES[name]
    spec = find_spec(package)
    folders = spec.submodule_search_locations if spec else None
    path = Path(next(iter(folders), package), file) if folders else Path(package, file)
    if not path.is_file():
        distribution = {"skimage": "scikit-image", "sklearn": "scikit-learn"}[package]
        remedy = f"install {distribution}: pip install 'edgeprune[train]'"
        raise EdgepruneError(f"the photograph {name} of {distribution} is not there", file=path, remedy=remedy)
    return path
