"""The command of an explorer: the page of one model, or the list of the pages of all."""

import argparse
from collections.abc import Callable
from pathlib import Path

from sightline.files import atomic_path
from sightline.report.pages.listing import list_page


def page_parser(description: str) -> argparse.ArgumentParser:
    """Options that all explorers have."""
    parser = argparse.ArgumentParser(description=description)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--tables", type=Path, help="folder of what was measured: its page")
    what.add_argument("--pages", type=Path, nargs="+", help="pages: the list of them")
    parser.add_argument("--out", required=True, type=Path, help="HTML file")
    return parser


def write_page(
    arguments: argparse.Namespace, build: Callable[[Path], str], title: str, lead: str
) -> None:
    """Write one page, or the list of pages.

    Args:
        arguments: of `page_parser`.
        build: the page from its folder of tables.
        title: of the list.
        lead: what the pages show, in one sentence.
    """
    if arguments.tables:
        text = build(arguments.tables)
    else:
        text = list_page(arguments.pages, arguments.out, title, lead)
    with atomic_path(arguments.out) as temporary:
        temporary.write_text(text, encoding="utf-8")
