"""Settings, the drawn images, and the claims of all parts."""

import copy
import json

import pandas as pd
import pytest
from PIL import Image

from kaduri2025_fakes import PROTOCOL, SETTINGS
from sightline.scenes.scene import Instance, Scene
from sightline.studies.claims import NOT_RUN, Claim
from sightline.studies.kaduri2025.claims import STATEMENTS, gather
from sightline.studies.kaduri2025.images import (
    COLUMNS,
    ImagesError,
    draw_images,
    read_images,
)
from sightline.studies.kaduri2025.protocol import Protocol
from sightline.studies.kaduri2025.windows import Window, WindowError
from sightline.studies.protocols import ProtocolError
from sightline.studies.published import load_items, load_published


def test_middle_is_a_share_of_the_depth_unless_published():
    settings = copy.deepcopy(SETTINGS)
    settings["middle"]["layers"] = {"llava-1.5-7b": [4, 20]}
    protocol = Protocol.parse(settings)
    assert protocol.middle("llava-1.5-7b", 32) == Window(4, 20)
    assert protocol.middle("demo", 12) == Window(3, 6)
    with pytest.raises(WindowError, match="8 layers"):
        protocol.middle("llava-1.5-7b", 8)


def test_shares_are_sorted():
    assert PROTOCOL.top_shares == (5, 50)


@pytest.mark.parametrize("key", ["question", "images", "judge", "knockout", "seed"])
def test_missing_key_is_named_with_its_file(tmp_path, key):
    path = tmp_path / "protocol.json"
    path.write_text(json.dumps({k: v for k, v in SETTINGS.items() if k != key}))
    with pytest.raises(ProtocolError, match=rf"protocol\.json: {key}"):
        Protocol.read(path)


def test_middle_that_is_no_interval_is_refused():
    with pytest.raises(ProtocolError, match="middle"):
        Protocol.parse(SETTINGS | {"middle": {"first": 0.5, "last": 0.25}})


@pytest.fixture
def scenes(tmp_path):
    """Ten scenes; the file of the last one is absent, and two are marked."""
    found = []
    for number in range(10):
        path = tmp_path / f"{number}.png"
        if number < 9:
            Image.new("RGB", (8, 8)).save(path)
        things = [
            Instance(1, "mug", (0, 0, 4, 4), 16.0, False, [], {"dominant": number == 3}),
            Instance(2, "cat", (0, 0, 4, 4), 16.0, False, [], {"dominant": number == 4}),
        ]
        found.append(Scene(number, path, 8, 8, tuple(things), attributes={"theme": "desk"}))
    return found


def test_draw_depends_on_seed_and_ids_alone(scenes):
    first = draw_images(scenes, 4, seed=1)
    again = draw_images(scenes[::-1], 4, seed=1)
    other = draw_images(scenes, 4, seed=2)
    pd.testing.assert_frame_equal(first, again)
    assert list(first["image_id"]) != list(other["image_id"])
    assert list(first.columns) == list(COLUMNS)


def test_every_image_says_what_became_of_it(scenes):
    table = draw_images(scenes, 10, seed=0).set_index("image_id")
    assert table["reason"].value_counts().to_dict() == {"drawn": 9, "image file absent": 1}
    assert not table.loc[9, "drawn"]
    assert table.loc[3, "dominant"] == "mug" and table.loc[4, "dominant"] == "cat"
    assert table.loc[5, "dominant"] == "" and table.loc[5, "objects"] == "mug;cat"
    assert set(table["theme"]) == {"desk"}


def test_drawn_images_come_in_their_order(scenes, tmp_path):
    table = draw_images(scenes, 4, seed=0)
    table.to_parquet(tmp_path / "images.parquet")
    drawn = read_images(tmp_path / "images.parquet")
    assert len(drawn) == 4 and drawn["place"].is_monotonic_increasing
    table.assign(drawn=False).to_parquet(tmp_path / "images.parquet")
    with pytest.raises(ImagesError, match="no image was drawn"):
        read_images(tmp_path / "images.parquet")
    table.drop(columns="theme").to_parquet(tmp_path / "images.parquet")
    with pytest.raises(ImagesError, match="no column theme"):
        read_images(tmp_path / "images.parquet")


def test_claim_that_no_part_judges_says_so():
    row = Claim.not_run(
        study="kaduri2025", claim="C3", statement="s", item="fig2e", metric="m", model="toy",
        dataset="coco", variant="as published", need="x",
    )  # fmt: skip
    rows = gather([[row]], "toy", "coco")
    assert [one.claim for one in rows] == list(STATEMENTS)
    assert {one.verdict for one in rows} == {NOT_RUN}
    assert [one.criterion for one in rows if one.claim == "C3"] == ["x"]


def test_items_and_published_values_can_be_read():
    items, published = load_items("kaduri2025"), load_published("kaduri2025")
    # All items of the dossier, and what is added here.
    assert len(items) >= 24
    assert set(published["item"]) >= {"fig2e", "fig2f", "figS1e", "figS1f"}
