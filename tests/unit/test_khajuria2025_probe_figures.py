"""Figures and tables of the probes: numbers beside the paper's, the same bytes twice, no torch."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from sightline.studies.drawing import save_figure
from sightline.studies.khajuria2025.names import REPRESENTATIONS, ROLES
from sightline.studies.khajuria2025.probes import decoding_figure, depth_figure, measures_figure
from sightline.studies.khajuria2025.probes import tab1 as table_1
from sightline.studies.khajuria2025.probes.measurements import (
    AS_PUBLISHED,
    CORRECTED,
    IMAGE,
    LOGISTIC,
    PERCEPTRON,
    TARGETS,
    WHOLE,
)
from sightline.studies.khajuria2025.probes.measures import (
    ALL_TRAINED,
    BEST_M1,
    COLUMNS,
    GAP,
    M1,
    M2,
    PAIR_COLUMNS,
    WITHOUT_OUTLIER,
    partial,
    pearson,
    spearman,
)
from sightline.studies.khajuria2025.probes.roster import Roster
from sightline.studies.khajuria2025.probes.summarise import CELL_COLUMNS
from sightline.studies.published import load_published

ROSTER = Roster.build(
    [
        {"key": "captioning-s0", "objective": "captioning", "stands_for": "blip"},
        {"key": "untrained", "objective": "random", "weights": "random"},
    ]
)


@pytest.fixture(scope="module")
def cells() -> pd.DataFrame:
    """Made-up cells of two encoders with three layers."""
    lines = []
    for variant, probe in ((CORRECTED, LOGISTIC), (AS_PUBLISHED, PERCEPTRON)):
        for encoder in ("captioning-s0", "untrained"):
            for layer in range(3):
                for name in REPRESENTATIONS:
                    for source in (IMAGE,) if name == "CLS" else ROLES:
                        for target in TARGETS:
                            value = 0.4 + 0.1 * layer
                            lines.append(
                                (variant, probe, WHOLE, encoder, layer, name, source, target, 2,
                                 480, value, 0.02, value - 0.03, value + 0.03, 0.4)
                            )  # fmt: skip
    return pd.DataFrame(lines, columns=list(CELL_COLUMNS))


def test_heatmap_holds_this_run_and_the_paper(cells: pd.DataFrame):
    """2 x 3 panels of four columns; CLS in both rows; published cells of 12 layers."""
    data = decoding_figure.figure_data(
        cells, load_published("khajuria2025"), "fig2a", "captioning-s0"
    )
    counts = data.groupby("who").size().to_dict()
    assert counts == {CORRECTED: 72, AS_PUBLISHED: 72, "paper": 288}
    paper = data[(data["who"] == "paper") & (data["layer"] == 11)]
    cell = paper[
        (paper["source"] == "secondary") & (paper["target"] == "secondary")
        & (paper["representation"] == "avg_obj")
    ]  # fmt: skip
    assert cell["accuracy"].item() == 0.814


def test_heatmap_repeats_byte_for_byte(cells: pd.DataFrame, tmp_path):
    data = decoding_figure.figure_data(
        cells, load_published("khajuria2025"), "fig2a", "captioning-s0"
    )
    files = [
        save_figure(
            decoding_figure.draw(data, "fig2a", "captioning-s0"), tmp_path / part / "x", data
        )
        for part in "ab"
    ]
    for one, other in zip(*files, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_curves_stand_beside_the_paper_where_there_is_one(cells: pd.DataFrame):
    data = depth_figure.figure_data(cells, load_published("khajuria2025"), ROSTER)
    assert set(data.loc[data["who"] == "paper", "encoder"]) == {"captioning-s0"}
    assert set(data["target"]) == set(ROLES)
    assert len(depth_figure.draw(data, ROSTER).axes) == 8


def test_bars_show_published_measures():
    lines = [
        (CORRECTED, BEST_M1, encoder, 2, name, value, value - 0.1, value + 0.1, 480)
        for encoder in ("captioning-s0", "untrained")
        for name, value in ((M1, 0.8), (M2, 0.7), (GAP, 0.1))
    ]
    measures = pd.DataFrame(lines, columns=list(COLUMNS))
    published = load_published("khajuria2025")
    data = measures_figure.figure_data(measures, published, ROSTER, "fig6").set_index(
        ["encoder", "measure"]
    )
    assert data.loc[("captioning-s0", M1), "published"] == pytest.approx(0.844, abs=0.001)
    assert np.isnan(data.loc[("untrained", M1), "published"])
    scatter = measures_figure.figure_data(measures, published, ROSTER, "scatter")
    assert measures_figure.draw_scatter(scatter, ["captioning-s0", "untrained"]).axes


def test_table_1_has_the_published_correlations():
    """Each beside the encoders that it was published for."""
    numbers = (M2, GAP, 9, 0.3, -0.4, 0.8, 0.4, 0.1, -0.5, 0.7)
    lines = [(CORRECTED, BEST_M1, name, *numbers) for name in (ALL_TRAINED, WITHOUT_OUTLIER)]
    table = table_1.build(
        pd.DataFrame(lines, columns=list(PAIR_COLUMNS)), load_published("khajuria2025")
    )
    assert table["published_r"].tolist() == [0.7492, 0.318]
    assert table["published_p"].tolist() == [0.0201, 0.44]
    shown = table_1.display(table)
    assert shown["Published r (p)"].tolist() == ["0.75 (0.02)", "0.32 (0.44)"]
    assert shown["Encoders"].tolist() == ["9, all trained", "9, without CLIP large"]


def test_correlations_are_numpys():
    generator = np.random.default_rng(0)
    one, other = generator.normal(size=(2, 9, 3))
    expected = [np.corrcoef(one[:, n], other[:, n])[0, 1] for n in range(3)]
    np.testing.assert_allclose(pearson(one, other), expected)
    assert spearman(one, np.exp(one)) == pytest.approx(np.ones(3))
    assert partial(0.5, 0.0, 0.0) == 0.5


@pytest.mark.parametrize(
    "module",
    ["decoding_figure", "depth_figure", "caption_figure", "measures_figure", "global_figure",
     "per_task", "defects_figure", "failures_figure", "similarity_figure", "tab1"],
)  # fmt: skip
def test_drawing_needs_no_torch(module: str):
    code = (
        f"import sys, sightline.studies.khajuria2025.probes.{module}; "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
