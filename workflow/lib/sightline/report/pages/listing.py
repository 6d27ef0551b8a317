"""The list of a study's pages."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from sightline.report.pages.page import page
from sightline.report.pages.templates import INDEX


def list_page(pages: Sequence[Path], out: Path, title: str, lead: str) -> str:
    """A page with a link to each of some pages.

    Args:
        pages: files, in or below the folder of the list.
        out: file of the list.
        title: of it.
        lead: what the pages show, in one sentence.
    """
    links = "\n".join(
        f'<a class="card" href="{escape(one.relative_to(out.parent).as_posix())}">'
        f"<strong>{escape(one.stem)}</strong></a>"
        for one in pages
    )
    return page(INDEX, f"{title} · Sightline", {"title": title, "lead": lead}, {"links": links})
