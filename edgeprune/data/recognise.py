"""What a folder of images is for, told by its layout: the settings of a dataset that the user need not write."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from edgeprune.data.decode import GREY, decode_mask
from edgeprune.data.layout import SPLIT_NAMES, SUFFIXES, mask_of, wrapper
from edgeprune.data.targets import VOID
from edgeprune.data.tree import Names, Tree, open_tree
from edgeprune.errors import EdgepruneError

#: Images that are looked at for their size.
LOOKED_AT = 50
#: Side that images are resized to where they differ in size and nothing is said.
SIDE = 64
_LAYOUTS = (
    "the layouts are <class>/<image> of two classes or more (classification), images/ and masks/ (segmentation), "
    "images with an annotations.json (detection), images alone (denoising); each also below train/ and test/"
)


def recognise(path: str | Path, task: str | None = None, size: Sequence[int] | None = None) -> tuple[dict, list[str]]:
    """Settings of a dataset of source ``images``, and sentences on what was assumed.

    Args:
        path: folder or archive of the images.
        task: its name, where the layout leaves a choice (images alone: denoising or super-resolution).
        size: (height, width) that the network is to see.

    Raises:
        EdgepruneError: the folder has none of the layouts, or its images cannot be read.
    """
    tree = open_tree(path, key="--data")
    files, folders = tree.list()
    wrapped = wrapper(folders | {names[:1] for names in files if len(names) > 1})
    if not any(len(names) > 2 for names in files):
        wrapped = ()  # the one folder may be a class
    files = {names[len(wrapped) :] for names in files if names[: len(wrapped)] == wrapped}
    splits = {SPLIT_NAMES[names[0]] for names in files if len(names) > 1 and names[0] in SPLIT_NAMES}
    inner = {names[1:] for names in files if SPLIT_NAMES.get(names[0]) == "train"} if splits else files
    images = sorted(names for names in inner if names[-1].lower().endswith(SUFFIXES))
    kind = _kind(images, inner)
    if kind is None:
        one = {names[0] for names in images if len(names) > 1}
        problem = f"holds images in one folder only, {one.pop()!r}" if one else "holds no images"
        raise EdgepruneError(problem, file=path, key="--data", remedy=_LAYOUTS)
    settings: dict[str, Any] = {"source": "images", "path": str(path), "task": task or kind}
    start, masks = (*wrapped, *(("train",) if splits else ())), []
    if kind == "segmentation":
        masks, images = ([names for names in images if names[0] == folder] for folder in ("masks", "images"))
        known = set(masks)
        for lacking in (names for names in images if mask_of((), names) not in known):
            problem, wanted = f"{tree.name((*start, *lacking))} has no mask", tree.name(mask_of(start, lacking))
            raise EdgepruneError(problem, file=wanted, key="--data", remedy="add this file, or remove the image")
    said = [f"{len(images)} images, for {kind}"]
    if "test" not in splits:
        settings["test_fraction"] = 0.2
        said.append("no test folder: a fifth of the images, drawn once, are the test split")
    if masks:
        classes = _classes(tree, start, masks)
        count = max(classes) + 1
        settings["classes"] = [f"class-{n}" for n in range(count)]
        some = f", of which {len(classes)} occur" if len(classes) < count else ""
        said.append(f"the masks hold {count} classes, called class-0 to class-{count - 1}{some}")
    step = max(1, len(images) // LOOKED_AT)
    forms = _forms(tree, [(*start, *names) for names in images[::step]])
    sizes = {(height, width) for height, width, _ in forms}
    low = [min(side) for side in zip(*sizes)]
    if kind == "denoising":
        side = list(size or [min(256, *low)] * 2)
        settings |= {"deploy_size": side, "channels": 3}
        said.append(f"the device sees {side[0]} x {side[1]} pixels at a time")
    elif size or len(sizes) > 1 or max(low) > 4 * SIDE:
        settings |= {"size": list(size or (SIDE, SIDE)), "channels": 3}
        said.append("images are resized to {} x {}".format(*settings["size"]))
    elif len(forms) > 1:
        settings["channels"] = 3
        said.append("some images have colours and some have none: all are given three channels")
    settings["validation"] = {"fraction": 0.2}
    said.append("a fifth of the training images are for validation, by which the choice is made")
    return settings, said


def _kind(images: Sequence[Names], files: set[Names]) -> str | None:
    folders = {names[0] for names in images if len(names) > 1}
    if ("annotations.json",) in files:
        return "detection"
    if {"images", "masks"} <= folders:
        return "segmentation"
    if len(folders) > 1:
        return "classification"
    return "denoising" if images and not folders else None


def _forms(tree: Tree, wanted: Sequence[Names]) -> set[tuple[int, int, bool]]:
    """(height, width, whether it has colours) of the images."""
    from PIL import Image

    found = set()
    for names, content in tree.read(wanted):
        try:
            with Image.open(BytesIO(content)) as image:
                found.add((image.height, image.width, image.mode not in GREY))
        except Exception as error:  # Pillow raises nearly anything, and refuses what has more than 179 million pixels
            problem = "is not an image that can be read"
            raise EdgepruneError(problem, file=tree.name(names), key="--data", remedy="remove or replace it") from error
    return found


def _classes(tree: Tree, start: Names, masks: Sequence[Names]) -> set[int]:
    """The classes that occur in the masks.

    Raises:
        EdgepruneError: a file is no mask, or there is one class only.
    """
    found = set()
    for names, content in tree.read([(*start, *names) for names in masks]):
        try:
            found |= set(np.unique(decode_mask(content, tree.name(names))).tolist())
        except EdgepruneError as error:
            raise EdgepruneError(error.problem, file=error.file, key="--data", remedy=error.remedy) from error
    classes = found - {VOID}
    if len(classes) < 2:
        only = f"the only class in the masks is {min(classes)}" if classes else "the masks hold no class"
        problem = only + f", since {VOID} is where there is none" * (VOID in found)
        remedy = f"give each pixel the number of its class, 0, 1 and so on, not {VOID}"
        raise EdgepruneError(problem, file=tree.path, key="--data", remedy=remedy)
    return classes
