"""Image files: opened as 8-bit RGB, or refused with the name of the file and what is odd about it.

Files come from anywhere. Pillow reads 16-bit greys as almost white, takes the first of several frames without a word,
and unpacks whatever size a header claims up to a limit of its own; here each of these has an answer.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageOps

from sightline.errors import SightlineError

MOST_PIXELS = 100_000_000
"""10,000 x 10,000: ten times the largest images of the data sets here, 300 MB when unpacked."""
MOST_OBLONG = 100
"""Long side by short side: processors scale the short side to 336, which makes a strip of this a picture of 34,000."""

# Phones write a JPEG with smaller copies behind it, which Pillow counts as frames.
_FIRST_IS_THE_PICTURE = "MPO"

# Values of EXIF's orientation under which rows of the file are columns of the picture.
_ON_ITS_SIDE = range(5, 9)


class ImageFileError(SightlineError):
    """The image file of a scene is missing, unreadable, or not of the annotated size."""


def image_size(path: Path | str, upright: bool = False) -> tuple[int, int]:
    """Width and height in pixels from the header of an image file.

    Args:
        path: of the file.
        upright: as the picture is seen when it is turned as the camera noted, see `open_image`.

    Raises:
        ImageFileError: the file is missing, no image, or of a size that no study can use.
    """
    with _opened(Path(path), path) as image:
        lies = upright and image.getexif().get(ExifTags.Base.Orientation) in _ON_ITS_SIDE
        return image.size[::-1] if lies else image.size


def inspect_encoded(
    data: bytes, name: str, whole: bool = False
) -> tuple[str | None, tuple[int, int]]:
    """Format, as Pillow names it, and (width, height) in pixels of a picture that is not in a file yet.

    Args:
        data: the encoded picture.
        name: what messages call it.
        whole: whether to unpack it as well, which fails where its end is missing.

    Raises:
        ImageFileError: it is no image, damaged, or of a size that no study can use.
    """
    with _opened(io.BytesIO(data), name) as image:
        if whole:
            try:
                image.load()
            except Exception as error:  # a damaged file can fail in any way
                raise _unreadable(name, error) from error
        return image.format, image.size


def open_image(path: Path | str, upright: bool = False) -> Image.Image:
    """The picture in an image file, 8-bit RGB; 16-bit greys keep their upper half, as 16-bit colours do.

    Args:
        path: of the file.
        upright: turn it as the camera noted (EXIF orientation), as OpenCV and programs that people annotate with do;
            Pillow, which COCO's own tools read with, does not.

    Raises:
        ImageFileError: the file is missing, damaged, too large, too oblong, or holds several frames or pixels without
            a known range.
    """
    path = Path(path)
    with _opened(path, path) as image:
        try:
            frames = getattr(image, "n_frames", 1)
            if frames == 1 or image.format == _FIRST_IS_THE_PICTURE:
                turned = ImageOps.exif_transpose(image) if upright else image
                return _with_8_bits(turned).convert("RGB")
        except SightlineError as error:
            raise ImageFileError(f"{path}: {error}") from None
        except Exception as error:  # a damaged file can fail in any way
            raise _unreadable(path, error) from error
    raise ImageFileError(
        f"{path}: {frames} frames; expected one picture. Save the one that is meant as a file of its own."
    )


@contextmanager
def _opened(source: Path | BinaryIO, path: Path | str) -> Iterator[Image.Image]:
    try:
        image = Image.open(source)
    except FileNotFoundError as error:
        raise ImageFileError(
            f"{path}: no such image. Download the images of this split, or check the root folder."
        ) from error
    except Image.DecompressionBombError as error:
        raise _too_large(path, str(error)) from error
    except Exception as error:  # a damaged header can fail in any way
        raise _unreadable(path, error) from error
    with image:
        width, height = image.size
        if width * height > MOST_PIXELS:
            raise _too_large(path, f"{width} x {height} px")
        if max(width, height) > MOST_OBLONG * min(width, height):
            raise ImageFileError(
                f"{path}: {width} x {height} px; one side is more than {MOST_OBLONG} times the other. Crop it."
            )
        yield image


def _with_8_bits(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise ImageFileError(
            "pixels of 32 bits, which have no range of their own. Save it with 8 bits per channel."
        )
    return image


def _too_large(path: Path | str, what: str) -> ImageFileError:
    return ImageFileError(
        f"{path}: {what}; images of more than {MOST_PIXELS:,} pixels are not unpacked. Scale it down, and its "
        "annotations with it."
    )


def _unreadable(path: Path | str, error: Exception) -> ImageFileError:
    return ImageFileError(f"{path}: not a readable image ({error}). Download or generate it again.")
