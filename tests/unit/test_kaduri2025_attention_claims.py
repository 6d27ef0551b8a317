"""From attention tables to effects, verdicts and figures."""

from functools import cache

import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.container import BarContainer
from matplotlib.figure import Figure

import kaduri2025_attention_fakes as fakes
from kaduri2025_fakes import DEPTH, PROTOCOL
from sightline.files import write_csv
from sightline.studies.claims import INCONCLUSIVE, NOT_REPLICATED, NOT_RUN, REPLICATED
from sightline.studies.drawing import INK, MUTED
from sightline.studies.kaduri2025.attention import (
    fractions_figure,
    gallery_figure,
    localisation_figure,
    maps_figure,
    phrases_figure,
    shown,
    visible_figure,
)
from sightline.studies.kaduri2025.attention.claims import VARIANTS, judge_attention
from sightline.studies.kaduri2025.attention.effects import lost_objects, read_effects, summarise
from sightline.studies.kaduri2025.attention.measurements import (
    AS_PUBLISHED,
    IMAGE,
    TEXT,
    MeasurementError,
)
from sightline.studies.kaduri2025.attention.paper import bin_accuracies, share_curve
from sightline.studies.kaduri2025.windows import Window
from sightline.studies.published import load_published

PAPER = "InternVL2-76B"


@cache
def effects_of(strong: bool = True, truth: float = 0.95) -> dict[str, pd.DataFrame]:
    """Effects of the made-up measurements."""
    tables = fakes.attention_tables(strong=strong)
    return summarise(
        tables, fakes.judged_sweep(strong=strong), fakes.knockout(truth=truth), PROTOCOL
    )


def verdicts(effects: dict[str, pd.DataFrame]) -> dict[tuple[str, str], str]:
    """Verdict by claim and variant, from the first row of each."""
    found: dict[tuple[str, str], str] = {}
    for row in judge_attention(
        effects["contrasts"], load_published("kaduri2025"), ["toy"], "world"
    ):
        found.setdefault((row.claim, row.variant), row.verdict)
    return found


def test_strong_replication_holds_in_every_variant():
    found = verdicts(effects_of())
    assert set(found) == {(claim, one) for claim, variants in VARIANTS.items() for one in variants}
    assert set(found.values()) == {REPLICATED}


def test_the_reverse_fails_in_every_claim():
    found = verdicts(effects_of(strong=False))
    assert {found[claim, AS_PUBLISHED] for claim in VARIANTS} == {NOT_REPLICATED}


def test_nothing_is_testable_on_a_model_that_does_not_describe():
    effects = effects_of(truth=0.5)
    assert set(verdicts(effects).values()) == {INCONCLUSIVE}
    rows = judge_attention(effects["contrasts"], load_published("kaduri2025"), ["toy"], "world")
    assert "not testable here: F1 of the unmodified" in next(iter(rows)).criterion


def test_a_model_without_measurements_is_not_run():
    table = effects_of()["contrasts"]
    rows = list(judge_attention(table, load_published("kaduri2025"), ["other"], "world"))
    assert {row.verdict for row in rows} == {NOT_RUN}


def test_objects_are_lost_where_the_text_no_longer_names_them():
    tables = fakes.attention_tables()
    lost = lost_objects(fakes.knockout(), tables["objects"])["toy"]
    assert {name for _, name in lost} == {"cup", "cat", "dog", "car"}
    assert len({image for image, _ in lost}) == fakes.IMAGES


def test_a_model_that_was_not_judged_is_named():
    tables = fakes.attention_tables()
    with pytest.raises(MeasurementError, match="toy"):
        summarise(tables, fakes.judged_sweep("other"), fakes.knockout(), PROTOCOL)


def test_published_shares_and_bars():
    published = load_published("kaduri2025")
    image, text = (share_curve(published, PAPER, role) for role in (IMAGE, TEXT))
    assert len(image) == 80
    # Means over the layers as the dossier has them.
    assert image.mean() == pytest.approx(0.076, abs=5e-4)
    assert text.mean() == pytest.approx(0.811, abs=5e-4)
    assert (text > 0.6).sum() == 74
    assert bin_accuracies(published, PAPER)[Window(30, 39)] == pytest.approx(0.728)
    assert bin_accuracies(published, "") == {}


def test_effects_come_back_as_written(tmp_path):
    effects = effects_of()
    for name, frame in effects.items():
        write_csv(frame, tmp_path / f"{name}.csv")
        assert tuple(read_effects(tmp_path, name).columns) == tuple(frame.columns)
    assert (read_effects(tmp_path, "contrasts")["note"] == effects["contrasts"]["note"]).all()
    write_csv(effects["spread"].drop(columns="n"), tmp_path / "spread.csv")
    with pytest.raises(MeasurementError, match="summarise_attention"):
        read_effects(tmp_path, "spread")


@pytest.fixture
def measured(tmp_path):
    """Files of one model, as the rules leave them."""
    folder = tmp_path / "toy"
    folder.mkdir()
    for name, frame in fakes.attention_tables().items():
        frame.to_parquet(folder / f"{name}.parquet")
    fakes.knockout().to_parquet(tmp_path / "knockout.parquet")
    for name, frame in effects_of().items():
        write_csv(frame, tmp_path / "effects" / f"{name}.csv")
    return tmp_path


def test_every_figure_is_drawn(measured):
    effects = {name: read_effects(measured / "effects", name) for name in effects_of()}
    published = load_published("kaduri2025")
    shares = fractions_figure.share_data(effects["fractions"], published, "toy", PAPER)
    assert set(shares["source"]) == {"this run", "published"}
    assert len(fractions_figure.draw(shares, "toy", DEPTH, fakes.MIDDLE).axes) == 2
    printed = localisation_figure.published_rows(published, PAPER)
    middles = {"toy": fakes.MIDDLE}
    drawn = localisation_figure.draw(effects["localisation"], printed, middles, "toy")
    assert len(drawn.axes) == 2
    assert len(visible_figure.draw_sweep(effects["visible"], effects["tail"], ["toy"]).axes) == 2
    assert len(visible_figure.draw_selections(effects["visible"], ["toy"]).axes) == 1


def colours_of(figure: Figure) -> dict[str, str]:
    """Label of lines and bars -> colour, without those in black and gray."""
    found = {}
    for axes in figure.axes:
        found |= {line.get_label(): to_hex(line.get_color()) for line in axes.lines}
        for bars in axes.containers:
            if isinstance(bars, BarContainer):
                found[bars.get_label()] = to_hex(bars.patches[0].get_facecolor())
    grays = {INK.lower(), MUTED.lower()}
    return {
        label: colour
        for label, colour in found.items()
        if colour not in grays and not label.startswith("_")
    }


def test_no_two_things_share_a_colour_and_none_has_two():
    effects = effects_of()
    sweep = colours_of(visible_figure.draw_sweep(effects["visible"], effects["tail"], ["toy"]))
    choices = colours_of(visible_figure.draw_selections(effects["visible"], ["toy"]))
    where = localisation_figure.draw(
        effects["localisation"].assign(other=0.1), pd.DataFrame(), {"toy": fakes.MIDDLE}, "toy"
    )
    for found in (sweep, choices, colours_of(where)):
        assert len(found) >= 4 and len(set(found.values())) == len(found)
    shared = set(sweep) & set(choices)
    assert shared == {"most attended", "random"}
    assert {label: sweep[label] for label in shared} == {label: choices[label] for label in shared}


def test_pictures_are_chosen_by_rule_and_drawn(measured):
    tables = fakes.attention_tables()
    descriptions, objects, maps = (tables[name] for name in ("descriptions", "objects", "maps"))
    lost = lost_objects(fakes.knockout(), objects)["toy"]
    chosen = phrases_figure.choose(descriptions, objects, lost)
    # Equally many in all images: the first ones drawn.
    assert list(dict.fromkeys(chosen["image_id"])) == [100, 101, 102]
    assert chosen["object"].tolist() == ["cup", "cat", "dog"] * 3
    ones = {image: shown.show(descriptions, image) for image in (100, 101, 102)}
    peaks = phrases_figure.peaks_of(chosen, tables["peaks"], ones)
    assert set(zip(peaks["row"], peaks["column"], strict=True)) == {(3, 7)}
    rings = [line for axes in phrases_figure.draw(chosen, peaks, ones).axes for line in axes.lines]
    assert len(rings) == len(chosen)
    assert {ring.get_markerfacecolor() for ring in rings} == {"none"}, "the peak would be covered"
    assert "a cup, a cat" in phrases_figure.texts(chosen, ones, "toy")
    effects = effects_of()
    groups = fakes.GROUPS
    pictures = [
        (one, {name: shown.group_map(maps, one, some) for name, some in groups.items()})
        for one in ones.values()
    ]
    spread, overlaps = effects["spread"], effects["overlaps"]
    drawn = maps_figure.draw(pictures, groups, spread, overlaps, fakes.MIDDLE)
    assert any("toy" in axes.get_ylabel() for axes in drawn.axes)
    said = gallery_figure.descriptions_of(fakes.knockout(), 100)
    assert len(said) == 4
    entries = [gallery_figure.Entry("toy", *pictures[0], said)]
    assert gallery_figure.draw(entries).axes
