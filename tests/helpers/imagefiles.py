"""Small image datasets for the tests: made in memory, written as folders or archives."""

import io
import tarfile
import zipfile

import numpy as np
from PIL import Image


def picture(seed, size=(6, 5), channels=3, kind="PNG"):
    """Return the bytes of a random image of ``size`` (H, W)."""
    shape = (*size, 3) if channels == 3 else size
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def dataset(train=6, test=3, val=0, classes=("ant", "bee"), **options):
    """Return {path: bytes} with so many images per split and class, all of them different."""
    files = {}
    for split, count in (("train", train), ("test", test), ("val", val)):
        for name in classes:
            for number in range(count):
                files[f"{split}/{name}/{number:02}.png"] = picture(len(files), **options)
    return files


def shapes(train=40, test=10, side=32):
    """Return {path: bytes} of images of a bright disc and a dim square in noise, and of their masks: 1 in the disc."""
    files, draws = {}, np.random.default_rng(0)
    rows, columns = np.mgrid[:side, :side]
    for split, count in (("train", train), ("test", test)):
        for number in range(count):
            (y, x), (v, u) = draws.integers(side // 4, 3 * side // 4, (2, 2))
            square = (abs(rows - v) < side // 5) & (abs(columns - u) < side // 5)
            disc = (rows - y) ** 2 + (columns - x) ** 2 < (side // 4) ** 2
            level = np.where(disc, 190, np.where(square, 120, 40))
            pixels = draws.integers(0, 60, (side, side, 3)) + level[..., None]
            for folder, array in (("images", pixels), ("masks", disc)):
                stream = io.BytesIO()
                Image.fromarray(array.astype(np.uint8)).save(stream, "PNG")
                files[f"{split}/{folder}/{number:02}.png"] = stream.getvalue()
    return files


def write_folder(folder, files):
    """Write {path: bytes} below ``folder``; None makes an empty folder."""
    for name, content in files.items():
        path = folder / name
        if content is None:
            path.mkdir(parents=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return folder


def tar_bytes(files, mode="w:gz", wrap="", extra=()):
    """Return a tar archive of {path: bytes}, then of the TarInfo objects in ``extra``."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(wrap + name)
            if content is None:
                member.type = tarfile.DIRTYPE
            else:
                member.size = len(content)
            archive.addfile(member, io.BytesIO(content or b""))
        for member in extra:
            archive.addfile(member)
    return stream.getvalue()


def zip_bytes(files, wrap=""):
    """Return a zip archive of {path: bytes}."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(wrap + name + ("/" if content is None else ""), content or b"")
    return stream.getvalue()
