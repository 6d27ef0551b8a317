"""What the lens figures say, and that their words can be read."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from neo2025_lens_fakes import PROTOCOL, lens_tables
from sightline.studies.neo2025.lens import (
    curves,
    curves_figure,
    decoded,
    effects,
    examples,
    map_figure,
    numbers_figure,
)
from sightline.studies.neo2025.lens.connected import connected
from sightline.studies.neo2025.lens.replaced_columns import COLUMNS
from sightline.studies.published import load_published

GRAY = np.full((32, 32, 3), 128, np.uint8)


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    return lens_tables()


def texts(figure: Figure) -> list[str]:
    panels = [*figure.axes, *(one for part in figure.subfigs for one in part.axes)]
    return [text.get_text() for panel in panels for text in panel.texts]


def curves_of(tables: dict[str, pd.DataFrame], scale: float = 1) -> pd.DataFrame:
    """Curves of two models, one like the other, their shares scaled."""
    rows = effects.summarise_curves(tables["states"], 0, 50)
    shares = rows["measure"] == curves.SHARE
    rows.loc[shares, ["value", "ci_low", "ci_high"]] *= scale
    both = [(part.assign(model=name)) for name in ("first", "second") for part in (rows,)]
    best = pd.concat([tables["best"].assign(model=name) for name in ("first", "second")])
    return curves_figure.curves_data(pd.concat(both), best, load_published("neo2025"))


def test_patches_that_touch_are_one_group():
    """Of six columns: a corner joins, the edge of the picture does not."""
    groups = connected([5, 6, 0, 7, 13, 20], 6)
    assert [group.tolist() for group in groups] == [[0, 6, 7, 13, 20], [5]]


def test_published_share_is_told_where_the_axis_ends_below_it(tables):
    """It belongs to the first model alone, and each panel has a letter of its own."""
    data = curves_of(tables, scale=0.1)
    (printed,) = data[data["series"] == curves_figure.PRINTED].itertuples()
    assert (printed.model, printed.value) == ("first", 23.7)
    assert printed.state == pytest.approx(25.7 / 32 * (printed.states - 1))
    said = texts(curves_figure.draw(data))
    (note,) = [text for text in said if "published 23.7 %" in text]
    assert note.startswith("off the scale") and "depth 0.80" in note
    assert [text for text in said if len(text) == 1] == list("abcdef")


def test_published_share_is_drawn_where_the_axis_holds_it(tables):
    figure = curves_figure.draw(curves_of(tables))
    assert not any("off the scale" in text for text in texts(figure))
    marks = [line for line in figure.axes[0].get_lines() if "published" in line.get_label()]
    assert [mark.get_ydata().tolist() for mark in marks] == [[23.7]]
    assert figure.axes[0].get_ylim()[1] > 23.7


def test_a_word_is_written_once_per_group_and_below_the_last():
    """Neighbours that say the same share a word; two words do not lie on each other."""
    said = [(9, "nine", False), (10, "nine", False), (17, "nine", False), (18, "eight", True)]
    rows = [
        ("toy", 1, numbers_figure.BEFORE, token, 7, text, 1, 0.5, False, new)
        for token, text, new in said
    ]
    replaced = pd.DataFrame(rows, columns=list(COLUMNS))
    bars = numbers_figure.summary(replaced, 60)
    figure = numbers_figure.draw(replaced, bars, {1: GRAY}, 8)
    words = [text for text in figure.subfigs[1].axes[0].texts if text.get_text() != "none left"]
    assert sorted(text.get_text() for text in words) == ["eight", "nine (3)"]
    heights = [text.get_position()[1] for text in words]
    assert abs(np.diff(heights).item()) >= numbers_figure.LINE * 8
    assert min(text.get_position()[0] for text in words) > 8, "beside the picture"


def test_a_handful_of_images_is_no_bar(tables):
    """Sixty images have bars, one has a point that says how few it stands for."""
    few = tables["replaced"][tables["replaced"]["image_id"] == 1]
    figure = numbers_figure.draw(few, numbers_figure.summary(few, 60), {}, 8)
    assert len(figure.axes[0].patches) == 1
    assert "1 of 1: too few for a share" in texts(figure)
    many = numbers_figure.summary(tables["replaced"], 60)
    assert len(numbers_figure.draw(tables["replaced"], many, {}, 8).axes[0].patches) == 3


def test_every_group_of_patches_is_named_beside_it(tables):
    """Two cats, in opposite corners, small enough for a name to cover them."""
    cats = [0, 1, 14 * 13 + 12, 14 * 13 + 13]
    rows = [
        (0, 0, 14, token, 11, 8, "cat", 0.5, "", "cat" if token in cats else "")
        for token in range(14 * 14)
    ]
    patches = pd.DataFrame(rows, columns=list(examples.PATCH_COLUMNS))
    maps = effects.summarise_maps(tables["maps"], PROTOCOL, 50)
    maps = maps[(maps["variant"] == decoded.EVERY) & (maps["state"] == 7)]
    figure = map_figure.draw(patches, {0: GRAY}, maps, "toy")
    figure.draw_without_rendering()
    panel = figure.axes[1]
    boxes = [text.get_window_extent() for text in panel.texts]
    assert [text.get_text() for text in panel.texts] == ["cat", "cat"]
    middles = [(patch.get_x() + 0.44, patch.get_y() + 0.44) for patch in panel.patches]
    for box in boxes:
        assert panel.bbox.contains(box.x0, box.y0) and panel.bbox.contains(box.x1, box.y1)
        assert not any(box.contains(*panel.transData.transform(one)) for one in middles)
