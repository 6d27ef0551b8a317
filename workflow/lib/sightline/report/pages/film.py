"""The row of pictures at the top of an explorer."""

import base64
from collections.abc import Iterable
from html import escape
from io import BytesIO

from PIL import Image

SIDE, PICTURE_BYTES = 448, 40_000
"""Longest side of a picture, and bytes from which on it is compressed more."""


def picture(stored: bytes) -> str:
    """A JPEG as data URL, made smaller if it is large."""
    image = Image.open(BytesIO(stored))
    if len(stored) > PICTURE_BYTES:
        image = image.convert("RGB")
        image.thumbnail((SIDE, SIDE * max(1, image.height // image.width)))
        for quality in (85, 75, 65, 50):
            buffer = BytesIO()
            image.save(buffer, "JPEG", quality=quality)
            stored = buffer.getvalue()
            if len(stored) <= PICTURE_BYTES:
                break
    return f"data:image/jpeg;base64,{base64.b64encode(stored).decode()}"


def thumbnails(pictures: Iterable[tuple[bytes, str, str]]) -> str:
    """Buttons of a film, the first one chosen.

    Args:
        pictures: JPEG, name of the image, and what it shows, as plain text.
    """
    return "\n".join(
        f'<button type="button" role="radio" aria-checked="{str(number == 0).lower()}" '
        f'tabindex="{-(number > 0)}" title="{escape(shows)}"><img src="{picture(stored)}" '
        f'alt="{escape(name)}: {escape(shows)}"></button>'
        for number, (stored, name, shows) in enumerate(pictures)
    )


def names_of(objects: Iterable[str]) -> str:
    """What an image shows, in words."""
    return ", ".join(dict.fromkeys(objects)) or "no object"
