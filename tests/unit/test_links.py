"""Links between the pages of the repository lead somewhere, and its picture is a small one."""

import json
import re
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / "notebooks").glob("*"),
        ROOT / "profiles" / "README.md",
    ]
)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def text_of(path: Path) -> str:
    """A page without its code, which may hold brackets of its own."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        text = "\n\n".join(
            "".join(one["source"]) for one in cells if one["cell_type"] == "markdown"
        )
    return re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)


def anchors(path: Path) -> set[str]:
    """Addresses of a page's headings, as code hosts make them."""
    titles = re.findall(r"^#+ (.+)$", text_of(path), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    for link in LINK.findall(text_of(page)):
        if link.startswith(("https://", "mailto:")):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists() and target.is_relative_to(ROOT), link
        assert not anchor or anchor in anchors(target), link


def test_pages_of_the_docs_can_be_reached_from_the_readme():
    readme = text_of(ROOT / "README.md")
    assert {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")} <= {
        link.partition("#")[0] for link in LINK.findall(readme)
    }


def test_the_picture_of_a_result_is_small():
    picture = ROOT / "docs" / "gallery.png"
    assert "](docs/gallery.png)" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert picture.stat().st_size < 200_000
    assert Image.open(picture).width == 1280
