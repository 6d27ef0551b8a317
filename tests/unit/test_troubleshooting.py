"""The page about error messages quotes what is really printed."""

import ast
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from sightline.sources import LIBRARY

PAGE = (Path(__file__).parents[2] / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
VARIABLE = "\0"
SECTIONS = re.split(r"^## (.+)\n", PAGE, flags=re.M)[1:]
ENTRIES = [
    (title, message, text)
    for title, part in zip(SECTIONS[::2], SECTIONS[1::2], strict=True)
    for message, text in re.findall(r"^### `(.+)`\n\n((?:(?!###).+\n)+)", part, re.M)
]


def templates(root: Path) -> str:
    """All texts in the sources below a folder, values that are filled in as one sign."""
    found = []
    for file in sorted(root.rglob("*.py")) if root.is_dir() else [root]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [
                    part.value if isinstance(part, ast.Constant) else VARIABLE
                    for part in node.values
                ]
                found.append("".join(parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return "\n".join(found)


@pytest.fixture(scope="module")
def sources() -> dict[bool, str]:
    """Texts of Snakemake and of this library."""
    snakemake = Path(find_spec("snakemake").origin).parent
    return {False: templates(LIBRARY / "sightline"), True: templates(snakemake / "exceptions.py")}


def test_every_heading_is_a_message():
    assert len(ENTRIES) == PAGE.count("\n### ") >= 25


@pytest.mark.parametrize("title, message, text", ENTRIES, ids=lambda part: str(part)[:40])
def test_message_is_in_the_sources(sources, title, message, text):
    """With a cause and a remedy below it."""
    quoted = re.sub(r"<[^<>]+>", VARIABLE, message)
    assert quoted in sources[title == "Snakemake"]
    assert text.startswith("Cause: ") and "Remedy: " in text
