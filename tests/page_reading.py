"""Reading what a page shows: numbers in its texts, colours of its pictures."""

import re
import time
from typing import Any

MINUS, TIMES, NOTHING = "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}", "\N{EN DASH}"
HEIGHTS = "all => all.map(one => Number(one.style.getPropertyValue('--share')))"
"""Heights of bars, 0 to 1."""
CELLS = "all => all.map(one => [...one.children].map(cell => cell.textContent))"
"""Texts of the rows of a table."""

_SHADES = """([selector, places]) => {
  // A copy may be read often; the page's own canvas would warn.
  const canvas = document.querySelector(selector), copy = document.createElement('canvas');
  Object.assign(copy, { width: canvas.width, height: canvas.height });
  const context = copy.getContext('2d', { willReadFrequently: true });
  context.drawImage(canvas, 0, 0);
  return places.map(([x, y]) => {
    const [red, , blue] = context.getImageData(x * canvas.width, y * canvas.height, 1, 1).data;
    return red - blue;
  });
}"""


def number(text: str) -> float:
    """A number with a minus sign, or the dash that stands for none."""
    return float(text.replace(MINUS, "-").replace(NOTHING, "nan"))


def percents(text: str) -> list[float]:
    """Numbers before a percent sign."""
    return [float(one) for one in re.findall(r"([\d.]+) %", text)]


def shades(page: Any, selector: str, places: list[tuple[float, float]]) -> list[int]:
    """Red less blue at places of a canvas, given as shares of its width and height."""
    return page.evaluate(_SHADES, [selector, places])


def wait_for_address(page: Any, part: str) -> None:
    """Until the page has put something into its address."""
    # Waiting for a function would need eval, which pages forbid.
    page.wait_for_url(lambda url: part in url)


def wait_until(page: Any, expression: str, seconds: float = 10) -> None:
    """Look again and again until an expression is true.

    Playwright's own way to wait compiles text in the page, which the pages' security policy forbids.
    """
    deadline = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, f"not true within {seconds} s: {expression}"
        page.wait_for_timeout(20)
