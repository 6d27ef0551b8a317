"""A digest changes with the code behind a command, and with nothing else."""

import ast
import re
from pathlib import Path

import pytest

from sightline import sources
from sightline.models.registry import FAMILIES

FILES = {
    "sightline/__init__.py": "",
    "sightline/cli.py": "X = 1\n",
    "sightline/top.py": "from sightline import cli, lower\nfrom sightline.deep import value\n",
    "sightline/lower.py": 'TABLE = "names.csv"\n\n\ndef f(x):\n    """Add."""\n    return x + 1\n',
    "sightline/deep.py": 'import numpy\n\nvalue = 3\nPARTS = ("page.css", "page.js")\n',
    "sightline/other.py": "value = 3\n",
    "sightline/chooser.py": 'from importlib import import_module\n\nx = import_module(f"sightline.kinds.{name}")\n',
    "sightline/kinds/__init__.py": "",
    "sightline/kinds/first.py": "from sightline import other\n",
    "sightline/kinds/second.py": "value = 1\n",
    "sightline/names.csv": "a,b\n",
    "sightline/page.css": "a {}\n",
    "sightline/page.js": "f();\n",
}


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A small package in place of the real one."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
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


def test_modules_chosen_by_name_all_count(library):
    """Which one it will be is not known before it runs."""
    assert sources.imported_modules("sightline.chooser") == [
        "sightline.chooser",
        "sightline.kinds",
        "sightline.kinds.first",
        "sightline.kinds.second",
        "sightline.other",
    ]


@pytest.mark.parametrize(
    "module",
    [
        "sightline.models.loading",
        "sightline.studies.qian2025.masks.geometry",
        "sightline.studies.qian2025.items.explorer",
    ],
)
def test_every_family_is_behind_what_loads_models(module):
    """Without this, a corrected adapter would leave every result as it was."""
    folder = Path(sources.__file__).parent / "models" / "adapters"
    adapters = {f"sightline.models.adapters.{file.stem}" for file in folder.glob("[!_]*.py")}
    assert len(adapters) == len(FAMILIES)
    assert adapters <= set(sources.imported_modules(module))


def test_no_module_is_chosen_in_a_way_the_digest_does_not_see():
    """A name put together otherwise would be in no digest."""
    for file in Path(sources.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and "import_module" in ast.unparse(node.func):
                foreign = isinstance(node.args[0], ast.Constant)
                assert foreign or sources._chosen_from(node), file


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
