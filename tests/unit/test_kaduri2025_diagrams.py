"""Figures 2 a, 3 and 8: what they show is what the run measured, chosen by rule."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from kaduri2025_fakes import NAMES, knockout_measurements
from kaduri2025_page_fakes import GRIDS, LAYERS, routes_tables
from kaduri2025_reprompt_fakes import answers
from sightline.errors import SightlineError
from sightline.files import sha256
from sightline.instruments.edges import resolve
from sightline.instruments.interventions import Condition
from sightline.instruments.similarity import top_tokens
from sightline.models.roles import TokenRoles
from sightline.scenes.tokens import Grid
from sightline.studies.drawing import INK, MUTED, save_figure
from sightline.studies.judging.comparison import Comparison
from sightline.studies.kaduri2025.coloured import lines_of, words_of
from sightline.studies.kaduri2025.judge import protocol_figure
from sightline.studies.kaduri2025.knockout import diagram, edges
from sightline.studies.kaduri2025.knockout.conditions import (
    ALL,
    BOTH,
    GENERATED,
    KNOCKOUTS,
    MAIN,
    NONE,
    QUERY,
    VARIANTS,
    Cut,
)
from sightline.studies.kaduri2025.knockout.descriptions import DescriptionError
from sightline.studies.kaduri2025.knockout.routes import Routes, read_routes
from sightline.studies.kaduri2025.reprompt import scheme, scheme_case
from sightline.studies.kaduri2025.reprompt.measurements import RepromptError

REFERENCE = "A cat, two dogs and a mug."
IMAGE = 7
"""The first image of the made-up page."""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    for name, table in routes_tables().items():
        table.to_parquet(tmp_path / f"{name}.parquet")
    return tmp_path


@pytest.fixture(scope="module")
def measured() -> pd.DataFrame:
    """Made-up descriptions, the first of them of the page's first image."""
    rows = knockout_measurements(images=3)
    return rows.assign(image_id=rows["image_id"].replace(100, IMAGE))


def two_pairs(measured: pd.DataFrame) -> pd.DataFrame:
    """All texts empty but those of image 101: objects kept, missed and invented."""
    rows = measured.copy()
    here = (rows["image_id"] == 101) & (rows["wording"] == MAIN)
    rows.loc[here & (rows["condition"] == NONE), "text"] = REFERENCE
    chosen = here & (rows["condition"] == QUERY) & (rows["layers"] == ALL)
    found = Comparison.of_sets(["cat", "dog", "mug"], ["cat", "hat"]).to_row()
    rows.loc[chosen, ["text", *found]] = ["A cat with a hat.", *found.values()]
    return rows


def words_in(figure: Figure) -> set[str]:
    return {text.get_text() for axes in figure.axes for text in axes.texts}


def test_objects_are_coloured_also_in_the_plural_and_before_a_comma():
    words = words_of(REFERENCE, {"cat": "red", "dog": "blue"})
    assert [(one.text, one.colour) for one in words if one.colour != INK] == [
        ("cat", "red"),
        ("dogs", "blue"),
    ]
    assert [one.text for one in words if one.glued] == [","]
    assert [one.colour for one in words_of("", {})] == [MUTED]


def test_lines_keep_a_comma_with_its_word_and_end_with_a_mark():
    lines = lines_of(words_of("one two, three four", {"two": "red"}), 7)
    assert [[one.text for one in line] for line in lines] == [
        ["one", "two", ","],
        ["three"],
        ["four"],
    ]
    assert lines_of(words_of("one two three", {}), 4, most=2)[-1][-1].text == "…"


def test_pair_shown_has_all_three_groups(measured):
    rows = protocol_figure.choose_pair(two_pairs(measured), "toy")
    assert rows["image_id"].tolist() == [101, 101]
    assert rows["condition"].tolist() == [NONE, QUERY]
    words = words_in(protocol_figure.draw(rows, Image.new("RGB", (40, 30))))
    assert {"in both: true positives (1)", "reference only: missed (2)"} <= words
    assert {"prediction only: invented (1)", "1 / (1 + 1)", "1 / (1 + 2)", "0.50", "0.33"} <= words
    with pytest.raises(DescriptionError, match="no description by nobody"):
        protocol_figure.choose_pair(measured, "nobody")


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("condition", KNOCKOUTS)
def test_cuts_drawn_are_those_that_the_engine_makes(condition, variant):
    """Two tokens of system, a 2 x 3 image, three of query, two that were said."""
    roles = TokenRoles(np.arange(2), np.arange(2, 8), np.arange(8, 11), grid=Grid(2, 3, 8))
    removed = edges.interventions(Cut(condition, variant, ALL, 0, 0, (0,)))
    found = resolve(Condition("tried", removed), roles, 1, 1).cut(0, np.arange(13), np.arange(13))
    places = {edges.ASKED: [8, 9], edges.LAST: [10], edges.SAID: [11, 12]}
    keys = {edges.SYSTEM: [0, 1], edges.IMAGE: range(2, 8), edges.ASKED: range(8, 11)}
    for query, rows in places.items():
        for key, columns in keys.items():
            cut = found[np.ix_(rows, list(columns))]
            assert cut.all() == cut.any() == edges.is_cut(removed, query, key), (query, key)


def test_rows_of_said_tokens_are_those_at_their_own_position(page):
    """The page has the row a token was chosen with, which belongs to the position before."""
    routes = read_routes(page)
    assert routes.image_id == IMAGE
    assert routes.labels == ["what", "?", "a", "cat"]
    assert routes.kinds == [edges.ASKED, edges.LAST, edges.SAID, edges.SAID]
    shares = pd.read_parquet(page / "shares.parquet")
    here = shares[(shares["image_id"] == IMAGE) & (shares["token"] == 3)]
    wanted = here.groupby("role", sort=False)["share"].mean().to_numpy()
    np.testing.assert_allclose(routes.shares[2], wanted, rtol=1e-6)


def test_diagram_tells_what_is_cut_and_what_is_said(page, measured):
    routes = read_routes(page)
    found = diagram.edge_rows(routes)
    cut = found[found["cut"]].groupby("condition")["kind"].agg(set).to_dict()
    assert cut == {
        GENERATED: {edges.SAID},
        QUERY: {edges.ASKED, edges.LAST},
        BOTH: {edges.ASKED, edges.LAST, edges.SAID},
    }
    assert set(found.loc[found["cut"], "role"]) == {"image"}
    words = words_in(diagram.draw(routes, found, diagram.said_rows(measured, "toy", IMAGE)))
    share = 100 * routes.shares[2:, 2].mean()
    assert f"cuts {share:.0f} % of what generated tokens see" in words
    with pytest.raises(DescriptionError, match="image 8"):
        diagram.said_rows(measured, "toy", 8)


def test_kept_tokens_are_the_most_attended_of_each_layer(page):
    look = scheme_case.read_look(page, 10.0)
    assert (look.image_id, look.grid, list(look.kept)) == (IMAGE, GRIDS[IMAGE], [0, 2, LAYERS - 1])
    maps = pd.read_parquet(page / "maps.parquet")
    for layer, kept in look.kept.items():
        # Tokens 0 and 1 are of the question.
        rows = maps[(maps["image_id"] == IMAGE) & (maps["layer"] == layer) & (maps["token"] > 1)]
        scores = torch.tensor(np.stack(rows["values"].to_list())).mean(0)
        assert kept == top_tokens(scores, 2).sort().values.tolist()


def test_contexts_and_answers_are_those_of_the_table():
    asked = answers({"full access": 1.0, "query": 0.0}, pictures=4)
    contexts = scheme_case.context_rows(asked)
    assert contexts["method"].tolist() == [
        "full access", "query + top 5 %", "query + top 2 %", "query",
    ]  # fmt: skip
    assert contexts["right"].iloc[[0, 3]].tolist() == [100, 0]
    chosen = scheme_case.choose_answers(asked)
    assert chosen["picture"].nunique() == 1
    assert chosen["question"].nunique() == scheme_case.MOST_QUESTIONS
    assert chosen.drop_duplicates("question")["truth"].tolist() == ["yes", "no"] * 2 + ["yes"]
    with pytest.raises(RepromptError, match="answer_again"):
        scheme_case.shown_methods(asked[asked["method"] == "query"])


def test_answers_stand_below_the_names_of_their_contexts(page):
    """With a mark beside the colour, and the picture told from that of the first step."""
    asked = answers({"full access": 1.0, "query": 0.0}, pictures=4)
    contexts, chosen = scheme_case.context_rows(asked), scheme_case.choose_answers(asked)
    look = scheme_case.read_look(page, 10.0)
    words = words_in(scheme.draw(look, contexts, chosen, Image.new("RGB", (40, 30))))
    heads = {word.replace("\n", " ") for word in words if "\n" in word}
    assert {"full access", "query + top 5 %", "another picture"} <= heads
    full = chosen[chosen["method"] == "full access"]
    assert {f"{scheme.MARKS[True]} {answer}" for answer in full["answer"]} <= words
    blind = chosen[chosen["method"] == "query"]
    assert {f"{scheme.MARKS[False]} {answer}" for answer in blind["answer"]} <= words


def test_one_subtask_gives_both_of_its_questions():
    chosen = scheme_case.choose_answers(answers({}, pictures=2, subtasks=("count",)))
    assert set(chosen["question"]) == {"count yes", "count no"}


def test_picture_is_found_by_its_checksum(tmp_path):
    folder = tmp_path / "eval_tool" / "Your_Results"
    folder.mkdir(parents=True)
    (tmp_path / "count").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "count" / "1.png")
    lines = [f"1.png\tIs it {word}?\t{truth}" for word, truth in (("one", "Yes"), ("two", "No"))]
    (folder / "count.txt").write_text("\n".join(lines))
    known = sha256(tmp_path / "count" / "1.png")[:16]
    assert scheme_case.picture_of(tmp_path, known).size == (4, 4)
    with pytest.raises(SightlineError, match="answer_again"):
        scheme_case.picture_of(tmp_path, "0" * 16)


def drawings(page: Path, measured: pd.DataFrame) -> dict[str, Callable[[], Figure]]:
    """Every figure, drawn anew at each call."""
    long = two_pairs(measured)
    clean = (long["image_id"] == 101) & (long["condition"] == NONE)
    long.loc[clean, "text"] = f"{REFERENCE} " * 30
    image = Image.new("RGB", (40, 30))
    asked = answers({}, pictures=3)
    asked["question"] = (
        "Is the mug in the bottom left of this image, or somewhere near? " + asked["question"]
    )
    asked["answer"] = "it is a mug"
    routes, many = read_routes(page), 40
    shares = np.tile(routes.shares[2], (many, 1))
    long_routes = Routes(
        IMAGE, ["what", "?", *["an uncommonly long word"] * many],
        [edges.ASKED, edges.LAST, *[edges.SAID] * many], np.concatenate([routes.shares[:2], shares]),
    )  # fmt: skip
    said = diagram.said_rows(measured, "toy", IMAGE).assign(text=f"{REFERENCE} " * 20)
    return {
        "fig2a": lambda: diagram.draw(routes, diagram.edge_rows(routes), said),
        "fig2a, long": lambda: diagram.draw(long_routes, diagram.edge_rows(long_routes), said),
        "fig3": lambda: protocol_figure.draw(protocol_figure.choose_pair(long, "toy"), image),
        "fig8": lambda: scheme.draw(
            scheme_case.read_look(page, 10.0), scheme_case.context_rows(asked),
            scheme_case.choose_answers(asked), image,
        ),
    }  # fmt: skip


@pytest.mark.parametrize("name", ["fig2a", "fig2a, long", "fig3", "fig8"])
def test_words_stay_within_the_frame_and_bytes_are_the_same_twice(name, page, measured, tmp_path):
    draw = drawings(page, measured)[name]
    figure = draw()
    figure.canvas.draw()
    width, height = figure.canvas.get_width_height()
    for axes in figure.axes:
        for text in axes.texts:
            box = text.get_window_extent()
            inside = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1
            assert inside, text.get_text()
    first, second = (save_figure(draw(), tmp_path / side / "drawn") for side in "ab")
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_nothing_is_named_that_was_not_measured(measured):
    """Objects in the figure are those of the judged row."""
    rows = protocol_figure.choose_pair(measured, "toy")
    groups = protocol_figure.pair_of(rows).groups
    assert set().union(*groups) == set(NAMES)
    assert rows["condition"].iloc[1] in KNOCKOUTS


def test_drawing_needs_no_torch():
    code = (
        "import sys; from sightline.studies.kaduri2025.judge import protocol_figure; "
        "from sightline.studies.kaduri2025.knockout import diagram; "
        "from sightline.studies.kaduri2025.reprompt import scheme; "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
