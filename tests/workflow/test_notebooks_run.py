"""Every notebook runs from top to bottom: the tour on the demo model, the others on results of small runs."""

import os
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient
from PIL import Image
from snakemake_calls import ROOT, TINY

from gallery_fakes import claim
from sightline.files import write_csv
from sightline.report.items import item_status
from sightline.studies.claims import read_claims, write_claims
from sightline.studies.published import load_items, output_files

FOLDER = ROOT / "notebooks"
REST = sorted({path.stem for path in FOLDER.glob("*.ipynb")} - {"tour", *TINY["studies"]})


def execute(name: str) -> list[dict[str, Any]]:
    """Outputs of the code cells of a notebook, one after the other."""
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", 4)
    client = NotebookClient(notebook, timeout=None, resources={"metadata": {"path": str(FOLDER)}})
    client.execute()
    assert all(cell["execution_count"] for cell in notebook["cells"] if cell["cell_type"] == "code")
    return [out for cell in notebook["cells"] for out in cell.get("outputs", ())]


def texts(outputs: list[dict[str, Any]]) -> str:
    """All text that was shown, Markdown included."""
    parts = []
    for out in outputs:
        data = out.get("data", {})
        parts += [out.get("text", ""), data.get("text/plain", ""), data.get("text/markdown", "")]
    return "\n".join(parts)


def pictures(outputs: list[dict[str, Any]]) -> int:
    return sum("image/png" in out.get("data", {}) for out in outputs)


def write_items(run: Path, study: str) -> None:
    """All items that a study promises but the last, as files that hold little, and one claim."""
    folder = run / study
    folder.mkdir(parents=True)
    for item in load_items(study).to_dict("records")[:-1]:
        for name in output_files(item["item"], item["outputs"]):
            if name.endswith(".png"):
                Image.new("RGB", (8, 8), "gray").save(folder / name)
            else:
                (folder / name).write_text(f"words\nWords of {item['item']}\n")
    write_claims(
        [claim(study, "C1", "replicated"), claim(study, "C2", "inconclusive")],
        folder / "claims.csv",
    )
    write_csv(item_status(study, load_items(study), folder), folder / "items.csv")


@pytest.fixture
def own_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel inherits the environment; the library is there whether installed or not."""
    library = ROOT / "workflow" / "lib"
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(library), os.environ.get("PYTHONPATH", "")])
    )


def test_the_tour_shows_what_the_model_sees(own_library):
    outputs = execute("tour")
    said = texts(outputs)
    assert pictures(outputs) == 3
    assert "layer 0:" in said and "IoU with the" in said and "of 5 lie on the" in said


@pytest.mark.parametrize("study", TINY["studies"])
def test_a_study_is_read_from_a_real_run(tiny_run, study, monkeypatch, own_library):
    run = tiny_run[0] / "results" / "tiny"
    monkeypatch.setenv("SIGHTLINE_RESULTS", str(run))
    outputs = execute(study)
    said = texts(outputs)
    claims = read_claims(run / study / "claims.csv")
    assert claims[0].claim in said and claims[0].statement[:20] in said
    items = pd.read_csv(run / study / "items.csv")
    assert pictures(outputs) >= 3 and items["item"].iloc[0] in said
    assert "was not run" not in said


@pytest.mark.parametrize("study", REST)
def test_a_study_is_read_from_files_of_its_kind(tmp_path, study, monkeypatch, own_library):
    write_items(tmp_path, study)
    monkeypatch.setenv("SIGHTLINE_RESULTS", str(tmp_path))
    outputs = execute(study)
    said = texts(outputs)
    assert f"Statement C2 of {study}" in said and "2 claims: 1 replicated" in said
    assert "Words of tab1" in said and pictures(outputs) >= 2


def test_a_run_without_the_study_says_what_to_do(tmp_path, monkeypatch, own_library):
    monkeypatch.setenv("SIGHTLINE_RESULTS", str(tmp_path))
    with pytest.raises(Exception, match="snakemake --cores all qian2025"):
        execute("qian2025")
