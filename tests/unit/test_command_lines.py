"""Command lines that docstrings show are understood by what they call."""

import argparse
import ast
import re
import runpy
import shlex
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

import sightline
from sightline import cli

LIBRARY = Path(sightline.__file__).parent
CALL = re.compile(r"^ *python -m (sightline\..*)", re.MULTILINE)


def shown() -> list[tuple[str, str]]:
    """File and command line of every call in the docstring of a module, which joins the lines of a call itself."""
    found = []
    for file in sorted(LIBRARY.rglob("*.py")):
        text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
        found += [(str(file.relative_to(LIBRARY)), line) for line in CALL.findall(text)]
    return found


def test_calls_are_found():
    lines = dict(shown())
    assert lines["report/items.py"].split()[:3] == ["sightline.report.items", "--study", "neo2025"]
    # One that goes on in a second line.
    assert lines["studies/khajuria2025/diagram.py"].endswith("--out fig1")


@pytest.mark.parametrize(("file", "line"), shown())
def test_a_command_line_is_understood(monkeypatch, file, line):
    """Nothing is run: every command hands its parser to `sightline.cli.run`."""
    understood = []

    def parse(_: Any, parser: argparse.ArgumentParser) -> None:
        understood.append(parser.parse_args())

    words = shlex.split(line)
    monkeypatch.setattr(cli, "run", parse)
    monkeypatch.setattr(sys, "argv", words)
    with warnings.catch_warnings():
        # Some of these modules have been imported before.
        warnings.simplefilter("ignore", RuntimeWarning)
        runpy.run_module(words[0], run_name="__main__")
    assert len(understood) == 1, f"{file}: {line}"
