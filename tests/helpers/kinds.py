"""Folders of images with masks, boxes or nothing beside them, in the layouts that users have."""

import io
import json

import numpy as np
from PIL import Image

from helpers.imagefiles import picture

SIZES = [(6, 5), (9, 4), (5, 5), (7, 8), (6, 6)]
ALIKE = [(6, 5)] * 5
CLASSES = ["sky", "road", "car"]


def encoded(pixels, mode=None, kind="PNG"):
    stream = io.BytesIO()
    image = Image.fromarray(pixels)
    (image if mode is None else image.convert(mode)).save(stream, kind)
    return stream.getvalue()


def mask_of(number, size):
    values = np.random.default_rng(number).integers(0, 4, size)
    return np.where(values == 3, 255, values).astype(np.uint8)


def photographs(sizes=SIZES):
    return {f"{split}/{n}.png": picture(n, size) for split in ("train", "test") for n, size in enumerate(sizes)}


def masked(sizes=SIZES):
    files = {}
    for split in ("train", "test"):
        for n, size in enumerate(sizes):
            files[f"{split}/images/{n}.png"] = picture(n, size)
            files[f"{split}/masks/{n}.png"] = encoded(mask_of(n, size))
    return files


def coco(sizes=ALIKE, boxes=((7, [1, 0, 2, 3]), (3, [0, 1, 2, 2.5])), **changes):
    """A COCO table of images 0.png ...: all but the last have the boxes, (category, [x, y, width, height])."""
    images = [{"id": 10 + n, "file_name": f"{n}.png", "width": w, "height": h} for n, (h, w) in enumerate(sizes)]
    found = [{"image_id": i["id"], "category_id": c, "bbox": box} for i in images[:-1] for c, box in boxes]
    return {
        "images": images,
        "annotations": [{"id": n, "area": 1, **a} for n, a in enumerate(found)],
        "categories": [{"id": 7, "name": "cat"}, {"id": 3, "name": "ant"}],
        **changes,
    }


def boxed(train=None, folder="", sizes=ALIKE):
    files = {name.replace("/", f"/{folder}", 1): content for name, content in photographs(sizes).items()}
    for split in ("train", "test"):
        table = coco(sizes) if split == "test" or train is None else train
        files[f"{split}/annotations.json"] = table if isinstance(table, bytes) else json.dumps(table).encode()
    return files
