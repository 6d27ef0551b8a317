"""Which files of this folder make up each page."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Parts:
    """Files of one page.

    Attributes:
        body: HTML with ``$places``.
        styles: CSS, in order.
        scripts: JavaScript, in order.
    """

    body: str
    styles: tuple[str, ...]
    scripts: tuple[str, ...] = ()


LENS = Parts(
    "lens.html", ("base.css", "lens.css"), ("data.js", "picture.js", "strip.js", "lens.js")
)
INDEX = Parts("index.html", ("base.css", "index.css"))
