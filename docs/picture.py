"""Take the README's picture of a finished run: the top of its gallery, as a browser shows it.

    python docs/picture.py results/demo

needs Chromium and what `pip install -e '.[test]'` adds. 256 colours are enough, and keep the file small.
"""

import argparse
import io
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

PICTURE = Path(__file__).parent / "gallery.png"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SIZE = {"width": 1280, "height": 1000}


def take(page: Path) -> Image.Image:
    """A page opened from its file, at rest."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise SystemExit(f"no browser: none of {', '.join(BROWSERS)} is installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        window = browser.new_page(viewport=SIZE)
        window.goto(page.resolve().as_uri())
        window.wait_for_selector("html[data-ready]")
        window.wait_for_load_state("networkidle")
        shown = window.screenshot()
        browser.close()
    return Image.open(io.BytesIO(shown)).convert("RGB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Take the README's picture of a run.")
    parser.add_argument("run", type=Path, help="folder of a finished run, such as results/demo")
    shown = take(parser.parse_args().run / "site" / "index.html")
    shown.quantize(256, dither=Image.Dither.NONE).save(PICTURE, optimize=True)
