"""The interactive lens holds what its tables hold, in few bytes and without torch."""

import argparse
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from carried import asks_for_nothing, carried
from neo2025_page_fakes import EVIL, GRIDS, STATES, TOP, VOCABULARY, page_tables
from sightline.report import lens_page as module
from sightline.report.lens_page import Tables, lens_page
from sightline.report.lens_page import Vocabulary as Words
from sightline.report.pages.film import picture
from sightline.report.pages.packing import Blob, dequantise, unpack, unpack_json
from sightline.report.pages.tables import PageError
from sightline.sources import foreign_imports, imported_modules
from sightline.studies.neo2025.lens.page_columns import TABLES
from sightline.studies.neo2025.lens.page_set import (
    PageSetError,
    PageSettings,
    choose_page_images,
)


def test_page_holds_its_tables():
    tables = page_tables()
    data, blobs = carried(lens_page(tables))
    words = unpack_json(Blob(blobs["words"], []))
    assert data["words"] == len(words) and data["states"] == STATES and data["top"] == TOP
    assert [one["id"] for one in data["images"]] == list(GRIDS)
    for image in data["images"]:
        found = unpack(Blob(blobs[f"image-{image['id']}"], image["layout"]))
        own = tables.words[tables.words["image_id"] == image["id"]]
        places = own["rank"], own["state"], own["token"]
        assert [words[number] for number in found["words"][places]] == own["text"].tolist()
        shares = dequantise(found["shares"])[places]
        np.testing.assert_allclose(shares, own["probability"], atol=0.004)
        looked = tables.attention[tables.attention["image_id"] == image["id"]]
        weights = looked.pivot(index="block", columns="token", values="attention").to_numpy()
        np.testing.assert_allclose(found["totals"], weights.sum(1), rtol=1e-6)
        stored = dequantise(found["attention"]) * found["peaks"][:, None]
        np.testing.assert_allclose(stored, weights, atol=0.004 * weights.max())
        answer = tables.answer[tables.answer["image_id"] == image["id"]]
        said = [words[n] for n in found["answerWords"][answer["state"], answer["rank"]]]
        assert said == answer["text"].tolist()
        assert image["objects"][0] == {
            "name": "cat & <b>",
            "polygons": [[0, 0, 8, 0, 8, 8, 0, 8]],
            "tokens": [0],
        }


def test_text_of_others_stays_text():
    text = lens_page(page_tables())
    assert EVIL not in text and "<b>" not in text and "Describe &lt;it&gt;." in text


def test_page_asks_for_nothing():
    text = lens_page(page_tables())
    assert "default-src 'none'" in text and asks_for_nothing(text)


def test_large_model_fits():
    """12 images, 33 states, 576 tokens, 32,000 words, nothing about them regular."""
    vocabulary = np.array([f"w{number:x}" for number in range(32_000)], object)
    grids = dict.fromkeys(range(12), (24, 24))
    assert len(lens_page(page_tables(grids, 33, 5, vocabulary))) < module.LIMIT


def test_words_of_the_last_ranks_go_first():
    """A page that would be too large keeps the best words."""
    tables = page_tables()
    full = lens_page(tables)
    data, _ = carried(lens_page(tables, limit=len(full) - 1))
    assert data["top"] < TOP
    data, blobs = carried(lens_page(tables, limit=1))
    assert data["top"] == 1
    words = unpack_json(Blob(blobs["words"], []))
    found = unpack(Blob(blobs["image-7"], data["images"][0]["layout"]))["words"]
    best = tables.words.query("image_id == 7 and rank == 0").sort_values(["state", "token"])
    assert [words[number] for number in found.reshape(-1)] == best["text"].tolist()


def test_rarest_words_share_a_number():
    texts = pd.Series(["a", "b", "a", "c", "b", "a"])
    words = Words.of([texts], most=3)
    assert words.words == [module.OTHER, "a", "b"]
    assert words.number(texts).tolist() == [1, 2, 1, 0, 2, 1]


def test_equal_tables_give_equal_pages():
    assert lens_page(page_tables()) == lens_page(page_tables())


def test_large_picture_is_made_smaller():
    from io import BytesIO

    from PIL import Image

    noise = np.random.default_rng(0).integers(0, 255, (900, 900, 3), dtype=np.uint8)
    buffer = BytesIO()
    Image.fromarray(noise).save(buffer, "JPEG", quality=95)
    assert len(picture(buffer.getvalue())) < 0.2 * len(buffer.getvalue())


def test_tables_that_do_not_belong_together_are_named(tmp_path):
    tables = page_tables()
    with pytest.raises(PageError, match=r"image 7: .* do not fill 5 states"):
        lens_page(replace(tables, words=tables.words[1:]))
    with pytest.raises(PageError, match="no image to show"):
        lens_page(replace(tables, images=tables.images[:0]))
    for name in TABLES:
        getattr(tables, name).to_parquet(tmp_path / f"{name}.parquet")
    assert lens_page(Tables.read(tmp_path)) == lens_page(tables)
    tables.words.drop(columns="rank").to_parquet(tmp_path / "words.parquet")
    with pytest.raises(PageError, match=r"words\.parquet: columns are .*collect_lens_page"):
        Tables.read(tmp_path)
    (tmp_path / "words.parquet").unlink()
    with pytest.raises(PageError, match=r"words\.parquet: cannot be read"):
        Tables.read(tmp_path)


def test_commands_write_pages_and_their_list(tmp_path):
    for name in TABLES:
        (tmp_path / "tables").mkdir(exist_ok=True)
        getattr(page_tables(), name).to_parquet(tmp_path / "tables" / f"{name}.parquet")
    one = tmp_path / "extra4" / "toy.html"
    module.main(argparse.Namespace(tables=tmp_path / "tables", pages=None, out=one))
    listed = argparse.Namespace(tables=None, pages=[one], out=tmp_path / "extra4.html")
    module.main(listed)
    assert 'href="extra4/toy.html"' in (tmp_path / "extra4.html").read_text()
    assert VOCABULARY[0] in unpack_json(Blob(carried(one.read_text())[1]["words"], []))


def test_page_needs_no_torch():
    reached = imported_modules("sightline.report.lens_page")
    assert not {"torch", "transformers"} & set().union(*map(foreign_imports, reached))


def objects(*rows: tuple[int, str, float, bool]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["image_id", "category", "inside", "crowd"])


def test_images_with_most_new_categories_come_first():
    table = objects(
        (1, "cat", 1, False), (1, "dog", 1, False), (2, "cat", 1, False), (2, "dog", 1, False),
        (2, "car", 1, False), (3, "bus", 1, False), (4, "cat", 0.2, False), (4, "key", 1, True),
    )  # fmt: skip
    read = [1, 2, 3, 4, 5]
    assert choose_page_images(table, read, PageSettings(images=9)) == [2, 3, 1]
    assert choose_page_images(table, read, PageSettings(2, (1,))) == [1, 2]
    assert choose_page_images(table, read, PageSettings(1, (5, 4))) == [5]
    with pytest.raises(PageSetError, match="image 6 is not among the 5 that the lens read"):
        choose_page_images(table, read, PageSettings(2, (6,)))


def test_seed_decides_between_equals():
    table = objects(*((image, "cat", 1, False) for image in range(20)))
    first, second, other = (
        choose_page_images(table, range(20), PageSettings(5, (), seed)) for seed in (0, 0, 1)
    )
    assert first == second != other
