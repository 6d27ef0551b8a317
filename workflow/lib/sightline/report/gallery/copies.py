"""What the gallery takes into its own folder, so that the folder can be moved or sent as it is.

files/<study>/<name>                  figures, tables and data of the study, under their own names
files/<study>/<item>/...              pages that an explorer leads to, where it expects them
files/<study>/published/<item>.csv    published numbers of an item
files/<study>/small/<item>.webp       its picture, small, for the overview
"""

import shutil
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from PIL import Image

from sightline.files import write_csv
from sightline.report.gallery.entries import Entry

SMALL = 560
"""Width of a small picture, twice that of a card."""


@dataclass(frozen=True)
class Picture:
    """A picture in the gallery's folder.

    Attributes:
        address: seen from the gallery.
        width: in pixels.
        height: in pixels.
        small: address of the small one.
    """

    address: str
    width: int
    height: int
    small: str


class Copies:
    """Puts files of a run below a folder and tells their addresses.

    Args:
        run: folder of the run.
        folder: where copies go; made anew.
    """

    def __init__(self, run: Path, folder: Path) -> None:
        self.run = run
        self.folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)

    def file(self, study: str, name: str) -> str:
        """Copy a file of a study, and with a page all pages it leads to; its address."""
        self._copy(study, Path(name))
        return f"{self.folder.name}/{study}/{name}"

    def picture(self, entry: Entry) -> Picture | None:
        """Copy the picture of an item and make a small one."""
        name = entry.file("png")
        if not name:
            return None
        address = self.file(entry.study, name)
        target = self.folder / entry.study / "small" / f"{entry.item}.webp"
        target.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(self.run / entry.study / name) as stored:
            width, height = stored.size
            small = stored.convert("RGB")
            # Long pictures show their beginning: whole, they would be a grey stripe.
            small = small.crop((0, 0, width, min(height, width)))
            small.thumbnail((SMALL, SMALL))
            small.save(target, "WEBP", quality=82, method=6)
        return Picture(
            address,
            width,
            height,
            f"{self.folder.name}/{target.relative_to(self.folder).as_posix()}",
        )

    def published(self, entry: Entry) -> str:
        """Write the published numbers of an item; their address, empty if there are none."""
        if entry.published.empty:
            return ""
        target = self.folder / entry.study / "published" / f"{entry.item}.csv"
        write_csv(
            entry.published.assign(
                value=entry.published["value"]
                .astype(object)
                .where(entry.published["value"].notna(), "unknown")
            ),
            target,
        )
        return f"{self.folder.name}/{target.relative_to(self.folder).as_posix()}"

    def _copy(self, study: str, name: Path) -> None:
        source, target = self.run / study / name, self.folder / study / name
        if target.exists():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        if name.suffix == ".html":
            for link in page_links(source.read_text(encoding="utf-8")):
                # Only what lies in the study's own folder belongs to it.
                path = (source.parent / link).resolve()
                inside = path.is_relative_to((self.run / study).resolve())
                if inside and path.is_file():
                    self._copy(study, path.relative_to((self.run / study).resolve()))


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if tag == "a" and name == "href" and value:
                self.found.append(value)


def page_links(text: str) -> list[str]:
    """Paths of other files that a page leads to, without repetition."""
    parser = _Links()
    parser.feed(text)
    parts = [urlsplit(link) for link in parser.found]
    return list(
        dict.fromkeys(
            unquote(one.path) for one in parts if one.path and not one.scheme and not one.netloc
        )
    )
