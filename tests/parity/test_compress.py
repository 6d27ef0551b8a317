"""A compressed context answers as a full forward pass does in which everything dropped is masked."""

import numpy as np
import pytest
import torch

from sightline.instruments.compress import CompressError, compress, look
from sightline.instruments.reading import Reading
from sightline.instruments.similarity import attention_scores
from sightline.instruments.states import capture_answers

CLOSE = {"rtol": 1e-4, "atol": 1e-4}
DESCRIBE, QUESTION = "Describe this image.", "Is there a cat in this image?"
STEPS = 5


@pytest.fixture(scope="module")
def seen(vlm, images):
    return look(vlm, images[0], DESCRIBE, STEPS)


def masked_forward(vlm, image, context):
    """Prompt and question in one pass; the question's rows see, in each layer, the kept keys and each other."""
    prompt, asked = context.prompt, context.question_tokens(QUESTION)
    roles, length = prompt.roles, len(prompt) + len(asked)
    places = vlm.adapter.position_ids(vlm.model, prompt)
    behind = torch.arange(context.start, context.start + len(asked)).expand(len(places), -1)
    places = torch.cat([places, behind], 1)[:, None]
    embeddings = torch.cat(
        [
            vlm.embed(prompt, vlm.encode_images([image])),
            vlm.model.get_input_embeddings()(asked[None]),
        ],
        1,
    )
    text = np.concatenate([roles.system, roles.query])
    handles = []
    for layer, block in enumerate(vlm.adapter.layers(vlm.model)):
        allowed = torch.ones(length, length).tril().bool()
        kept = set(roles.image[context.tokens[layer].numpy()].tolist())
        kept |= set(text.tolist()) if len(context) > context.tokens.shape[1] else set()
        dropped = [one for one in range(len(prompt)) if one not in kept]
        allowed[len(prompt) :, dropped] = False
        mask = torch.zeros(1, 1, length, length).masked_fill(~allowed, -torch.inf)

        def give(module, args, kwargs, mask=mask):
            return args, kwargs | {"attention_mask": mask}

        handles.append(block.register_forward_pre_hook(give, with_kwargs=True))
    try:
        with torch.no_grad():
            return vlm.model(
                inputs_embeds=embeddings,
                position_ids=places[0] if len(places) == 1 else places,
            ).logits[0, -1]
    finally:
        for handle in handles:
            handle.remove()


@pytest.mark.parametrize("keep", ["both", "query", "image"])
@pytest.mark.parametrize("share", [0.25, 1.0])
def test_equals_a_masked_full_forward(vlm, images, seen, keep, share):
    """Every layer keeps its own tokens, each at the position it had."""
    context = seen.compress(share, keep)
    expected = masked_forward(vlm, images[0], context)
    torch.testing.assert_close(context.logits(QUESTION), expected, **CLOSE)


def test_what_is_dropped_matters(vlm, seen):
    """The comparison above could not tell a context from a full one if tokens did not count."""
    whole = seen.compress(1.0).logits(QUESTION)
    for keep in ("both", "query", "image"):
        assert (seen.compress(0.25, keep).logits(QUESTION) - whole).abs().max() > 1e-2


def test_tokens_differ_from_layer_to_layer_and_are_the_most_attended(vlm, images, seen):
    prompt = vlm.prompt(DESCRIBE, grid=vlm.grid_of(images[0]))
    rows = Reading(rows=(), queries=["last", "generated"], keys="image", layers=())
    found = capture_answers(vlm, [prompt], vlm.encode_images(images[:1]), rows, STEPS)
    torch.testing.assert_close(seen.scores, attention_scores(found.captured.attention), **CLOSE)
    assert seen.description == vlm.decode(found.tokens[0])
    tokens = seen.compress(0.25).tokens
    assert tokens.shape == (len(seen.keys), len(prompt.roles.image) // 4)
    assert any(not torch.equal(tokens[0], other) for other in tokens[1:])
    for layer, kept in enumerate(tokens):
        assert set(kept.tolist()) == set(seen.scores[layer].topk(len(kept)).indices.tolist())


def test_the_full_context_is_the_ordinary_prompt(vlm, images, seen):
    """Asked behind the image, a question gives the answer that generate gives."""
    questions = [QUESTION, "What is it?", "Is there a dog in this image?"]
    expected = [
        vlm.generate(vlm.prompt(one, grid=vlm.grid_of(images[0])), vlm.encode_images(images[:1]), 6)
        for one in questions
    ]
    assert seen.full_context().answers(questions, 6) == [one for [one] in expected]


def test_answers_do_not_disturb_each_other(vlm, seen):
    context = seen.compress(0.25)
    alone = [context.answer(one, 4) for one in (QUESTION, "What is it?")]
    again = context.answers(["What is it?", QUESTION, "Is there a dog in this image?"], 4)
    assert again[:2] == alone[::-1]


def test_size_and_first_position(vlm, images, seen):
    roles = seen.prompt.roles
    text, kept = len(roles.system) + len(roles.query), len(roles.image) // 4
    both, query, image = (seen.compress(0.25, keep) for keep in ("both", "query", "image"))
    assert [len(both), len(query), len(image)] == [text + kept, text, kept]
    assert both.start == query.start == int(seen.positions.max()) + 1
    last = roles.image[image.tokens.numpy()].max()
    assert image.start == int(seen.positions[:, : last + 1].max()) + 1 <= both.start
    head = both.keys[0]
    assert both.nbytes == 2 * len(seen.keys) * head.numel() * head.element_size()


def test_in_one_call(vlm, images, seen):
    context = compress(vlm, images[0], DESCRIBE, 0.25, "both", STEPS)
    torch.testing.assert_close(
        context.logits(QUESTION), seen.compress(0.25).logits(QUESTION), **CLOSE
    )


def test_what_cannot_be_kept_is_refused(seen):
    with pytest.raises(CompressError, match="no text and no image token"):
        seen.compress(0.01, "image")
    with pytest.raises(CompressError, match="keep='all'"):
        seen.compress(0.5, "all")
    with pytest.raises(CompressError, match="give \\(layers, kept\\)"):
        seen.context(torch.zeros(1, 2, dtype=torch.int64))
    with pytest.raises(CompressError, match="99; there are"):
        seen.context(torch.full((len(seen.keys), 1), 99))
