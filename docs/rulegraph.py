"""Draw the rules and what they hand to each other, as Mermaid, from Snakemake's own rule graph.

    python docs/rulegraph.py

writes docs/rulegraph.md, one graph per study of the published setting, and the small graph in README.md. Rules that
only write settings to files are left out, and so are arrows that a longer way implies: too dense to read otherwise.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[1]
CONFIG = "config/paper.yaml"
PAGE, README = "docs/rulegraph.md", "README.md"
SMALL = "neo2025_tab1"
"""The rule whose way from the data is shown in the README."""
SETTINGS = re.compile(
    r"write_(model_identity|model_settings|settings_part|wanted_settings|deciding_settings|\w+_protocol)"
)
BLOCK = re.compile(r"(?<=<!-- rule graph -->\n)```mermaid\n.*?```(?=\n)", re.S)
HEAD = """# Rule graph

What each study's rules hand to each other in the published setting, from data and checkpoints on the left to the
study's list of items. Made by `python docs/rulegraph.py` from `snakemake --rulegraph`; a test fails when it is out of
date. Rules that only write settings to files are left out, and so are arrows that a longer way implies.
"""
Graph = dict[str, set[str]]
"""Rule -> rules whose files it reads."""


def read_graph() -> Graph:
    """The rule graph of a whole run, as Snakemake gives it."""
    with tempfile.TemporaryDirectory() as folder:
        # Elsewhere, so that no results decide what is left to do.
        options = [
            "--snakefile",
            ROOT / "Snakefile",
            "--configfile",
            ROOT / CONFIG,
            "--directory",
            folder,
        ]
        command = [
            sys.executable,
            "-m",
            "snakemake",
            *options,
            "--forceall",
            "--rulegraph",
            "mermaid-js",
        ]
        ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise SystemExit(ran.stderr)
    names = dict(re.findall(r"^\s*(id\d+)\[(.+)\]$", ran.stdout, re.M))
    graph: Graph = {name: set() for name in names.values()}
    for source, target in re.findall(r"^\s*(id\d+) --> (id\d+)$", ran.stdout, re.M):
        graph[names[target]].add(names[source])
    return graph


def without(graph: Graph, left_out: Iterable[str]) -> Graph:
    """The graph without some rules."""
    gone = set(left_out)
    return {name: reads - gone for name, reads in graph.items() if name not in gone}


def before(graph: Graph, name: str) -> Graph:
    """A rule and all that it rests on."""
    found, open_ones = set(), {name}
    while open_ones:
        one = open_ones.pop()
        found.add(one)
        open_ones |= graph[one] - found
    return {one: graph[one] for one in graph if one in found}


def thinned(graph: Graph) -> Graph:
    """Only arrows that no longer way implies."""
    behind = {name: set(before(graph, name)) - {name} for name in graph}
    return {
        name: {one for one in reads if not any(one in behind[other] for other in reads - {one})}
        for name, reads in graph.items()
    }


def mermaid(graph: Graph, direction: str) -> str:
    """The graph in Mermaid's language, sorted: equal graphs give equal texts."""
    thin = thinned(graph)
    arrows = sorted((source, name) for name, reads in thin.items() for source in reads)
    lines = [f"    {source} --> {name}" for source, name in arrows]
    return "\n".join(["```mermaid", f"flowchart {direction}", *lines, "```"])


def pages(graph: Graph, readme: str) -> dict[str, str]:
    """File -> its text."""
    graph = without(graph, filter(SETTINGS.fullmatch, graph))
    studies = sorted(
        name.removeprefix("list_").removesuffix("_items")
        for name in graph
        if name.startswith("list_")
    )
    parts = [
        f"## {study}\n\n{mermaid(before(graph, f'list_{study}_items'), 'LR')}\n"
        for study in studies
    ]
    small = mermaid(before(graph, SMALL), "TB")
    return {PAGE: "\n".join([HEAD, *parts]), README: BLOCK.sub(small, readme)}


def main() -> None:
    """Write both files."""
    for name, text in pages(read_graph(), (ROOT / README).read_text(encoding="utf-8")).items():
        (ROOT / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
