"""From measurements to curves, contrasts, the number, verdicts and drawings."""

import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from neo2025_lens_fakes import PROTOCOL, lens_tables
from sightline.studies.claims import (
    INCONCLUSIVE,
    NOT_REPLICATED,
    NOT_RUN,
    REPLICATED,
    claims_frame,
)
from sightline.studies.drawing import save_figure
from sightline.studies.neo2025.lens import (
    curves_figure,
    decoded,
    effects,
    examples,
    map_figure,
    num1,
    numbers_figure,
    words_figure,
)
from sightline.studies.neo2025.lens.claims import judge_lens
from sightline.studies.neo2025.lens.contrasts import contrast, countable
from sightline.studies.neo2025.measurements import MeasurementError
from sightline.studies.published import load_published

PUBLISHED = load_published("neo2025")


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    """Measurements of a strong replication."""
    return lens_tables()


@pytest.fixture(scope="module")
def contrasts(tables) -> pd.DataFrame:
    """Its single numbers, as the file gives them back."""
    return contrast(tables, PROTOCOL).fillna({"note": ""})


def value(contrasts: pd.DataFrame, what: str, judge: str = "corrected") -> float:
    rows = contrasts[(contrasts["what"] == what) & (contrasts["judge"] == judge)]
    return rows["value"].item()


def test_contrasts(contrasts):
    """The made-up peak is in state 8 of 10 and a twentieth of it is outside."""
    assert value(contrasts, "start") == 0
    assert value(contrasts, "peak_depth") == 0.8
    assert value(contrasts, "best_depth") == pytest.approx(0.8)
    assert value(contrasts, "peak_ratio") == pytest.approx(20, rel=0.05)
    assert value(contrasts, "peak", "as published") == pytest.approx(0.9 * value(contrasts, "peak"))
    assert value(contrasts, "map_ratio") == pytest.approx(10)
    assert value(contrasts, "number_images") == 100
    # A quarter of 60 images share their count: each matches itself, and 14 of the 59 others.
    others = 14 / 59
    assert value(contrasts, "number_match") == pytest.approx(100 * (1 - others))
    p = contrasts.loc[contrasts["what"] == "number_match", "p_value"].item()
    assert p == pytest.approx(1 / 201)
    assert value(contrasts, "number_back") == 80
    assert value(contrasts, "number_control") == 0


def test_numbers_are_left_out_where_no_scene_has_an_object(tables):
    """All regions may be crowds."""
    none = tables | {name: tables[name].iloc[:0] for name in ("numbers", "counts")}
    kinds = set(contrast(none, PROTOCOL)["what"])
    assert "peak" in kinds and not {"number_images", "number_match"} & kinds


def test_a_single_object_is_no_count():
    counts = pd.DataFrame({"image_id": [1, 1, 1], "of": ["", "cat", "dog"], "count": [3, 1, 2]})
    assert countable(counts) == {1: {2, 3}}


def verdicts(contrasts: pd.DataFrame, other: str = "") -> dict[tuple[str, str], str]:
    claims = list(judge_lens(contrasts, PUBLISHED, "toy", other, "made up"))
    claims_frame(claims)
    found: dict[tuple[str, str], str] = {}
    for claim in claims:
        found.setdefault((claim.claim, claim.variant), claim.verdict)
    return found


def test_strong_replication_is_recognised(contrasts):
    found = verdicts(contrasts, other="toy")
    assert set(found.values()) == {REPLICATED}
    assert {claim for claim, _ in found} == {"C6", "C7", "C8", "C9", "C10", "C11"}
    assert ("C6", "as published") in found
    assert ("C11", "input embeddings") in found


def test_failed_replications_are_recognised(tables):
    """Early peak, as much outside, no attributes, numbers by chance, maps of anything."""
    weak = {name: table.copy() for name, table in tables.items()}
    states = weak["states"]
    shares = states["measure"] == "share"
    states.loc[shares, "value"] = np.where(states.loc[shares, "state"] == 1, 0.3, 0.1)
    states.loc[states["measure"] == "top_probability", "value"] = 0.9
    weak["best"]["state"], weak["best"]["share"] = 1.0, 0.3
    weak["attributes"]["attribute"] = 0.04
    weak["numbers"]["value"] = 20
    weak["replaced"]["new"] = False
    weak["maps"]["shuffled"] = weak["maps"]["iou"]
    found = verdicts(contrast(weak, PROTOCOL).fillna({"note": ""}), other="toy")
    assert set(found.values()) == {NOT_REPLICATED}


def test_few_images_and_missing_models_decide_nothing(tables):
    few = lens_tables(number_rate=0.1)
    found = verdicts(contrast(few, PROTOCOL).fillna({"note": ""}))
    assert found["C9", "corrected"] == INCONCLUSIVE
    assert found["C7", "corrected"] == NOT_RUN
    none = lens_tables(number_rate=0)
    del none["replaced"]
    claims = judge_lens(
        contrast(none, PROTOCOL).fillna({"note": ""}), PUBLISHED, "toy", "", "made up"
    )
    (c9,) = [claim for claim in claims if claim.claim == "C9"]
    assert (c9.verdict, "not testable" in c9.criterion) == (NOT_RUN, True)


def test_number_has_its_variants_and_published_values(tables):
    best = effects.summarise_best(tables["best"], 0, 50)
    table = num1.build(best, "toy", "num1", PUBLISHED).set_index("reading")
    main = table.loc["Main reading"]
    assert (main["n"], main["state"], main["state_from_1"], main["depth"]) == (45, 8, 9, 0.8)
    assert (main["share_published"], main["state_published"]) == (23.7, 25.7)
    assert table.loc["Any number of annotations in the image", "n"] == 60
    assert np.isnan(table.loc["Control: tokens outside the object", "share_published"])
    assert table.loc["Control: tokens outside the object", "share"] == pytest.approx(1.5)
    shown = num1.display(table.reset_index())
    assert shown.loc[0, "Share (%)"].startswith(f"{main['share']:.1f} [")
    with pytest.raises(num1.SightlineError, match="no lens measurement of other; known: toy"):
        num1.build(best, "other", "num2", PUBLISHED)


def test_missing_table_is_named(tmp_path: Path):
    with pytest.raises(MeasurementError, match=r"states\.parquet is missing"):
        effects.read_tables([tmp_path])


def pictures(images: list[int]) -> dict[int, np.ndarray]:
    """Gray pictures, through the form in which they are stored."""
    buffer = BytesIO()
    Image.new("RGB", (32, 32), "gray").save(buffer, "JPEG")
    stored = pd.DataFrame({"image_id": images, "picture": [buffer.getvalue()] * len(images)})
    return words_figure.pictures_of(stored, images)


def draw(name: str, tables: dict[str, pd.DataFrame]):
    """Every figure from made-up measurements."""
    if name == "lens_curves":
        rows = effects.summarise_curves(tables["states"], 0, 50)
        return curves_figure.draw(curves_figure.curves_data(rows, tables["best"], PUBLISHED))
    if name == "fig3":
        rows = [
            (image, image, 4, token, 11, 8, f"word{token}", 0.5, kind)
            for image in range(3)
            for token, kind in enumerate(examples.KINDS)
        ]
        words = pd.DataFrame(rows, columns=list(examples.WORD_COLUMNS))
        return words_figure.draw(words, pictures([0, 1, 2]))
    if name == "extra3":
        rows = [
            (0, 0, 4, token, 11, 8, "cat", 0.5, "cat" if token < 5 else "", "dog" * (token > 9))
            for token in range(16)
        ]
        patches = pd.DataFrame(rows, columns=list(examples.PATCH_COLUMNS))
        maps = effects.summarise_maps(tables["maps"], PROTOCOL, 50)
        maps = maps[(maps["variant"] == decoded.EVERY) & (maps["state"] == 7)]
        return map_figure.draw(patches, pictures([0]), maps, "toy")
    replaced = tables["replaced"]
    bars = numbers_figure.summary(replaced, 60)
    return numbers_figure.draw(replaced, bars, pictures(numbers_figure.choose(replaced)), 8)


@pytest.mark.parametrize("name", ["fig3", "lens_curves", "extra3", "extra5"])
def test_figures_repeat_byte_for_byte(name, tables, tmp_path):
    first = save_figure(draw(name, tables), tmp_path / "a" / name)
    second = save_figure(draw(name, tables), tmp_path / "b" / name)
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_figure_of_numbers_stands_when_there_are_none(tables):
    """A model whose background never says a number still has its bar."""
    nothing = tables["replaced"][:0]
    bars = numbers_figure.summary(nothing, 60)
    assert bars["n"].tolist() == [60, 0, 0]
    assert numbers_figure.draw(nothing, bars, {}, 8) is not None


def test_drawing_needs_no_torch():
    names = "curves_figure, words_figure, map_figure, numbers_figure, num1, claims, contrasts"
    code = (
        f"import sys; from sightline.studies.neo2025.lens import {names}; "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
