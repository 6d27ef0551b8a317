"""Tables of the page of object tokens: cosines by hand, and the tokens that the study pools."""

import argparse
import json

import numpy as np
import pandas as pd
import pytest
import torch

from khajuria2025_scenes import write_settings
from sightline.demo.write_probing import main as write_probing
from sightline.demo.write_world import scene_seeds, write_coco
from sightline.models.encoders.loading import load_encoder
from sightline.models.encoders.source import EncoderSource
from sightline.report.pages.tables import read_tables
from sightline.report.tokens_page import RULE, tokens_page
from sightline.scenes.coco import Coco
from sightline.scenes.geometry import Squash
from sightline.studies.khajuria2025 import page_tables, samples
from sightline.studies.khajuria2025.page_columns import TABLES, unpack_cosines
from sightline.studies.khajuria2025.placing import covered_cells
from sightline.studies.khajuria2025.probes.similarity import cosine_map, middle_token
from tiny_encoders import save_encoder

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small world with its samples."""
    path = tmp_path_factory.mktemp("object-tokens")
    protocol = write_settings(path)
    write_probing(argparse.Namespace(protocol=protocol, seed=0, processes=1, out=path))
    write_coco(path, "train2017", scene_seeds("train2017", 0, 12), 1)
    write_coco(path, "val2017", scene_seeds("val2017", 0, 8), 1)
    samples.main(
        argparse.Namespace(
            dataset=path, protocol=protocol, out=path / "samples.parquet",
            composition=path / "composition.csv", reasons=path / "reasons.csv",
        )
    )  # fmt: skip
    return path


def tables_of(folder, kind: str, **settings) -> dict[str, pd.DataFrame]:
    """Tables of a random encoder, written by the command and read as the page reads them."""
    key = f"{kind}{len(settings)}"
    torch.manual_seed(0)
    path = save_encoder(kind, folder / key).path
    entry = {"key": key, "path": path, "family": kind.split("-")[0]} | settings
    (folder / f"{key}.json").write_text(json.dumps(entry))
    page_tables.main(
        argparse.Namespace(
            encoder=folder / f"{key}.json", dataset=folder, samples=folder / "samples.parquet",
            count=4, device="cpu", threads=1, out=folder / "tables" / key,
        )
    )  # fmt: skip
    return read_tables(folder / "tables" / key, TABLES, RULE)


@pytest.mark.parametrize("kind", ["clip-vision", "dinov2", "vit"])
def test_cosines_are_those_found_by_hand(folder, kind):
    found = tables_of(folder, kind)
    entry = json.loads((folder / f"{kind}0.json").read_text())
    encoder = load_encoder(EncoderSource(**entry, device="cpu"))
    assert len(found["layers"]) == encoder.layers and len(found["images"]) == 4
    for row in found["images"].itertuples():
        image = Coco(folder, row.split).scene(row.image_id).image()
        states = encoder.states(encoder.pixels([image]))
        for layer, grid in enumerate(encoder.grids):
            own = found["cosines"].query("image_id == @row.image_id and layer == @layer")
            stored = unpack_cosines(own["values"].iloc[0], grid.tokens)
            for token in (0, grid.tokens // 2):
                expected = cosine_map(states[layer][0, 1:], token)
                np.testing.assert_allclose(stored[token], expected, atol=1e-3)
    assert tokens_page(found, [encoder.key])


def test_members_are_the_tokens_that_are_pooled(folder):
    """Cells whose centre a mask covers, and the one nearest their middle."""
    found = tables_of(folder, "vit")
    entry = json.loads((folder / "vit0.json").read_text())
    encoder = load_encoder(EncoderSource(**entry, device="cpu"))
    grid, side = encoder.grids[0], encoder.grids[0].rows * encoder.grids[0].patch
    coco = Coco(folder, "probing")
    assert set(found["members"]["role"]) == {"primary", "secondary"}
    for row in found["members"].itertuples():
        scene = coco.scene(row.image_id)
        (one,) = [each for each in scene.instances if each.category == row.category][:1]
        cells = np.flatnonzero(covered_cells(scene.mask(one), Squash(side), grid))
        assert list(row.tokens) == cells.tolist() and row.middle == middle_token(cells, grid)


def test_all_encoders_show_the_same_images(folder):
    first, second = tables_of(folder, "clip-vision"), tables_of(folder, "dinov2")
    assert first["images"]["image_id"].tolist() == second["images"]["image_id"].tolist()
    assert first["images"]["task"].tolist() == [0, 0, 1, 1]


def test_attention_within_tokens_is_kept_to(folder):
    """A token that sees itself alone is the same beside any other picture: rows differ from the usual ones."""
    usual, apart = tables_of(folder, "vit"), tables_of(folder, "vit", attention="token")
    same = [
        one == other
        for one, other in zip(usual["cosines"]["values"], apart["cosines"]["values"], strict=True)
    ]
    assert not any(same)
