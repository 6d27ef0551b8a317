"""Figures and tables of the probes: numbers beside the paper's, the same bytes twice, no torch."""

import subprocess
import sys
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from sightline.studies.drawing import new_figure, save_figure
from sightline.studies.khajuria2025.names import REPRESENTATIONS, ROLES
from sightline.studies.khajuria2025.probes import (
    caption_figure,
    decoding_figure,
    depth_figure,
    failures_figure,
    labels,
    measures_figure,
    per_task,
)
from sightline.studies.khajuria2025.probes import tab1 as table_1
from sightline.studies.khajuria2025.probes.labels import QUANTITIES
from sightline.studies.khajuria2025.probes.measurements import (
    AS_PUBLISHED,
    CORRECTED,
    IMAGE,
    LOGISTIC,
    MLP,
    PERCEPTRON,
    TARGETS,
    WHOLE,
)
from sightline.studies.khajuria2025.probes.measures import (
    ALL_TRAINED,
    BEST_GLOBAL,
    BEST_M1,
    COLUMNS,
    GAP,
    IN,
    M1,
    M2,
    M2_CORRECTED,
    NOT_IN,
    PAIR_COLUMNS,
    WITHOUT_OUTLIER,
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


def test_both_probes_of_the_control_say_how_many_tasks_they_are_means_of(cells: pd.DataFrame):
    """The multilayer perceptron may have been run on fewer than the perceptron beside it."""
    control = cells[cells["probe"] == PERCEPTRON].assign(probe=MLP, tasks=1)
    data = decoding_figure.figure_data(
        pd.concat([cells, control]), load_published("khajuria2025"), "figS1", "captioning-s0"
    )
    titles = {one.get_title(loc="left") for one in decoding_figure.draw(data, "figS1", "x").axes}
    assert {"MLP,\n1 tasks", "perceptron,\n2 tasks", "paper"} <= titles


def test_an_empty_heatmap_by_caption_says_why(cells: pd.DataFrame):
    """Here no cell was measured by caption at all."""
    data = caption_figure.figure_data(cells, load_published("khajuria2025"), "captioning-s0")
    said = [text.get_text() for one in caption_figure.draw(data, "x").axes for text in one.texts]
    assert said.count(caption_figure.TOO_FEW) == 8


def test_curves_stand_beside_the_paper_where_there_is_one(cells: pd.DataFrame):
    data = depth_figure.figure_data(cells, load_published("khajuria2025"), ROSTER)
    assert set(data.loc[data["who"] == "paper", "encoder"]) == {"captioning-s0"}
    assert set(data["target"]) == set(ROLES)
    axes = depth_figure.draw(data, ROSTER).axes
    assert len(axes) == 8
    assert axes[2].get_title(loc="left") == "paper: BLIP\nprimary"
    # The untrained encoder below stands beside nothing: the paper's columns end above it.
    assert [one.get_xlabel() for one in axes] == ["", "", *["layer"] * 4, "", ""]
    assert axes[0].get_ylim()[0] <= (data["accuracy"] - data["sd"]).min()


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


def bars(rule: str, **intervals: tuple[float, float, float]) -> pd.DataFrame:
    """Measures of one encoder by a rule: 0.5 of each, but what is given as value, low, high."""
    names = (M1, M2, M2_CORRECTED, IN, NOT_IN)
    lines = [
        (CORRECTED, rule, "captioning-s0", 2, name, *intervals.get(name, (0.5, 0.4, 0.6)), 480)
        for name in names
    ]
    return pd.DataFrame(lines, columns=list(COLUMNS))


@pytest.mark.parametrize(
    ("interval", "arrows"),
    [((0.1, -5.9, 5.7), ["v", "^"]), ((0.2, -0.3, 1.2), []), ((-4.0, -4.5, -3.0), ["v"])],
)
def test_what_leaves_the_panel_is_marked_there(
    interval: tuple[float, float, float], arrows: list[str]
):
    """An interval of a ratio over next to nothing, one that has room, and a bar cut off."""
    data = bars(BEST_M1, **{M2_CORRECTED: interval}).assign(published=np.nan)
    panel = measures_figure.draw_bars(data, "fig6", ["captioning-s0"]).axes[0]
    bottom, top = panel.get_ylim()
    marks = [one for one in panel.lines if one.get_label() == measures_figure.BEYOND]
    assert [one.get_marker() for one in marks] == arrows
    borders = {"v": bottom, "^": top}
    assert all(list(one.get_ydata()) == [borders[one.get_marker()]] for one in marks)
    assert arrows or (bottom < interval[1] and interval[2] < top)


def test_a_measure_has_one_colour_in_all_bars():
    """The global probe was another colour in the draft, which has fewer bars before it."""
    colours = []
    for item, rule in (("fig6", BEST_M1), ("fig6_draft", BEST_GLOBAL)):
        figure = measures_figure.draw_bars(
            bars(rule).assign(published=np.nan), item, ["captioning-s0"]
        )
        shown = {
            one.get_label(): one.patches[0].get_facecolor()
            for one in figure.axes[0].containers
            if hasattr(one, "patches")
        }
        colours.append([shown[name] for name in (IN, NOT_IN)])
    assert colours[0] == colours[1]


def test_scatter_holds_all_points_of_the_paper():
    """CLIP large carries the published correlation; no encoder of this run need stand for it."""
    lines = [
        (CORRECTED, BEST_M1, encoder, 2, name, 0.7, 0.6, 0.8, 480)
        for encoder in ("captioning-s0", "untrained")
        for name in (M2, GAP)
    ]
    measures = pd.DataFrame(lines, columns=list(COLUMNS))
    published = load_published("khajuria2025")
    data = measures_figure.figure_data(measures, published, ROSTER, "scatter")
    paper = data[data["variant"] == "paper"].pivot(
        index="encoder", columns="measure", values="value"
    )
    assert len(paper) == 9
    assert paper.loc["clip-l"].to_dict() == {M2: 0.9334, GAP: 0.3023}
    own, beside = measures_figure.draw_scatter(data, ["captioning-s0", "untrained"]).axes
    assert own.get_xlim() == beside.get_xlim()
    named = {one.get_text(): one.xy for one in beside.texts}
    assert named["CLIP ViT-L/14@336"] == (0.9334, 0.3023)
    assert len(named) == 9


def test_accuracies_by_task_stand_above_all_layers_of_the_paper():
    """Also above those that this run's encoder, of three layers here, has none beside."""
    lines = [
        (variant, probe, WHOLE, encoder, layer, *QUANTITIES[name], task, 40, 0.6, 0.5)
        for variant, probe in ((CORRECTED, LOGISTIC), (AS_PUBLISHED, PERCEPTRON))
        for encoder in ("captioning-s0", "untrained")
        for layer in range(3)
        for name in per_task.PUBLISHED_ROWS
        for task in range(2)
    ]
    columns = [
        "variant",
        "probe",
        "subset",
        "encoder",
        "layer",
        "representation",
        "source",
        "target",
        "task",
        "n",
        "accuracy",
        "baseline",
    ]
    published = load_published("khajuria2025")
    data = per_task.figure_data(pd.DataFrame(lines, columns=columns), published, ROSTER)
    paper = data[data["variant"] == "paper"]
    assert set(paper["encoder"]) == {"captioning-s0"}
    assert (paper.groupby(["quantity", "task"])["layer"].agg(list).map(len) == 12).all()
    own = data[(data["variant"] == CORRECTED) & (data["encoder"] == "captioning-s0")]
    keys = ["quantity", "task", "layer"]
    both = own.merge(paper, on=keys, suffixes=("", "_paper"))
    assert (both["published"] == both["accuracy_paper"]).all() and len(both) == len(own)
    figure = per_task.draw(data, ROSTER)
    rows = [one.get_ylabel() for one in figure.axes[::5]]
    assert rows == ["captioning-s0\naccuracy", "paper:\nBLIP\naccuracy", "untrained\naccuracy"]
    line = figure.axes[5].lines[0]
    expected = paper[(paper["quantity"] == "A_pp") & (paper["task"] == 0)].sort_values("layer")
    assert list(line.get_ydata()) == expected["accuracy"].tolist()


@pytest.mark.parametrize(
    ("names", "count"),
    [
        (["contrastive-0.5-s0", "captioning-0.5-s0", "clip-l-squash"], 9),
        (["contrastive-0.5-s0", "captioning-0.5-s0", "clip-l-squash"], 18),
        (["clip-l-squash", "dinov2-squash", "clip-l-224"], 18),
    ],
)
def test_names_of_neighbours_do_not_collide(names: list[str], count: int):
    """Those of the demo are broken, or turned where there are many; those of the paper are broken."""
    names = names * (count // len(names))
    with new_figure(columns=2) as (figure, panel):
        labels.encoder_ticks(panel, names)
        figure.draw_without_rendering()
        boxes = [one.get_window_extent() for one in panel.get_xticklabels()]
    assert len(boxes) == count
    assert all(one.x1 < other.x0 for one, other in pairwise(boxes))
    assert labels.broken("contrastive-0.5-s0", 12) == "contrastive-\n0.5-s0"


def test_naming_is_shown_with_its_chance_on_one_scale():
    lines = [
        ("captioning-s0", variant, test, value, value, value, 40)
        for variant, height in ((CORRECTED, 0.3), (AS_PUBLISHED, 0.4))
        for test, value in (
            ("zero-shot, in caption", height),
            ("zero-shot, not in caption", 0.1),
            (failures_figure.NAMING_CHANCE, 0.125),
        )
    ]
    data = pd.DataFrame(lines, columns=list(failures_figure.COLUMNS))
    axes = failures_figure.draw(data, ROSTER).axes
    assert axes[0].get_ylim() == axes[3].get_ylim()
    for panel in (axes[0], axes[3]):
        chance = [one.get_ydata()[0] for one in panel.lines if one.get_label() == "chance"]
        assert chance == [0.125]
    # Tables of runs before this was measured have no such row.
    older = data[data["test"] != failures_figure.NAMING_CHANCE]
    panel = failures_figure.draw(older, ROSTER).axes[0]
    assert not [one for one in panel.lines if one.get_label() == "chance"]


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
