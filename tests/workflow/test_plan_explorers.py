"""What Snakemake plans for the explorers: pages of every model and encoder, as items that can be named."""

import pytest
from snakemake_calls import ROOT, planned_jobs, snakemake

PAPER = ("--configfile", ROOT / "config" / "paper.yaml")


def planned(folder, *arguments) -> dict[str, int]:
    ran = snakemake(folder, "--dry-run", "--cores", "1", *arguments)
    assert ran.returncode == 0, ran.stdout
    return planned_jobs(ran.stdout)


@pytest.mark.parametrize(
    ("study", "jobs"),
    [
        ("kaduri2025", {"collect_attention_routes": 2, "write_attention_routes": 2}),
        ("khajuria2025", {"collect_object_tokens": 17, "write_object_tokens": 17}),
        ("qian2025", {"explore_similarity": 6, "write_similarity_page": 6}),
    ],
)
def test_an_explorer_is_an_item_with_a_page_for_every_model(tmp_path, study, jobs):
    found = planned(tmp_path, f"{study}_explorer", *PAPER)
    assert jobs | {f"{study}_explorer": 1} == {
        name: found[name] for name in (*jobs, f"{study}_explorer")
    }
    # What is drawn without it stays undrawn.
    assert not [name for name in found if name.startswith(f"{study}_fig")]


def test_study_brings_its_explorer(tmp_path):
    """Without being asked for by name, in the demo and in the published setting."""
    assert planned(tmp_path, "khajuria2025", *PAPER)["khajuria2025_explorer"] == 1
    found = planned(ROOT, "--forceall", "kaduri2025", "qian2025")
    assert found["kaduri2025_explorer"] == found["qian2025_explorer"] == 1
