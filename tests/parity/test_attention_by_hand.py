"""Attention that is read, and descriptions with tokens hidden, equal plain transformers on scenes of the demo.

The reference uses nothing of the measurement: the processor's own pixels and tokens, eager attention that returns all
weights, no cache, and 4D masks filled anew for every token.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

from kaduri2025_fakes import SETTINGS
from sightline.demo.write_world import scene_seeds, write_coco
from sightline.models.loading import load_vlm
from sightline.models.registry import ModelSource
from sightline.scenes.coco import Coco
from sightline.scenes.mentions import Vocabulary
from sightline.studies.kaduri2025.attention import measurements as columns
from sightline.studies.kaduri2025.attention import selection
from sightline.studies.kaduri2025.attention.read import read_attention
from sightline.studies.kaduri2025.attention.sweep import RESTRICTED, sweep_image
from sightline.studies.kaduri2025.protocol import Protocol

DEMO = Path(__file__).parents[2] / "resources" / "demo" / "llava"
NEW = 10
PROTOCOL = Protocol.parse(SETTINGS | {"max_new_tokens": NEW, "top_shares": [5, 50]})


class ByHand:
    """The demo model asked about one scene."""

    def __init__(self, scene) -> None:
        self.model = AutoModelForImageTextToText.from_pretrained(
            DEMO, dtype=torch.float32, attn_implementation="eager"
        ).eval()
        self.processor = AutoProcessor.from_pretrained(DEMO, backend="pil")
        text = f"USER: <image>\n{PROTOCOL.question} ASSISTANT:"
        self.inputs = self.processor(images=scene.image(), text=text, return_tensors="pt")
        ids = self.inputs["input_ids"][0]
        self.image = np.flatnonzero(ids == self.model.config.image_token_index)
        self.prompt = len(ids)

    @torch.no_grad()
    def run(self, hidden=None) -> tuple[list[int], list[np.ndarray]]:
        """Greedy tokens, and the head-mean attention of the row that chose each, (layers, positions).

        Args:
            hidden: from a layer to the positions that rows of generated tokens do not see.
        """
        hooks = []
        for number, layer in enumerate(self.model.model.language_model.layers):

            def cut(_module, args, kwargs, number=number):
                mask = kwargs["attention_mask"].clone()
                for row in range(self.prompt, mask.shape[-1]):
                    mask[..., row, hidden(number)] = -torch.inf
                return args, kwargs | {"attention_mask": mask}

            if hidden is not None:
                hooks.append(layer.register_forward_pre_hook(cut, with_kwargs=True))
        tokens, rows = [], []
        while len(tokens) < NEW and (
            not tokens or tokens[-1] != self.model.config.text_config.eos_token_id
        ):
            ids = torch.cat(
                [self.inputs["input_ids"], torch.tensor([tokens], dtype=torch.int64)], 1
            )
            out = self.model(
                input_ids=ids,
                pixel_values=self.inputs["pixel_values"],
                attention_mask=torch.ones_like(ids),
                use_cache=False,
                output_attentions=True,
            )
            rows.append(np.stack([one[0, :, -1].mean(0).numpy() for one in out.attentions]))
            tokens.append(int(out.logits[0, -1].argmax()))
        for hook in hooks:
            hook.remove()
        return tokens, rows


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Two scenes of the embedded world."""
    root = tmp_path_factory.mktemp("coco")
    write_coco(root, "val2017", scene_seeds("val2017", 0, 2), processes=1)
    return Coco(root, "val2017")


@pytest.fixture(scope="module")
def measured(world):
    """The demo model and what was read of both scenes together."""
    torch.set_num_threads(1)
    vlm = load_vlm(
        ModelSource("demo-llava", str(DEMO), prompt="llava-1.5", dtype="float32", device="cpu")
    )
    vocabulary = Vocabulary(world.categories.values())
    return vlm, read_attention(vlm, list(world.scenes()), vocabulary, PROTOCOL)


def test_shares_and_maps_equal_those_of_returned_attention(world, measured):
    vlm, tables = measured
    depth = int(tables["descriptions"]["model_layers"].iloc[0])
    for scene in world.scenes():
        hand = ByHand(scene)
        tokens, rows = hand.run()
        own = {name: frame[frame["image_id"] == scene.id] for name, frame in tables.items()}
        assert own["descriptions"]["text"].item() == vlm.decode(tokens)
        maps = own["maps"].set_index(["map", "layer"])["values"]
        shares = own["fractions"].set_index(["keys", "role", "layer"])["mean"]
        text = np.setdiff1d(np.arange(hand.prompt), hand.image)
        for layer in range(depth):
            to_image = np.stack([row[layer, hand.image] for row in rows])
            np.testing.assert_allclose(
                maps[columns.MEAN_MAP, layer], to_image.mean(0), rtol=1e-3, atol=1e-6
            )
            np.testing.assert_allclose(
                maps[columns.FIRST_MAP, layer], to_image[0], rtol=1e-3, atol=1e-6
            )
            expected = {
                columns.IMAGE: to_image.sum(1).mean(),
                columns.TEXT: np.mean([row[layer, text].sum() for row in rows]),
                columns.GENERATED: np.mean([row[layer, hand.prompt :].sum() for row in rows]),
            }
            for role, share in expected.items():
                assert shares[columns.ALL_KEYS, role, layer] == pytest.approx(share, abs=1e-4)


def test_peak_of_a_name_is_that_of_the_row_before_it(world, measured):
    vlm, tables = measured
    objects = tables["objects"]
    assert (objects["reason"] == "").any()
    for scene in world.scenes():
        tokens, rows = ByHand(scene).run()
        hand_image = vlm.prompt(PROTOCOL.question).roles.image
        for item in objects[
            (objects["image_id"] == scene.id) & (objects["reason"] == "")
        ].itertuples():
            # Names of the world are single words of its vocabulary.
            assert vlm.decode([tokens[item.first_token]]) in item.object
            peaks = tables["peaks"]
            peaks = peaks[
                (peaks["image_id"] == scene.id)
                & (peaks["object"] == item.object)
                & (peaks["reading"] == columns.PRODUCING_FIRST)
                & (peaks["scope"] == columns.LAYER)
            ]
            row = rows[item.first_token]
            assert peaks["token"].tolist() == row[:, hand_image].argmax(1).tolist()


def test_hidden_tokens_equal_a_mask_by_hand(world, measured):
    vlm, tables = measured
    scene = next(world.scenes())
    text = tables["descriptions"].set_index("image_id")["text"][scene.id]
    maps = tables["maps"][tables["maps"]["image_id"] == scene.id]
    said = {row[3:8]: row[-1] for row in sweep_image(vlm, scene, text, maps, PROTOCOL)}
    hand = ByHand(scene)
    attended = np.stack(
        maps[maps["map"] == columns.MEAN_MAP].sort_values("layer")["values"].to_list()
    )
    for share in (5, 50):
        kept = selection.largest(attended, selection.count(share, len(hand.image)))
        dropped = {layer: np.delete(hand.image, list(one)) for layer, one in enumerate(kept)}
        middle = PROTOCOL.middle("demo-llava", len(attended)).layers
        elsewhere = {layer: hand.image for layer in dropped if layer not in middle}
        for family, hidden in (
            (columns.ALL_LAYERS, dropped),
            (columns.MIDDLE_ONLY, dropped | elsewhere),
        ):
            tokens, _ = hand.run(hidden.__getitem__)
            found = said[selection.ATTENTION, family, columns.AS_PUBLISHED, share, 0]
            assert found == vlm.decode(tokens)


def test_every_restriction_is_tried_once(world, measured):
    vlm, tables = measured
    scene = next(world.scenes())
    maps = tables["maps"][tables["maps"]["image_id"] == scene.id]
    rows = sweep_image(vlm, scene, "", maps, PROTOCOL)
    keys = [row[3:8] for row in rows]
    assert len(set(keys)) == len(keys)
    assert {key[2] for key in keys} == set(RESTRICTED)
    # Three scores, one of them in three ways, and draws by chance, for each share; then the ends.
    # At 5 %, what the claim rests on, chance also in the middle and with the last position restricted.
    draws = {5: PROTOCOL.random_draws * 3, 50: 1}
    assert len(keys) == sum(5 + draws[share] for share in (5, 50)) + 4
