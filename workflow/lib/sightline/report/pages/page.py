"""A page from its template, styles, scripts and data: one HTML file that needs nothing but itself."""

import json
from collections.abc import Mapping
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from sightline.report.pages.packing import Blob
from sightline.report.pages.templates import Parts

FOLDER = Path(__file__).parent
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
"""The browser itself refuses every request of a page."""
FILES = POLICY.replace("img-src data:", "img-src 'self' file: data:")
"""The same for a page that shows pictures lying beside it."""

BASE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="$policy">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<link rel="icon" href="data:,">
<style>
$style
</style>
</head>
<body>
$body
$data
<script>
$script
</script>
</body>
</html>
""")


def page(
    parts: Parts,
    title: str,
    texts: Mapping[str, Any],
    html: Mapping[str, str] | None = None,
    data: Any = None,
    blobs: Mapping[str, Blob] | None = None,
    policy: str = POLICY,
) -> str:
    """The HTML of a page.

    Args:
        parts: its files.
        title: of the window, plain text.
        texts: what goes to the places of the template, as plain text.
        html: places that take HTML as it is; whoever makes it escapes what it holds.
        data: plain data that the scripts read by ``Sightline.data()``.
        blobs: packed arrays by name, read by ``Sightline.blob(name, layout)``.
        policy: what the browser may load, POLICY or FILES.
    """
    places = {name: escape(str(text)) for name, text in texts.items()}
    carried = []
    if data is not None:
        carried.append(f'<script type="application/json" id="data">{_json(data)}</script>')
    carried += [
        f'<script type="text/plain" id="blob-{escape(name)}">{blob.text}</script>'
        for name, blob in (blobs or {}).items()
    ]
    return BASE.substitute(
        policy=policy,
        title=escape(title),
        style="\n".join(map(_read, parts.styles)),
        body=Template(_read(parts.body)).substitute(places, **(html or {})),
        data="\n".join(carried),
        script="\n".join(map(_read, parts.scripts)),
    )


def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8").rstrip("\n")


def _json(data: Any) -> str:
    """JSON that cannot end the element it stands in."""
    text = json.dumps(data, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
