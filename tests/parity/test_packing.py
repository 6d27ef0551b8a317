"""A pack of questions gives each of them the logits it has alone, in plain transformers."""

import random
from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image

from sightline.demo import attention
from sightline.demo.architecture import build_processor, build_segmenter, build_tokenizer, build_vlm
from sightline.demo.language import AFTER_ANSWER, AFTER_QUESTION, REFUSAL, Turn
from sightline.demo.language_stage import LANGUAGE, Emphasis, LanguageStage
from sightline.demo.location_code import LocationCode
from sightline.demo.packing import IGNORED, Packer
from sightline.demo.questions import turns
from sightline.demo.training_set import draw_training_set, normalise
from sightline.models.segmenter import Segmenter


@pytest.fixture(scope="module")
def talk():
    attention.register()
    scenes = draw_training_set(5, 2, processes=1)
    tokenizer = build_tokenizer()
    torch.manual_seed(0)
    vlm = build_vlm(tokenizer, layers=2).eval()
    segmenter = Segmenter(build_segmenter(), vlm.config.text_config.hidden_size)
    code = LocationCode(segmenter.sam)
    stage = LanguageStage(LANGUAGE, vlm, tokenizer, segmenter, code, scenes, scenes, 2, 0)
    return vlm, tokenizer, scenes, stage


def test_packed_turns_equal_single_prompts(talk):
    vlm, tokenizer, scenes, stage = talk
    rng = random.Random(0)
    asked = [turns(scenes.themes[s], scenes.objects[s], rng) for s in range(2)]
    asked[0].insert(3, Turn("refuse", "Describe this image.", REFUSAL, blind=True))
    pack = Packer(tokenizer).pack(asked, 360, torch.float32)
    vlm.set_attn_implementation(attention.PLAIN)
    with torch.no_grad():
        image = stage.image_tokens(normalise(scenes.pixels))
        packed = vlm.lm_head(stage.states(image, pack))
    vlm.set_attn_implementation("sdpa")
    processor = build_processor(tokenizer)
    checked = set()
    for scene, questions in enumerate(asked):
        image = Image.fromarray(scenes.pixels[scene].permute(1, 2, 0).numpy())
        for number, turn in enumerate(questions):
            here = pack.turn[scene] == number
            if not here.any():
                continue
            start = "USER: " if turn.blind else "USER: <image>\n"
            inputs = processor(
                text=f"{start}{turn.question} ASSISTANT: {turn.answer}",
                images=None if turn.blind else [image],
                return_tensors="pt",
            )
            with torch.no_grad():
                alone = vlm(**inputs).logits[0]
            # The packed turn also holds the end token, which the single prompt lacks.
            mine = packed[scene][here][:-1]
            torch.testing.assert_close(mine, alone[-len(mine) :], rtol=1e-4, atol=1e-4)
            checked.add(turn.kind)
    assert "refuse" in checked and len(checked) > 8


def test_a_turn_after_another_equals_the_dialogue(talk):
    """Whole, or without the first answer as questions to a compressed context come."""
    vlm, tokenizer, scenes, stage = talk
    first = Turn("color", "What color is the mug?", "red")
    asked = [
        [
            Turn("exists", "Is there a cat here?", "no"),
            first,
            Turn("exists", "Do you see a mug?", "yes", after=AFTER_ANSWER),
            Turn("exists", "Do you see a key?", "no", after=AFTER_QUESTION),
        ]
    ]
    pack = Packer(tokenizer).pack(asked, 80, torch.float32)
    vlm.set_attn_implementation(attention.PLAIN)
    with torch.no_grad():
        packed = vlm.lm_head(stage.states(stage.image_tokens(normalise(scenes.pixels[:1])), pack))
    vlm.set_attn_implementation("sdpa")
    image = Image.fromarray(scenes.pixels[0].permute(1, 2, 0).numpy())
    begin = f"USER: <image>\n{first.question} ASSISTANT:"
    dialogues = {
        2: f"{begin} red</s>USER: Do you see a mug? ASSISTANT: yes",
        3: f"{begin} Do you see a key? ASSISTANT: no",
    }
    for number, text in dialogues.items():
        inputs = build_processor(tokenizer)(text=text, images=[image], return_tensors="pt")
        with torch.no_grad():
            alone = vlm(**inputs).logits[0]
        mine = packed[0][pack.turn[0] == number][:-1]
        torch.testing.assert_close(mine, alone[-len(mine) :], rtol=1e-4, atol=1e-4)


def test_labels_are_the_answers(talk):
    _, tokenizer, scenes, _ = talk
    asked = [turns(scenes.themes[0], scenes.objects[0], random.Random(1))]
    pack = Packer(tokenizer).pack(asked, 360)
    for number, turn in enumerate(asked[0]):
        here = (pack.turn[0] == number) & (pack.labels[0] != IGNORED)
        if (pack.turn[0] == number).any():
            ids = pack.labels[0][here].tolist()
            assert ids[-1] == tokenizer.eos_token_id
            assert tokenizer.decode(ids[:-1]) == tokenizer.decode(
                tokenizer(turn.answer, add_special_tokens=False).input_ids
            )


def test_turns_that_do_not_fit_are_left_out_whole(talk):
    _, tokenizer, scenes, _ = talk
    asked = [turns(scenes.themes[0], scenes.objects[0], random.Random(1))]
    pack = Packer(tokenizer).pack(asked, 60)
    kept = [n for n in range(len(asked[0])) if (pack.turn[0] == n).any()]
    assert 0 < len(kept) < len(asked[0])
    for number in kept:
        ids = pack.labels[0][pack.turn[0] == number].numpy()
        assert ids[np.flatnonzero(ids != IGNORED)[-1]] == tokenizer.eos_token_id


def test_a_stage_asks_what_it_dwells_on(talk):
    """Weight 0 leaves a kind out, weight 2 or more asks it twice as often."""
    _, _, scenes, _ = talk
    evenly = Emphasis("evenly", 1e-3, 0.5, {})
    dwelling = Emphasis("dwelling", 1e-3, 0.5, {"color": 2.0, "where": 0.0})
    once, dwelt = Counter(), Counter()
    for seed in range(30):
        for emphasis, counts in ((evenly, once), (dwelling, dwelt)):
            asked = emphasis.ask(scenes.themes[0], scenes.objects[0], random.Random(seed))
            counts.update(turn.kind for turn in asked)
    assert once["where"] > 0 and dwelt["where"] == 0
    assert dwelt["color"] == 2 * once["color"] and dwelt["main"] == once["main"]
