"""Decode one image file to an array of bytes."""

import contextlib
import io
import warnings
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image, ImageOps

from edgeprune.errors import EdgepruneError

GREY = ("1", "L", "LA", "La")
_DEEP = ("I", "F")  # and I;16 and its relatives: more than 8 bits, which a conversion would clip
_ORIENTATION = 0x0112  # EXIF tag


def decode(content: bytes, name: str, channels: int | None, size: Sequence[int] | None) -> np.ndarray:
    """Decode an image to uint8 (C, H, W).

    The orientation that a camera noted in EXIF is applied, transparency is dropped, the first frame is taken. Resizing
    is bilinear over the whole area of each output pixel (Pillow's antialiased filter) and ignores the aspect ratio.

    Args:
        content: the file's bytes.
        name: for messages.
        channels: 1, 3, or None for what the file has.
        size: (H, W), or None for what the file has.

    Raises:
        EdgepruneError: the file is not an image, is corrupt or truncated, or has more than 8 bits per channel.
        MemoryError: there is not enough memory, whatever the file is like.
    """
    with _decoding(content, name) as image:
        if image.getexif().get(_ORIENTATION, 1) != 1:
            image = ImageOps.exif_transpose(image)
        mode = image.mode
        if mode.startswith(_DEEP):
            raise EdgepruneError(
                f"has more than 8 bits per channel (mode {mode})", file=name, remedy="convert it to 8 bits"
            )
        wanted = {None: "L" if mode in GREY else "RGB", 1: "L", 3: "RGB"}[channels]
        if mode != wanted:
            image = image.convert(wanted)
        if size is not None and image.size != (size[1], size[0]):
            image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
        pixels = np.asarray(image)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def decode_mask(content: bytes, name: str) -> np.ndarray:
    """Decode an image of class indices, grey or with a palette, to uint8 (H, W).

    Raises:
        EdgepruneError, MemoryError: as :func:`decode`, or it is in colour.
    """
    with _decoding(content, name) as image:
        if image.mode not in ("1", "L", "P"):
            problem = f"is no mask: its mode is {image.mode}, not one byte per pixel"
            remedy = "save the indices of the classes, 0 for the first, as a PNG in grey or with a palette"
            raise EdgepruneError(problem, file=name, remedy=remedy)
        return np.array(image, dtype=np.uint8)


def resize(pixels: np.ndarray, size: Sequence[int], filter: Image.Resampling) -> np.ndarray:
    """Resize uint8 (C, H, W) or (H, W) to ``size`` (H, W)."""
    planes = pixels.reshape(-1, *pixels.shape[-2:])
    resized = [np.asarray(Image.fromarray(plane).resize((size[1], size[0]), filter)) for plane in planes]
    return np.stack(resized).reshape(*pixels.shape[:-2], *size)


@contextlib.contextmanager
def _decoding(content: bytes, name: str) -> Iterator[Image.Image]:
    """The image, loaded; what goes wrong in the block is told of the file ``name``."""
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(content)) as image:
            warnings.simplefilter("ignore")  # notes on odd metadata; a real defect raises
            image.load()
            yield image
    except (EdgepruneError, MemoryError):
        raise
    except Exception as error:  # Pillow's decoders raise nearly anything on bytes that are not an image
        if isinstance(error, OSError) and "out of memory" in str(error):
            raise MemoryError(str(error)) from error
        remedy = "remove the file, or replace it by a whole one"
        raise EdgepruneError(f"is not a whole image ({error})", file=name, remedy=remedy) from error
