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


EXPLORER = ("base.css", "explorer.css")
SHARED = ("data.js", "film.js", "picture.js")

LENS = Parts("lens.html", (*EXPLORER, "lens.css"), (*SHARED, "strip.js", "lens.js"))
ROUTES = Parts("routes.html", (*EXPLORER, "routes.css"), (*SHARED, "window.js", "routes.js"))
TOKENS = Parts("tokens.html", (*EXPLORER, "tokens.css"), (*SHARED, "strip.js", "tokens.js"))
SEG = Parts("seg.html", (*EXPLORER, "seg.css"), (*SHARED, "strip.js", "seg.js"))
INDEX = Parts("index.html", ("base.css", "index.css"))
