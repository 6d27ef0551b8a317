"""Questions that share an image are answered as if each came alone."""

from dataclasses import replace

import pytest
import torch

from sightline.models.shared_images import answer_about, last_states_about

QUESTIONS = [
    "Is there a cat in this image?",
    "Describe this image.",
    "What is on the car?",
    "Is there a bus in this image?",
]


@pytest.mark.parametrize("batch_size", [1, 2, 50])
def test_answers_are_those_of_each_question_alone(vlm, images, batch_size):
    tokens = vlm.encode_images(images)
    about = [number for number in range(len(images)) for _ in QUESTIONS]
    prompts = [vlm.prompt(question) for _ in images for question in QUESTIONS]
    # In another order than the images, as questions of a table may come.
    order = torch.randperm(len(about), generator=torch.Generator().manual_seed(0)).tolist()
    prompts, about = [prompts[n] for n in order], [about[n] for n in order]
    alone = vlm.generate_many(prompts, tokens[about], 8)
    assert answer_about(vlm, prompts, about, tokens, 8, batch_size) == alone
    assert len(set(alone)) > 2


@pytest.mark.parametrize("batch_size", [1, 2, 50])
def test_last_states_are_those_of_each_prompt_alone(vlm, images, batch_size):
    tokens = vlm.encode_images(images)
    about = [number for number in reversed(range(len(images))) for _ in QUESTIONS]
    prompts = [vlm.prompt(question) for _ in images for question in QUESTIONS]
    found = last_states_about(vlm, prompts, about, tokens, batch_size)
    for prompt, image, state in zip(prompts, about, found, strict=True):
        (inputs,) = vlm.inputs([prompt], tokens[image : image + 1], 1)
        with torch.no_grad():
            alone = vlm.adapter.text_model(vlm.model)(**inputs).last_hidden_state[0, -1]
        torch.testing.assert_close(state, alone, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("about", [[0, 1], [0], [-1, 0]])
def test_every_prompt_is_about_an_image_that_is_there(vlm, images, about):
    prompts, tokens = [vlm.prompt("Describe this image.")] * 2, vlm.encode_images(images[:1])
    for ask in (
        lambda: answer_about(vlm, prompts, about, tokens, 4, 2),
        lambda: last_states_about(vlm, prompts, about, tokens, 2),
    ):
        with pytest.raises(ValueError, match="number of one of them"):
            ask()


def test_prompts_that_begin_differently_are_refused(vlm, images):
    other = vlm.prompt("Describe this image.")
    ids = other.input_ids.clone()
    ids[0] = ids[0] + 1
    prompts = [other, replace(other, input_ids=ids)]
    with pytest.raises(ValueError, match="alike up to the image's end"):
        answer_about(vlm, prompts, [0, 0], vlm.encode_images(images[:1]), 4, 2)
