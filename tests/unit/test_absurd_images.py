"""Images that nobody expects: each is read as what it shows, or refused with its name and a reason."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from absurd_images import png_that_claims
from sightline.scenes.pictures import MOST_PIXELS, ImageFileError, image_size, open_image
from sightline.scenes.scene import Scene
from sightline.scenes.yes_no import YesNoQuestion


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def noise(width: int = 64, height: int = 48) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


FRAMES = [Image.new("RGB", (8, 6), color) for color in ("red", "blue", "green")]
JPEG = encoded(noise(), "JPEG")
REFUSED = {
    "empty.jpg": (b"", "not a readable image"),
    "text.jpg": (b"<html>404 Not Found</html>", "not a readable image"),
    "cut.jpg": (JPEG[: len(JPEG) // 2], "not a readable image"),
    "cut.png": (encoded(noise(), "PNG")[:2000], "not a readable image"),
    "header.jpg": (JPEG[:300], "not a readable image"),
    "large.png": (png_that_claims(20_000, 20_000), "not unpacked. Scale it down"),
    "just_too_large.png": (png_that_claims(10_001, 10_000), "10001 x 10000 px"),
    "bomb.png": (png_that_claims(2**31 - 1, 2**31 - 1), "not unpacked"),
    "strip.png": (png_that_claims(20_000, 1), "more than 100 times the other"),
    "nothing.png": (png_that_claims(0, 8), "not a readable image"),
    "animated.gif": (
        encoded(FRAMES[0], "GIF", save_all=True, append_images=FRAMES[1:]),
        "3 frames; expected one picture",
    ),
    "animated.png": (
        encoded(FRAMES[0], "PNG", save_all=True, append_images=FRAMES[1:]),
        "3 frames",
    ),
    "animated.webp": (
        encoded(FRAMES[0], "WEBP", save_all=True, append_images=FRAMES[1:], lossless=True),
        "3 frames",
    ),
    "float.tif": (encoded(Image.new("F", (8, 6), 0.5), "TIFF"), "pixels of 32 bits"),
    "wide.tif": (encoded(Image.new("I", (8, 6), 70_000), "TIFF"), "pixels of 32 bits"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_one_picture_is_refused_by_name(tmp_path, name):
    content, message = REFUSED[name]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ImageFileError, match=message) as caught:
        open_image(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_large_images_are_refused_before_they_are_unpacked(tmp_path):
    """Header alone: no memory is spent on 1.2 GB of pixels."""
    path = tmp_path / "large.png"
    path.write_bytes(png_that_claims(20_000, 20_000))
    with pytest.raises(ImageFileError, match="not unpacked"):
        image_size(path)
    assert 20_000 * 20_000 > MOST_PIXELS


def test_every_cut_of_a_jpeg_is_refused_or_whole(tmp_path):
    """No cut gives a picture with a grey lower half."""
    path, whole = tmp_path / "x.jpg", np.asarray(noise())
    path.write_bytes(JPEG)
    whole = np.asarray(open_image(path))
    read = 0
    for length in range(0, len(JPEG), 97):
        path.write_bytes(JPEG[:length])
        try:
            found = np.asarray(open_image(path))
        except ImageFileError:
            continue
        read += 1
        np.testing.assert_array_equal(found, whole)
    assert read == 0


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_flipped_bits_raise_nothing_else(tmp_path, kind):
    """A JPEG has no checksum: some flips give other pixels, but none a bare traceback."""
    content, path = bytearray(encoded(noise(), kind)), tmp_path / "x"
    rng = np.random.default_rng(1)
    refused = 0
    for place, bit in zip(rng.integers(0, len(content), 300), rng.integers(0, 8, 300), strict=True):
        flipped = bytearray(content)
        flipped[place] ^= 1 << bit
        path.write_bytes(flipped)
        try:
            assert open_image(path).mode == "RGB"
        except ImageFileError:
            refused += 1
    assert refused > (280 if kind == "PNG" else 0)


def test_16_bit_greys_keep_their_shades(tmp_path):
    """Pillow alone would make every shade above 255 white."""
    shades = (np.arange(48 * 64, dtype=np.uint32) * 21).astype(np.uint16).reshape(48, 64)
    path = tmp_path / "grey.png"
    Image.fromarray(shades).save(path)
    found = np.asarray(open_image(path))
    np.testing.assert_array_equal(found, np.repeat((shades >> 8)[..., None], 3, axis=2))


def test_cmyk_is_read_as_colours(tmp_path):
    path = tmp_path / "print.jpg"
    Image.new("RGB", (16, 16), (200, 30, 40)).convert("CMYK").save(path, quality=95)
    found = open_image(path)
    assert found.mode == "RGB"
    np.testing.assert_allclose(np.asarray(found)[8, 8], (200, 30, 40), atol=3)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "RGB"])
def test_every_mode_of_8_bits_or_less_becomes_rgb(tmp_path, mode):
    path = tmp_path / "x.png"
    Image.new("RGB", (8, 6), "white").convert(mode).save(path)
    found = open_image(path)
    assert (found.mode, found.size) == ("RGB", (8, 6))
    assert (np.asarray(found) == 255).all()


def test_one_pixel_is_a_picture(tmp_path):
    path = tmp_path / "dot.png"
    Image.new("RGB", (1, 1), "red").save(path)
    assert Scene(1, path, 1, 1).image().getpixel((0, 0)) == (255, 0, 0)


def test_pictures_of_phones_are_their_first_frame(tmp_path):
    """MPO is a JPEG with smaller copies behind it."""
    path = tmp_path / "phone.jpg"
    noise().save(path, "MPO", save_all=True, append_images=[noise(32, 24)])
    assert open_image(path).size == (64, 48)


def test_questions_and_scenes_refuse_alike(tmp_path):
    path = tmp_path / "empty.jpg"
    path.write_bytes(b"")
    for read in (Scene(1, path, 8, 6).image, YesNoQuestion("count", path, "?", "yes").picture):
        with pytest.raises(ImageFileError, match=r"empty\.jpg: not a readable image"):
            read()


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(ImageFileError, match=r"none\.png: no such image"):
        open_image(tmp_path / "none.png")
    with pytest.raises(ImageFileError, match="not a readable image"):
        open_image(Path(tmp_path))
