"""What is hidden from whom, and how descriptions are judged."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from kaduri2025_fakes import PROTOCOL
from sightline.instruments.interventions import Knockout
from sightline.models.vlm import VLM
from sightline.scenes.scene import Scene
from sightline.studies.judging.vocabulary import VocabularyJudge
from sightline.studies.kaduri2025.knockout import conditions
from sightline.studies.kaduri2025.knockout.conditions import (
    ALL,
    AS_PUBLISHED,
    BOTH,
    GENERATED,
    MAIN,
    NONE,
    QUERY,
    SECOND,
    SHUFFLED,
    STRICT,
    Layout,
)
from sightline.studies.kaduri2025.knockout.describe import describe_all
from sightline.studies.kaduri2025.knockout.descriptions import (
    COLUMNS,
    DescriptionError,
    read_descriptions,
)
from sightline.studies.kaduri2025.knockout.edges import interventions
from sightline.studies.kaduri2025.knockout.judge import judge_all, shuffle_images
from sightline.studies.kaduri2025.knockout.measurements import COLUMNS as JUDGED
from sightline.studies.kaduri2025.knockout.measurements import read_measurements
from sightline.studies.kaduri2025.windows import Window


def layout(depth: int = 80, points: int = 8, step: int = 10) -> Layout:
    return Layout.of(depth, PROTOCOL.middle("toy", depth), points, step)


def test_paper_depth_has_the_published_conditions():
    cuts = [cut for cut in layout().cuts(MAIN) if cut.variant == AS_PUBLISHED]
    names = {cut.layers for cut in cuts if cut.condition == GENERATED}
    assert {ALL, "except middle", "after 10", "after 70", "up to 10", "except 0-20"} <= names
    (middle,) = [c for c in cuts if c.layers == "except middle" and c.condition == QUERY]
    assert middle.hidden == (*range(20), *range(41, 80))
    (after,) = [c for c in cuts if c.layers == "after 70" and c.condition == BOTH]
    assert after.hidden == tuple(range(71, 80))


def test_every_measurement_has_a_name_of_its_own():
    for depth in (2, 3, 4, 8, 12, 80):
        for wording in (MAIN, SECOND):
            cuts = list(layout(depth, 16, 1).cuts(wording))
            names = [(c.condition, c.variant, c.layers) for c in cuts]
            assert len(set(names)) == len(names)
            assert all(cut.hidden for cut in cuts)


def test_second_wording_is_a_control_only():
    assert {cut.family for cut in layout().cuts(SECOND)} == {ALL, "except middle"}


def test_first_token_is_seen_as_published_and_hidden_in_the_stricter_variant():
    def of(condition: str, variant: str) -> tuple:
        return interventions(conditions.Cut(condition, variant, ALL, 0, 1, (0, 1)))

    layers = (0, 1)
    generated = Knockout("generated", "image", layers, phase="decoding")
    query = Knockout("query", "image", layers, phase="prompt")
    assert of(GENERATED, AS_PUBLISHED) == (generated,)
    assert of(QUERY, AS_PUBLISHED) == (query,)
    assert of(BOTH, AS_PUBLISHED) == (query, generated)
    assert of(GENERATED, STRICT) == (Knockout(("last", "generated"), "image", layers),)


class Folder:
    """A data set of a few images."""

    def __init__(self, folder: Path, images: list[Image.Image]) -> None:
        self.scenes = {}
        for number, image in enumerate(images):
            image.save(folder / f"{number}.png")
            self.scenes[number] = Scene(number, folder / f"{number}.png", *image.size)

    def scene(self, number: int) -> Scene:
        return self.scenes[number]


@pytest.fixture(scope="module")
def described(tmp_path_factory, images, tiny_llava: VLM) -> pd.DataFrame:
    """Descriptions of three random images by a random model of four layers."""
    folder = Folder(tmp_path_factory.mktemp("images"), images[:3])
    drawn = pd.DataFrame(
        {"image_id": [0, 1, 2], "place": [0, 1, 2], "objects": "", "dominant": "", "theme": ""}
    )
    return describe_all(drawn, folder, tiny_llava, PROTOCOL)


def test_nothing_hidden_is_the_plain_model(described, images, tiny_llava: VLM):
    for wording, question in ((MAIN, PROTOCOL.question), (SECOND, PROTOCOL.second_question)):
        clean = described[(described["condition"] == NONE) & (described["wording"] == wording)]
        expected = tiny_llava.generate(
            tiny_llava.prompt(question), tiny_llava.encode_images(images[:3]),
            PROTOCOL.max_new_tokens,
        )  # fmt: skip
        assert list(clean["text"]) == expected


def test_one_row_per_image_and_condition(described):
    cuts = Layout.of(4, PROTOCOL.middle("tiny", 4), PROTOCOL.points, PROTOCOL.window_step)
    per_image = sum(1 + len(list(cuts.cuts(wording))) for wording in (MAIN, SECOND))
    assert len(described) == 3 * per_image
    assert list(described.columns) == list(COLUMNS)


def test_image_hidden_from_all_text_leaves_nothing_of_it(described):
    """With the last position hidden as well, three different images get the same words."""
    rows = described[(described["layers"] == ALL) & (described["wording"] == MAIN)]
    assert rows.loc[rows["condition"] == BOTH, "text"].nunique() == 1


def test_rows_without_a_reference_are_refused(described, tmp_path):
    path = tmp_path / "described.parquet"
    described.to_parquet(path)
    assert len(read_descriptions(path)) == len(described)
    described[described["condition"] != NONE].to_parquet(path)
    with pytest.raises(DescriptionError, match="describe_without_image"):
        read_descriptions(path)
    described.drop(columns="text").to_parquet(path)
    with pytest.raises(DescriptionError, match="no column text"):
        read_descriptions(path)
    described.to_parquet(path)
    with pytest.raises(DescriptionError, match="no column draw"):
        read_measurements([path])


CLEAN = {1: "a street with a big cat , a mug and a key .", 2: "a desk with a big mug and a cat ."}
HIDDEN = {1: "a street with a big cat and a book .", 2: "i see no image ."}


def descriptions() -> pd.DataFrame:
    """Two images, described with nothing hidden and with the image hidden from generated tokens."""
    rows = []
    for place, image in enumerate((1, 2)):
        common = {
            "model": "toy", "model_layers": 4, "image_id": image, "place": place,
            "objects": ("cat;mug;key", "mug;cat")[place], "dominant": ("cat", "mug")[place],
            "theme": ("street", "desk")[place], "wording": MAIN, "question": "?",
            "variant": AS_PUBLISHED, "tokens": 9,
        }  # fmt: skip
        none = {"condition": NONE, "layers": "", "family": "", "first": -1, "last": -1}
        cut = {"condition": GENERATED, "layers": ALL, "family": ALL, "first": 0, "last": 3}
        rows += [common | none | {"text": CLEAN[image]}, common | cut | {"text": HIDDEN[image]}]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


@pytest.fixture(scope="module")
def judged() -> pd.DataFrame:
    return judge_all(
        descriptions(), VocabularyJudge(["cat", "mug", "key", "book"]), seed=0, draws=2
    )


def cell(judged: pd.DataFrame, image: int, condition: str) -> pd.Series:
    found = judged[(judged["image_id"] == image) & (judged["condition"] == condition)]
    return found.iloc[0]


def test_objects_are_held_against_the_unmodified_description(judged):
    found = cell(judged, 1, GENERATED)
    assert (found["tp"], found["fn"], found["fp"]) == ("cat", "key;mug", "book")
    assert found["f1"] == pytest.approx(2 * 0.5 / 3 / (0.5 + 1 / 3))
    assert cell(judged, 1, NONE)["f1"] == 1
    assert list(judged.columns) == list(JUDGED)


def test_refusal_scores_nothing(judged):
    found = cell(judged, 2, GENERATED)
    assert found[["f1", "precision", "recall", "theme_named", "dominant_named"]].eq(0).all()


def test_gist_and_details_are_told_apart(judged):
    found = cell(judged, 1, GENERATED)
    assert (found["dominant_named"], found["theme_named"]) == (1, 1)
    assert found[["detail_precision", "detail_recall", "detail_f1"]].eq(0).all()


def test_data_set_without_a_dominant_object_has_no_gist():
    plain = descriptions().assign(dominant="", theme="", objects="")
    judged = judge_all(plain, VocabularyJudge(["cat", "mug", "key", "book"]), 0, 1)
    parts = ["dominant_named", "theme_named", "detail_f1", "truth_f1"]
    assert judged[parts].isna().all().all()


def test_truth_is_the_annotation(judged):
    assert cell(judged, 1, NONE)["truth_f1"] == 1
    assert cell(judged, 1, GENERATED)["truth_f1"] == pytest.approx(0.4)


def test_floor_is_always_another_image(judged):
    shuffled = judged[judged["condition"] == SHUFFLED]
    assert len(shuffled) == 4
    for row in shuffled.itertuples():
        assert row.text == CLEAN[3 - row.image_id]
    many = pd.concat(
        [descriptions().iloc[[0]].assign(image_id=n, place=n, text=str(n)) for n in range(30)]
    )
    drawn = shuffle_images(many, seed=1, draws=3)
    assert (drawn["text"] != drawn["image_id"].astype(str)).all()
    assert drawn.groupby("draw")["text"].nunique().eq(30).all()
    assert len(shuffle_images(many.iloc[:1], 0, 3)) == 0


def test_windows_of_conditions_are_named_by_their_ends():
    assert conditions.except_name(Window(20, 40)) == "except 20-40"
    assert conditions.after_name(-1) == ALL
    assert np.array_equal(layout(12, 16, 1).points, np.arange(-1, 11))
