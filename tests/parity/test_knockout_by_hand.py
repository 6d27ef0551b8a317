"""The knockout of neo2025 equals plain transformers under a mask written out by hand, on one scene of the demo.

Nothing of the measurement is used for the reference: the processor's own pixels and tokens, eager attention, token
groups from the annotation's pixels, and a 4D mask filled edge by edge.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

from neo2025_fakes import PROTOCOL
from sightline.demo.write_world import scene_seeds, write_coco
from sightline.models.loading import load_vlm
from sightline.models.registry import ModelSource
from sightline.scenes.coco import Coco
from sightline.studies.neo2025.candidates import Candidate
from sightline.studies.neo2025.knockout import pairs
from sightline.studies.neo2025.knockout.measure import Asked, measure_all
from sightline.studies.neo2025.questions import color_question

DEMO = Path(__file__).parents[2] / "resources" / "demo" / "llava"
SCENES = 30


class Plain:
    """The demo model without the library, asked with some edges of its attention forbidden."""

    def __init__(self) -> None:
        self.model = AutoModelForImageTextToText.from_pretrained(
            DEMO, dtype=torch.float32, attn_implementation="eager"
        ).eval()
        self.processor = AutoProcessor.from_pretrained(DEMO, backend="pil")
        self.layers = self.model.model.language_model.layers

    def inputs(self, scene, question: str) -> dict:
        """What the processor makes of image and prompt."""
        text = f"USER: <image>\n{question} ASSISTANT: It is a"
        return self.processor(images=scene.image(), text=text, return_tensors="pt")

    @torch.no_grad()
    def logits(self, inputs: dict, forbidden: np.ndarray, layers: range) -> torch.Tensor:
        """Logits at the last position.

        Args:
            inputs: of the model.
            forbidden: (query, key) bool.
            layers: in which the edges are cut.
        """
        extra = torch.zeros(forbidden.shape)
        extra[torch.from_numpy(forbidden)] = -torch.inf

        def cut(_module, args, kwargs):
            return args, kwargs | {"attention_mask": kwargs["attention_mask"] + extra}

        hooks = [self.layers[n].register_forward_pre_hook(cut, with_kwargs=True) for n in layers]
        try:
            return self.model(**inputs).logits[0, -1]
        finally:
            for hook in hooks:
                hook.remove()


def ring(tokens: set, side: int) -> set:
    """Tokens with their eight neighbours, as (row, column)."""
    near = {(r + i, c + j) for r, c in tokens for i in (-1, 0, 1) for j in (-1, 0, 1)}
    return {(r, c) for r, c in near if 0 <= r < side and 0 <= c < side}


@pytest.fixture(scope="module")
def plain() -> Plain:
    """The reference."""
    torch.set_num_threads(1)
    return Plain()


@pytest.fixture(scope="module")
def answered(plain: Plain, tmp_path_factory: pytest.TempPathFactory):
    """The first scene with a question about colour that the plain model answers correctly."""
    root = tmp_path_factory.mktemp("world")
    write_coco(root, "train2017", scene_seeds("train2017", 1, SCENES), processes=1)
    for scene in Coco(root, "train2017").scenes():
        for instance in scene.instances:
            question = color_question(scene, instance)
            if question is None:
                continue
            inputs = plain.inputs(scene, question)
            nothing = np.zeros((inputs["input_ids"].shape[1],) * 2, bool)
            token = int(plain.logits(inputs, nothing, range(0)).argmax())
            if plain.processor.tokenizer.decode([token]).strip() == instance.category:
                return Asked(Candidate(scene, instance), question, "color"), inputs, token
    pytest.fail(f"the demo model answers no question about colour in {SCENES} scenes correctly")


def test_every_cut_equals_eager_attention_under_a_mask_by_hand(plain: Plain, answered):
    """Probability of the answer, the answer, and the largest change of a logit, in every pair and window."""
    asked, inputs, token = answered
    scene, instance = asked.candidate.scene, asked.candidate.instance
    ids = inputs["input_ids"][0]
    image = np.flatnonzero(ids == plain.model.config.image_token_index)
    side, length = int(len(image) ** 0.5), len(ids)
    patch = scene.width // side
    mask = scene.mask(instance)
    grid = [(row, column) for row in range(side) for column in range(side)]
    touched = {
        (r, c)
        for r, c in grid
        if mask[r * patch : (r + 1) * patch, c * patch : (c + 1) * patch].any()
    }
    rings = [touched, ring(touched, side), ring(ring(touched, side), side)]
    groups = {
        "object": rings[0],
        "object_plus_1": rings[1],
        "object_plus_2": rings[2],
        "image without object_plus_1": set(grid) - rings[1],
        "image without last visual row": {(r, c) for r, c in grid if r < side - 1},
        "image": set(grid),
    }
    targets = {
        "last position": [length - 1],
        "last visual row": image[-side:].tolist(),
        "question tokens": list(range(int(image[-1]) + 1, length - 1)),
        "all text": list(range(int(image[-1]) + 1, length)),
    }
    source = ModelSource("demo", str(DEMO), dtype="float32", device="cpu")
    measured = measure_all([asked], load_vlm(source), PROTOCOL)
    clean = plain.logits(inputs, np.zeros((length, length), bool), range(0))
    cut = measured[measured["source"].isin(list(groups)) & measured["variant"].isin(["", "mask"])]
    # Sliding windows that are also named ones need no second look.
    cut = cut.drop_duplicates(["pair", "first_layer", "last_layer"])
    assert set(cut["source"]) == set(groups) and set(cut["target"]) == set(targets)
    assert set(cut["window"]) > set(pairs.NAMES)
    for row in cut.itertuples():
        keys = [int(image[r * side + c]) for r, c in groups[row.source]]
        forbidden = np.zeros((length, length), bool)
        forbidden[np.ix_(targets[row.target], keys)] = True
        layers = range(row.first_layer, row.last_layer + 1)
        expected = plain.logits(inputs, forbidden, layers)
        where = f"{row.pair}, layers {row.first_layer} to {row.last_layer}"
        np.testing.assert_allclose(
            row.p_expected, expected.softmax(-1)[token], rtol=1e-3, atol=1e-6, err_msg=where
        )
        change = float((expected - clean).abs().max())
        np.testing.assert_allclose(row.logit_change, change, rtol=1e-3, atol=1e-4, err_msg=where)
        text = plain.processor.tokenizer.decode([int(expected.argmax())])
        assert row.answer == text.strip(), where
        assert row.correct == (int(expected.argmax()) == token), where
