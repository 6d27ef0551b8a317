"""Notebooks in git are bare: no outputs, no counts of runs, nothing about who last ran them."""

import json
from pathlib import Path

import nbformat
import pytest

from sightline.studies.published import STUDIES

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def test_there_is_a_tour_and_one_notebook_per_study():
    studies = {path.parent.name for path in STUDIES.glob("*/items.csv")}
    assert {path.stem for path in NOTEBOOKS} == {"tour", *studies}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_bare(path):
    text = path.read_text(encoding="utf-8")
    nbformat.validate(json.loads(text))
    notebook = json.loads(text)
    # Anything else would change from machine to machine.
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    assert notebook["metadata"]["language_info"] == {"name": "python"}
    for cell in notebook["cells"]:
        assert cell["metadata"] == {}
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None
    assert text == json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def test_the_tour_is_ten_cells():
    cells = nbformat.read(FOLDER / "tour.ipynb", 4)["cells"]
    assert sum(cell["cell_type"] == "code" for cell in cells) == 10
