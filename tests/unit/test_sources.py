"""A digest changes with the code behind a command, and with nothing else."""

import re
from pathlib import Path

import pytest

from sightline import sources

FILES = {
    "sightline/__init__.py": "",
    "sightline/cli.py": "X = 1\n",
    "sightline/top.py": "from sightline import cli, lower\nfrom sightline.deep import value\n",
    "sightline/lower.py": 'TABLE = "names.csv"\n\n\ndef f(x):\n    """Add."""\n    return x + 1\n',
    "sightline/deep.py": 'import numpy\n\nvalue = 3\nPARTS = ("page.css", "page.js")\n',
    "sightline/other.py": "value = 3\n",
    "sightline/names.csv": "a,b\n",
    "sightline/page.css": "a {}\n",
    "sightline/page.js": "f();\n",
}


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A small package in place of the real one."""
    (tmp_path / "sightline").mkdir()
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(sources, "LIBRARY", tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def fresh():
    """Each digest here is taken as a new process would take it."""
    forget()
    yield
    forget()


def forget():
    for cached in (sources._tree, sources._imports, sources._digest):
        cached.cache_clear()


def digest_after(library, name, text):
    (library / name).write_text(text)
    forget()
    return sources.code_digest("sightline.top")


def test_imports_are_followed(library):
    assert sources.imported_modules("sightline.top") == [
        "sightline.cli",
        "sightline.deep",
        "sightline.lower",
        "sightline.top",
    ]
    assert sources.foreign_imports("sightline.deep") == {"numpy"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("sightline/lower.py", FILES["sightline/lower.py"].replace("+ 1", "+ 2")),
        ("sightline/deep.py", "import numpy\n\nvalue = 4\n"),
        ("sightline/names.csv", "a,c\n"),
        ("sightline/page.css", "b {}\n"),
        ("sightline/page.js", "g();\n"),
        ("sightline/top.py", FILES["sightline/top.py"] + "more = 1\n"),
    ],
)
def test_change_of_code_or_table_shows(library, name, text):
    before = sources.code_digest("sightline.top")
    assert digest_after(library, name, text) != before


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("sightline/lower.py", FILES["sightline/lower.py"].replace("Add.", "Add one.") + "# why\n"),
        ("sightline/deep.py", FILES["sightline/deep.py"].replace("= 3", "= (\n    3\n)")),
        ("sightline/other.py", "value = 4\n"),
        ("sightline/cli.py", "X = 2\n"),
    ],
)
def test_comment_layout_and_plumbing_do_not(library, name, text):
    before = sources.code_digest("sightline.top")
    assert digest_after(library, name, text) == before


def test_unknown_module_is_named():
    with pytest.raises(ModuleNotFoundError, match=r"sightline\.nowhere"):
        sources.code_digest("sightline.nowhere")


def test_every_rule_names_the_module_it_runs():
    """The module whose digest a rule carries is the one that its command starts."""
    for file in (Path(__file__).parents[2] / "workflow" / "rules").glob("*.smk"):
        for rule in re.split(r"^rule ", file.read_text(), flags=re.M)[1:]:
            carried = re.search(r'code\("([\w.]+)"\)', rule)
            started = re.search(r"python -m ([\w.]+)", rule)
            if carried:
                assert carried[1] == started[1], rule.splitlines()[0]
