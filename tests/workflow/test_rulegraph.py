"""The drawn rule graphs are those of the rules as they are now."""

import importlib.util
from types import ModuleType

import pytest
from snakemake_calls import ROOT


@pytest.fixture(scope="module")
def drawing() -> ModuleType:
    """The command that draws them, docs/rulegraph.py."""
    spec = importlib.util.spec_from_file_location("rulegraph", ROOT / "docs" / "rulegraph.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_graphs_are_up_to_date(drawing):
    """If this fails: python docs/rulegraph.py."""
    readme = (ROOT / drawing.README).read_text(encoding="utf-8")
    assert len(drawing.BLOCK.findall(readme)) == 1
    made = drawing.pages(drawing.read_graph(), readme)
    assert made[drawing.PAGE].count("```mermaid") == 4
    for name, text in made.items():
        assert (ROOT / name).read_text(encoding="utf-8") == text, f"{name} is out of date"


def test_arrows_that_a_longer_way_implies_are_left_out(drawing):
    graph = {"a": set(), "b": {"a"}, "c": {"a", "b"}, "d": {"c", "a"}, "other": set()}
    thin = {"a": set(), "b": {"a"}, "c": {"b"}, "d": {"c"}, "other": set()}
    assert drawing.thinned(graph) == thin
    assert drawing.before(graph, "c") == {"a": set(), "b": {"a"}, "c": {"a", "b"}}
    assert drawing.without(graph, ["b"])["c"] == {"a"}


def test_a_small_graph_stands_in_place_of_the_old_one(drawing):
    graph = {"data": set(), "neo2025_tab1": {"data"}, "list_neo2025_items": {"neo2025_tab1"}}
    readme = "before\n<!-- rule graph -->\n```mermaid\nold\n```\nafter\n"
    made = drawing.pages(graph, readme)
    arrows = "```mermaid\nflowchart TB\n    data --> neo2025_tab1\n```"
    assert made["README.md"] == f"before\n<!-- rule graph -->\n{arrows}\nafter\n"
    assert "## neo2025\n" in made["docs/rulegraph.md"]
