"""Our model answers as plain transformers does, and only what is replaced changes."""

import numpy as np
import pytest
import torch

from sightline.instruments.ablation import replace_tokens
from sightline.models.prompts import TEMPLATES

CLOSE = {"rtol": 1e-4, "atol": 1e-4}
QUESTION = "Is there a cat in this image?"
QUESTIONS = [
    QUESTION,
    "Describe this image.",
    "What is on the car?",
    "Is there a bus in this image?",
]


@pytest.fixture(scope="session")
def image_tokens(vlm, images):
    """Image tokens of all test images, (images, tokens, width)."""
    return vlm.encode_images(images)


def plain_inputs(pair, image, question=QUESTION, prefix=""):
    """What the processor makes of the text written by hand, without our prompt."""
    template = TEMPLATES[pair.vlm.source.prompt]
    text = template.text.replace("{question}", question)
    if prefix:
        text += {"llava-1.5": f" {prefix}"}.get(pair.vlm.source.prompt, prefix)
    return pair.processor(images=image, text=text, return_tensors="pt")


def plain_answer(pair, inputs, length=12):
    """Stock greedy generation, cut where the template says an answer ends."""
    stop = TEMPLATES[pair.vlm.source.prompt].stop
    end = [2, *pair.processor.tokenizer.convert_tokens_to_ids(list(stop))]
    out = pair.model.generate(**inputs, max_new_tokens=length, do_sample=False, eos_token_id=end)
    new = out[0, inputs["input_ids"].shape[1] :]
    return pair.processor.tokenizer.decode(new, skip_special_tokens=True).strip()


@pytest.mark.parametrize("prefix", ["", "It is a"])
def test_logits_equal_plain_transformers(pair, images, image_tokens, prefix):
    """Unedited image tokens give the logits that pixels give."""
    ours = pair.vlm.logits(pair.vlm.prompt(QUESTION, prefix), image_tokens)
    for image, row in zip(images, ours, strict=True):
        with torch.no_grad():
            plain = pair.model(**plain_inputs(pair, image, prefix=prefix)).logits[0, -1]
        torch.testing.assert_close(row, plain, **CLOSE)


def test_image_tokens_are_what_the_model_inserts(pair, images, image_tokens):
    """The projector's output, one row per placeholder."""
    inputs = plain_inputs(pair, images[0])
    features = {key: inputs[key] for key in ("pixel_values", "image_grid_thw") if key in inputs}
    with torch.no_grad():
        out = pair.model.get_image_features(**features, return_dict=True).pooler_output
    torch.testing.assert_close(image_tokens[0], torch.cat(list(out)))


def test_answers_equal_plain_generate(pair, images, image_tokens):
    """Greedy answers from image tokens are those from pixels, and the images matter for them."""
    ours = pair.vlm.generate(pair.vlm.prompt(QUESTION), image_tokens, 12)
    assert ours == [plain_answer(pair, plain_inputs(pair, image)) for image in images]
    assert len(set(ours)) > 1


def test_prompt_without_an_image(pair):
    """The image's place closes up, and the answer is that of the language model alone."""
    prompt = pair.vlm.prompt(QUESTION, image=False)
    assert not prompt.has_image and prompt.roles.grid is None
    with torch.no_grad():
        plain = pair.model(input_ids=prompt.input_ids[None]).logits[:, -1]
    torch.testing.assert_close(pair.vlm.logits(prompt), plain, **CLOSE)
    assert len(pair.vlm.generate(prompt, None, 5)) == 1


def test_ablation_equals_editing_input_embeddings(pair, image_tokens):
    """Replaced image tokens act as replaced input embeddings, before layer 0."""
    vlm, subset = pair.vlm, np.array([0, 3, 7])
    prompt, mean = vlm.prompt(QUESTION), torch.full((vlm.width,), 0.3)
    ablated = vlm.logits(prompt, replace_tokens(image_tokens[0], [subset], mean))
    embeddings = vlm.embed(prompt, image_tokens[:1])
    embeddings[:, prompt.roles.image[subset]] = mean
    with torch.no_grad():
        by_hand = pair.model(
            inputs_embeds=embeddings, position_ids=vlm.position_ids(prompt)
        ).logits[:, -1]
    torch.testing.assert_close(ablated, by_hand, **CLOSE)
    assert not torch.allclose(ablated, vlm.logits(prompt, image_tokens[:1]), **CLOSE)


def test_ablating_nothing_changes_nothing(vlm, image_tokens):
    """An empty subset, and tokens replaced by themselves, reproduce the logits bit by bit."""
    prompt, tokens = vlm.prompt(QUESTION), image_tokens[0]
    clean = vlm.logits(prompt, tokens[None])
    none = replace_tokens(tokens, [np.empty(0, np.int64)], torch.zeros(vlm.width))
    itself = replace_tokens(tokens, [np.array([5])], tokens[5])
    assert torch.equal(vlm.logits(prompt, none), clean)
    assert torch.equal(vlm.logits(prompt, itself), clean)


def test_ablating_everything_makes_images_equal(vlm, image_tokens):
    """Nothing of an image is left once all of its tokens are replaced."""
    prompt, everything = vlm.prompt(QUESTION), np.arange(vlm.grid.tokens)
    blind = torch.cat(
        [replace_tokens(tokens, [everything], torch.ones(vlm.width)) for tokens in image_tokens[:2]]
    )
    first, second = vlm.logits(prompt, blind)
    assert torch.equal(first, second)
    clean_first, clean_second = vlm.logits(prompt, image_tokens[:2])
    assert not torch.allclose(clean_first, clean_second, **CLOSE)


def test_visual_states_do_not_know_the_question(pair, images):
    """Image tokens come before the question and attention is causal."""
    states = []
    for question in QUESTIONS[:2]:
        inputs = plain_inputs(pair, images[0], question)
        roles = pair.vlm.prompt(question).roles
        with torch.no_grad():
            hidden = pair.model(**inputs, output_hidden_states=True).hidden_states
        states.append(torch.stack(hidden)[:, 0, roles.image])
    torch.testing.assert_close(*states, **CLOSE)


@pytest.mark.parametrize("batch_size", [1, 3, 16])
def test_batch_size_does_not_matter(vlm, images, image_tokens, batch_size):
    """Images, logits and answers, one at a time or together."""
    prompt = vlm.prompt(QUESTION)
    torch.testing.assert_close(vlm.encode_images(images, batch_size), image_tokens, **CLOSE)
    together = vlm.logits(prompt, image_tokens)
    torch.testing.assert_close(vlm.logits(prompt, image_tokens, batch_size), together, **CLOSE)
    alone = [vlm.generate(prompt, tokens[None], 12)[0] for tokens in image_tokens]
    assert vlm.generate(prompt, image_tokens, 12, batch_size) == alone


@pytest.mark.parametrize("batch_size", [1, 2, 16])
def test_questions_of_different_length_go_together(pair, images, image_tokens, batch_size):
    """Each prompt keeps its own image, question and place in the list."""
    vlm = pair.vlm
    prompts = [vlm.prompt(question) for question in QUESTIONS]
    assert len({len(prompt) for prompt in prompts}) > 1
    ours = vlm.generate_many(prompts, image_tokens, 8, batch_size)
    plain = [
        plain_answer(pair, plain_inputs(pair, image, question), 8)
        for image, question in zip(images, QUESTIONS, strict=True)
    ]
    assert ours == plain


def test_conditions_of_one_image_equal_one_at_a_time(vlm, image_tokens):
    """Ablations answered together are the ablations answered alone."""
    subsets = [np.arange(n) for n in range(vlm.grid.tokens)]
    versions = replace_tokens(image_tokens[0], subsets, image_tokens.mean((0, 1)))
    prompt = vlm.prompt("Describe this image.")
    together = vlm.generate(prompt, versions, 8)
    assert together == [vlm.generate(prompt, one[None], 8)[0] for one in versions]
    assert len(set(together)) > 1


def test_wrong_image_tokens_are_refused(vlm, image_tokens):
    """A prompt with an image needs image tokens of the right shape; one without takes none."""
    with pytest.raises(ValueError, match="only for such"):
        vlm.logits(vlm.prompt(QUESTION))
    with pytest.raises(ValueError, match="only for such"):
        vlm.logits(vlm.prompt(QUESTION, image=False), image_tokens)
    with pytest.raises(ValueError, match="expected"):
        vlm.logits(vlm.prompt(QUESTION), image_tokens[:, 1:])
