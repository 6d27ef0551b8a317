"""From judged descriptions to numbers, figures and verdicts."""

import pandas as pd
import pytest

from kaduri2025_fakes import DEPTH, IMAGES, flat, knockout_measurements
from sightline.sources import foreign_imports, imported_modules
from sightline.studies.claims import (
    INCONCLUSIVE,
    NOT_REPLICATED,
    NOT_RUN,
    REPLICATED,
    Claim,
    read_claims,
    write_claims,
)
from sightline.studies.kaduri2025.knockout import (
    bars_figure,
    contrasts,
    curve_figure,
    example_figure,
    gist_figure,
    windows_figure,
)
from sightline.studies.kaduri2025.knockout.claims import judge_knockout
from sightline.studies.kaduri2025.knockout.conditions import (
    AFTER,
    ALL,
    AS_PUBLISHED,
    BOTH,
    GENERATED,
    KNOCKOUTS,
    MAIN,
    NONE,
    QUERY,
    SHUFFLED,
    STRICT,
    UP_TO,
)
from sightline.studies.kaduri2025.knockout.contrasts import contrast, read_contrasts
from sightline.studies.kaduri2025.knockout.descriptions import DescriptionError
from sightline.studies.kaduri2025.knockout.effects import (
    find_cells,
    read_effects,
    summarise,
)
from sightline.studies.kaduri2025.knockout.levels import ceiling_of, floor_of
from sightline.studies.kaduri2025.knockout.paper import Paper
from sightline.studies.kaduri2025.paper_models import MAIN_MODEL, SECOND_MODEL
from sightline.studies.published import load_published

PUBLISHED = load_published("kaduri2025")


@pytest.fixture(scope="module")
def measured() -> pd.DataFrame:
    return knockout_measurements()


@pytest.fixture(scope="module")
def effects(measured) -> pd.DataFrame:
    return summarise(measured, 0, 200)


@pytest.fixture(scope="module")
def table(measured) -> pd.DataFrame:
    return contrast(measured, 0, 200)


def value(table: pd.DataFrame, name: str, condition: str = "", variant: str = AS_PUBLISHED):
    found = find_cells(table, contrast=name, condition=condition, variant=variant)
    assert len(found) == 1
    return found.iloc[0]


def test_effects_average_over_images(measured, effects):
    cell = find_cells(
        effects, condition=GENERATED, layers=ALL, wording=MAIN, variant=AS_PUBLISHED
    ).iloc[0]
    rows = find_cells(measured, condition=GENERATED, layers=ALL, wording=MAIN, variant=AS_PUBLISHED)
    assert cell["f1"] == pytest.approx(rows["f1"].mean())
    assert cell["f1_sd"] == pytest.approx(rows["f1"].std(ddof=0))
    assert cell["f1_low"] < cell["f1"] < cell["f1_high"]
    assert cell["n"] == cell["images"] == IMAGES


def test_draws_of_one_image_are_one_observation(effects):
    cell = find_cells(effects, condition=SHUFFLED).iloc[0]
    assert cell["n"] == cell["truth_f1_n"] == IMAGES


def test_image_whose_reference_names_nothing_is_left_out_and_counted(measured):
    mute = (measured["image_id"] == 100) & (measured["condition"] == NONE)
    found = summarise(measured.assign(tp=measured["tp"].where(~mute, "")), 0, 100)
    assert (found["n"] == IMAGES - 1).all()
    assert (found["images"] == IMAGES).all()


def test_descriptions_without_an_object_name_neither_a_right_one_nor_a_wrong_one(measured):
    cut = (measured["condition"] == GENERATED) & (measured["layers"] == ALL)
    changed = measured.assign(tp=measured["tp"].mask(cut, ""), fp="dog")
    silent = cut & (measured["image_id"] == 100)
    changed.loc[silent, "fp"] = ""
    found = find_cells(summarise(changed, 0, 50), condition=GENERATED, layers=ALL)
    assert found["empty_share"].tolist() == pytest.approx([1 / IMAGES] * len(found))


def test_effects_survive_the_file(effects, tmp_path):
    effects.to_csv(tmp_path / "effects.csv", index=False)
    again = read_effects(tmp_path / "effects.csv")
    assert set(again["layers"]) == set(effects["layers"])
    effects.drop(columns="f1").to_csv(tmp_path / "effects.csv", index=False)
    with pytest.raises(DescriptionError, match="summarise_hidden_image"):
        read_effects(tmp_path / "effects.csv")


def test_levels(table, effects):
    floor, ceiling = value(table, contrasts.FLOOR, SHUFFLED), value(table, contrasts.CEILING)
    assert floor["value"] == pytest.approx(2 * 0.1 / 1.1) == floor_of(effects, "toy")
    assert ceiling["value"] == pytest.approx(ceiling_of(effects, "toy"))
    assert ceiling["layers"] == f"{DEPTH - 1}-{DEPTH - 1}"
    above = value(table, contrasts.ABOVE_FLOOR, GENERATED)
    below = value(table, contrasts.BELOW_CEILING, GENERATED)
    total = ceiling["value"] - floor["value"]
    assert above["value"] + below["value"] == pytest.approx(total)


def test_window_is_found_where_the_image_passes(table):
    """Everything passes through layers 5 to 7; windows are four wide and each half finds one for the other."""
    for condition in KNOCKOUTS:
        row = value(table, contrasts.OPEN_WINDOW, condition)
        for window in row["layers"].split(" or "):
            first, last = map(int, window.split("-"))
            assert first <= 5 and last >= 7
        assert row["n"] == IMAGES
        assert value(table, contrasts.RISE_SHARE, condition)["value"] > 0.9


def test_contrasts_survive_the_file(table, tmp_path):
    table.to_csv(tmp_path / "contrasts.csv", index=False)
    again = read_contrasts(tmp_path / "contrasts.csv")
    pd.testing.assert_frame_equal(again, table, check_dtype=False)
    table.drop(columns="n").to_csv(tmp_path / "contrasts.csv", index=False)
    with pytest.raises(DescriptionError, match="contrast_hidden_image"):
        read_contrasts(tmp_path / "contrasts.csv")


def judged(*measurements: pd.DataFrame, models: tuple[str, ...] = ("toy",)) -> list[Claim]:
    table = contrast(pd.concat(measurements), 0, 200)
    return list(judge_knockout(table, PUBLISHED, models, "coco"))


def verdicts(claims: list[Claim], variant: str = AS_PUBLISHED, model: str = "toy") -> dict:
    found: dict[str, str] = {}
    for claim in claims:
        if claim.variant == variant and claim.model == model:
            found.setdefault(claim.claim, claim.verdict)
    return found


EVERY = ("C2", "C3", "C4", "C5", "C6")


def test_strong_replication(measured, tmp_path):
    claims = judged(measured)
    assert verdicts(claims) == dict.fromkeys(EVERY, REPLICATED) | {"C14": NOT_RUN}
    assert set(verdicts(claims, STRICT)) == {"C2", "C3", "C5", "C6"}
    write_claims(claims, tmp_path / "claims.csv")
    assert len(read_claims(tmp_path / "claims.csv")) == len(claims)
    derived = [one for one in claims if one.metric.startswith("img→gen: ceiling minus")]
    assert derived[0].published == pytest.approx(0.457)


def test_model_without_a_middle():
    """Every layer counts as much as any other: no window suffices, none holds the rise."""
    found = verdicts(judged(knockout_measurements(kept=flat)))
    assert (found["C5"], found["C6"]) == (NOT_REPLICATED, NOT_REPLICATED)


def test_generated_tokens_that_look_for_themselves():
    """The reverse of the paper: hiding the image from the query costs nothing."""

    def reverse(cut):
        return 9 if cut.condition == QUERY else 0

    found = verdicts(judged(knockout_measurements(kept=reverse)))
    assert (found["C2"], found["C3"]) == (NOT_REPLICATED, NOT_REPLICATED)
    # Without a rise there is no place for it.
    assert found["C6"] == INCONCLUSIVE


def test_image_that_leaks_past_the_knockout():
    def leaky(cut):
        return 7

    assert verdicts(judged(knockout_measurements(kept=leaky)))["C4"] == NOT_REPLICATED


def test_model_that_describes_badly_is_not_testable():
    claims = judged(knockout_measurements(truth=0.6))
    assert {verdict for name, verdict in verdicts(claims).items() if name != "C14"} == {
        INCONCLUSIVE
    }
    assert "not testable here" in claims[0].criterion


def test_every_image_counts_for_the_windows():
    """Thirty images decide although each half alone has too few: both are tested."""
    found = verdicts(judged(knockout_measurements(images=30)))
    assert (found["C5"], found["C6"]) == (REPLICATED, REPLICATED)


def test_levels_are_those_of_the_effects(table, effects):
    """F1 itself, for the numbers that the paper printed."""
    for condition in KNOCKOUTS:
        for layers in (ALL, "after 7", "except middle"):
            row = value(table, contrasts.level_name(layers), condition)
            cell = find_cells(
                effects, condition=condition, layers=layers, wording=MAIN, variant=AS_PUBLISHED
            ).iloc[0]
            assert (row["value"], row["low"]) == pytest.approx((cell["f1"], cell["f1_low"]))


def test_few_images_decide_nothing():
    found = verdicts(judged(knockout_measurements(images=20)))
    assert set(found.values()) == {INCONCLUSIVE, NOT_RUN}


def test_second_model_decides_c14(measured):
    names = ("toy", "other")
    both = judged(measured, knockout_measurements("other"), models=names)
    assert verdicts(both, model="toy + other") == {"C14": REPLICATED}
    one = judged(measured, knockout_measurements("other", flat), models=names)
    assert verdicts(one, model="toy + other") == {"C14": NOT_REPLICATED}
    llava = [c for c in both if c.model == "other" and c.metric.startswith("img→gen: ceiling")]
    assert llava[0].published == pytest.approx(0.344)


def test_two_entries_of_one_checkpoint_are_one_model():
    """LLaVA under two system prompts is no second model; its own numbers decide, and the count stands beside."""
    names = ("llava-1.5-7b", "llava-1.5-7b-v1")
    claims = judged(*map(knockout_measurements, names), models=names)
    rows = [row for row in claims if row.claim == "C14"]
    assert {row.model for row in rows} == {"llava-1.5-7b"}
    assert "value windows for LLaVA-1.5-7B" in rows[0].criterion
    (count,) = [row for row in rows if "models on which C2 to C6 hold" in row.metric]
    assert count.metric.startswith("told beside") and count.reproduced <= 1


def test_model_without_measurements_is_listed():
    claims = judged(knockout_measurements(), models=("toy", "absent"))
    assert set(verdicts(claims, model="absent").values()) == {NOT_RUN}


def test_published_numbers_of_the_dossier():
    """Section 6: 67, 92 and 84 % of the rise between layers 20 and 40, 0.89, 0.93 and 0.91 behind it."""
    paper = Paper(PUBLISHED, MAIN_MODEL)
    shares = [paper.share_of_rise(condition)[0] for condition in KNOCKOUTS]
    assert shares == pytest.approx([0.67, 0.92, 0.84], abs=0.01)
    ends = [paper.end_of_rise(condition)[0] for condition in KNOCKOUTS]
    # The dossier divides by the end of each curve, the claims by the mean of the three ends.
    assert ends == pytest.approx([0.89, 0.94, 0.90], abs=0.01)
    for _, source in (paper.ceiling(), paper.below_ceiling(QUERY)):
        assert source.count("derived from") == 1
    assert paper.points() == (-1, 10, 20, 30, 40, 50, 60, 70)
    assert Paper(PUBLISHED, SECOND_MODEL).bar(QUERY, "except middle")[0] == 0.81
    assert Paper(PUBLISHED, "").ceiling() == (None, "")


def test_figures_draw_what_they_list(effects, measured, tmp_path):
    bars = bars_figure.bar_data(effects, PUBLISHED, ["toy"], "toy")
    assert len(bars) == 8 and bars["published"].notna().sum() == 6
    assert bars_figure.draw(bars, effects, "toy").axes
    for family, published in ((AFTER, 24), (UP_TO, 0)):
        curves = curve_figure.curve_data(effects, PUBLISHED, ["toy"], "toy", family)
        assert (curves["source"] == "published").sum() == published
        assert len(curve_figure.draw(curves, effects, ["toy"], family).axes) == 3
    rows = windows_figure.window_data(effects)
    assert len(rows) == 4 * (DEPTH - 3)
    assert windows_figure.draw(rows, effects).axes
    parts = gist_figure.gist_data(effects)
    assert {"f1", "detail_f1", "dominant_named", "theme_named"} == set(parts["part"])
    assert gist_figure.draw(parts).axes


def test_what_the_second_wording_does_not_measure_has_its_place(effects):
    """The floor is measured in the main wording alone."""
    panels = gist_figure.draw(gist_figure.gist_data(effects)).axes
    ticks = [[tick.get_text() for tick in axes.get_xticklabels()] for axes in panels]
    assert ticks[0] == ticks[1] == list(gist_figure.SHOWN.values())
    notes = [[(note.get_text(), note.get_position()[0]) for note in axes.texts] for axes in panels]
    assert notes == [[], [("not\nmeasured", len(gist_figure.SHOWN) - 1)]]


def test_figures_without_published_values(effects):
    bars = bars_figure.bar_data(effects, PUBLISHED, ["a", "b", "toy"], "toy")
    assert bars["published"].isna().all()
    assert bars_figure.draw(bars, effects, "toy").axes


def test_example_is_the_typical_image(measured):
    rows = example_figure.choose_example(measured, "toy")
    assert list(rows["condition"]) == [NONE, GENERATED, QUERY, BOTH]
    hidden = find_cells(measured, condition=GENERATED, layers=ALL, wording=MAIN)
    gap = (hidden["f1"] - hidden["f1"].mean()).abs().min()
    assert abs(rows["f1"].iloc[1] - hidden["f1"].mean()) == pytest.approx(gap)
    with pytest.raises(DescriptionError, match="no description by nobody"):
        example_figure.choose_example(measured, "nobody")


def test_example_writes_texts_of_any_length(measured):
    from PIL import Image

    rows = example_figure.choose_example(measured, "toy")
    texts = ["a street with thing0 and " + "many words " * 80, "thing0 and thing11 .", "", "no"]
    assert example_figure.draw(rows.assign(text=texts), Image.new("RGB", (64, 48))).axes


@pytest.mark.parametrize(
    "module",
    ["bars_figure", "curve_figure", "windows_figure", "gist_figure", "example_figure", "claims"],
)
def test_what_follows_the_measurement_needs_no_torch(module):
    reached = imported_modules(f"sightline.studies.kaduri2025.knockout.{module}")
    assert not [name for name in reached if "torch" in foreign_imports(name)]
