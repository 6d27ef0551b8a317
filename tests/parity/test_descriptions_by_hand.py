"""Descriptions without the image equal plain transformers under a mask written out by hand, on a scene of the demo.

The reference uses nothing of the measurement: the processor's own pixels and tokens, eager attention, no cache, and a
4D mask that is filled anew for every token.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

from kaduri2025_fakes import SETTINGS
from sightline.demo.write_world import scene_seeds, write_coco
from sightline.models.loading import load_vlm
from sightline.models.registry import ModelSource
from sightline.scenes.coco import Coco
from sightline.studies.kaduri2025.images import draw_images
from sightline.studies.kaduri2025.knockout.describe import describe_all
from sightline.studies.kaduri2025.protocol import Protocol

DEMO = Path(__file__).parents[2] / "resources" / "demo" / "llava"
NEW = 12
PROTOCOL = Protocol.parse(
    SETTINGS | {"max_new_tokens": NEW, "images": {"split": "val2017", "count": 1}}
)


@torch.no_grad()
def describe_by_hand(scene, question: str, condition: str, variant: str, hidden: list[int]) -> str:
    """Greedy words with image columns forbidden to the rows that the condition names."""
    model = AutoModelForImageTextToText.from_pretrained(
        DEMO, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    processor = AutoProcessor.from_pretrained(DEMO, backend="pil")
    text = f"USER: <image>\n{question} ASSISTANT:"
    inputs = processor(images=scene.image(), text=text, return_tensors="pt")
    image = np.flatnonzero(inputs["input_ids"][0] == model.config.image_token_index)
    prompt, end = inputs["input_ids"].shape[1], int(image[-1]) + 1

    def cut(_module, args, kwargs):
        mask = kwargs["attention_mask"].clone()
        rows = []
        if condition in ("image to query", "image to query and generated"):
            rows += range(end, prompt)
        if condition in ("image to generated", "image to query and generated"):
            rows += range(prompt, mask.shape[-1])
        if variant == "last prompt position too":
            rows.append(prompt - 1)
        for row in rows:
            mask[..., row, image] = -torch.inf
        return args, kwargs | {"attention_mask": mask}

    layers = model.model.language_model.layers
    for layer in hidden:
        layers[layer].register_forward_pre_hook(cut, with_kwargs=True)
    tokens: list[int] = []
    while len(tokens) < NEW:
        token = int(model(**inputs, use_cache=False).logits[0, -1].argmax())
        tokens.append(token)
        if token == model.generation_config.eos_token_id:
            break
        inputs["input_ids"] = torch.cat([inputs["input_ids"], torch.tensor([[token]])], dim=1)
        inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
    return processor.tokenizer.decode(tokens, skip_special_tokens=True).strip()


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory):
    """One scene with its descriptions under all conditions."""
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("world")
    write_coco(root, "val2017", scene_seeds("val2017", 1, 1), processes=1)
    coco = Coco(root, "val2017")
    vlm = load_vlm(ModelSource("demo", str(DEMO), dtype="float32", device="cpu"))
    images = draw_images(coco.scenes(), 1, 0)
    return next(coco.scenes()), describe_all(images, coco, vlm, PROTOCOL)


def hidden_layers(row) -> list[int]:
    """What the name of the layers says, read without the study's own functions."""
    layers = list(range(row.model_layers))
    words = row.layers.split()
    if row.layers == "all":
        return layers
    if words[0] == "after":
        return [layer for layer in layers if layer > int(words[1])]
    if words[0] == "up":
        return [layer for layer in layers if layer <= int(words[2])]
    return [layer for layer in layers if not row.first <= layer <= row.last]


def test_descriptions_equal_eager_attention_under_a_mask_by_hand(described):
    scene, rows = described
    depth = int(rows["model_layers"].iloc[0])
    # One set of layers of every kind, under every knockout and variant; the middle one where there are many.
    kinds = ["all", "except middle", f"after {depth // 2}", f"up to {depth // 2}"]
    windows = rows.loc[rows["family"] == "except window", "layers"].unique()
    kinds.append(windows[len(windows) // 2])
    chosen = rows[rows["layers"].isin(kinds)]
    assert len(chosen) == 3 * 5 + 4 + 8
    for row in pd.concat([rows[rows["condition"] == "none"], chosen]).itertuples():
        hidden = hidden_layers(row) if row.condition != "none" else []
        expected = describe_by_hand(scene, row.question, row.condition, row.variant, hidden)
        assert row.text == expected, (row.wording, row.condition, row.layers, row.variant)


def test_hiding_the_image_changes_what_is_said(described):
    """Otherwise the comparison above would prove nothing."""
    _, rows = described
    main = rows[rows["wording"] == "main"]
    clean = main.loc[main["condition"] == "none", "text"].iloc[0]
    assert (main["text"] != clean).mean() > 0.3
