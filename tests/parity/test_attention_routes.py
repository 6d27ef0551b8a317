"""Tables of the page of attention routes: the same attention that the study's figures average."""

import numpy as np
import pytest
from PIL import Image

from kaduri2025_fakes import SETTINGS
from sightline.scenes.mentions import Vocabulary
from sightline.scenes.scene import Instance, Scene
from sightline.studies.kaduri2025.attention import page_tables as module
from sightline.studies.kaduri2025.attention import peaks
from sightline.studies.kaduri2025.attention.measurements import ALL_KEYS, MEAN_MAP, ROLES
from sightline.studies.kaduri2025.attention.page_columns import GENERATED, QUERY, TABLES
from sightline.studies.kaduri2025.attention.page_tables import page_tables
from sightline.studies.kaduri2025.attention.read import read_attention
from sightline.studies.kaduri2025.protocol import Protocol

PROTOCOL = Protocol.parse(SETTINGS | {"middle": {"first": 0.25, "last": 0.5}})


@pytest.fixture(scope="module")
def scene(tmp_path_factory) -> Scene:
    path = tmp_path_factory.mktemp("scene") / "7.png"
    pixels = np.random.default_rng(0).integers(0, 256, (40, 56, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    box = [[20.0, 8.0, 36.0, 8.0, 36.0, 24.0, 20.0, 24.0]]
    return Scene(7, path, 56, 40, (Instance(1, "cat", (20.0, 8.0, 16.0, 16.0), 256.0, False, box),))


def test_means_over_tokens_are_those_of_the_figures(vlm, scene):
    """Every family: shares and maps of what the model says, averaged, equal the study's measurements."""
    found = page_tables(vlm, scene, PROTOCOL)
    measured = read_attention(vlm, [scene], Vocabulary(("cat",)), PROTOCOL)
    said = found["tokens"].loc[found["tokens"]["role"] == GENERATED, "token"]
    assert len(said) == measured["descriptions"]["new_tokens"].iloc[0]
    own = found["shares"][found["shares"]["token"].isin(said)]
    means = own.groupby(["layer", "role"])["share"].mean()
    fractions = measured["fractions"]
    shown = (fractions["keys"] == ALL_KEYS) & fractions["role"].isin(ROLES)
    expected = fractions[shown].set_index(["layer", "role"])["mean"]
    np.testing.assert_allclose(means[expected.index], expected, atol=1e-5)
    grid = vlm.grid_of(scene.image())
    for layer, part in found["maps"][found["maps"]["token"].isin(said)].groupby("layer"):
        maps = measured["maps"]
        row = maps.loc[(maps["map"] == MEAN_MAP) & (maps["layer"] == layer), "values"].iloc[0]
        mean = np.mean(np.stack(part["values"].to_list()), axis=0)
        np.testing.assert_allclose(mean, peaks.view_of(np.asarray(row), grid), atol=1e-5)


def test_tokens_of_the_question_cannot_see_what_comes_later(vlm, scene):
    found = page_tables(vlm, scene, PROTOCOL)
    asked = found["tokens"].loc[found["tokens"]["role"] == QUERY, "token"]
    assert asked.tolist() == list(range(len(asked))) and len(asked) > 0
    own = found["shares"][found["shares"]["token"].isin(asked)]
    np.testing.assert_allclose(own.groupby(["token", "layer"])["share"].sum(), 1, atol=1e-5)
    assert own.query("role == 'generated'")["share"].abs().max() < 1e-5
    # The last token of the prompt chose the first one of the answer: one row, shown for both.
    first = own["token"].max() + 1
    pair = found["shares"].pivot(index=["layer", "role"], columns="token", values="share")
    np.testing.assert_allclose(pair[first], pair[first - 1], atol=1e-6)


def test_tables_have_their_columns_and_a_frame_of_whole_patches(vlm, scene):
    found = page_tables(vlm, scene, PROTOCOL)
    for name, columns in TABLES.items():
        assert list(found[name].columns) == list(columns)
    row = found["images"].iloc[0]
    assert all(len(one) == row["rows"] * row["columns"] for one in found["maps"]["values"])
    assert len(found["maps"]) == len(found["tokens"]) * row["layers"]
    assert found["objects"]["category"].tolist() == ["cat"]


def test_long_descriptions_are_cut(vlm, scene, monkeypatch):
    monkeypatch.setattr(module, "MOST_TOKENS", 3)
    found = page_tables(vlm, scene, PROTOCOL)
    assert (found["tokens"]["role"] == GENERATED).sum() <= 3
