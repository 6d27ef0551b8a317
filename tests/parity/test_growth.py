"""A deeper model begins by answering as the shallower one does."""

import pytest
import torch

from sightline.demo.architecture import IMAGE_TOKEN, SIDE, build_tokenizer, build_vlm
from sightline.demo.growth import block_sources, grow
from sightline.demo.train import RECIPES, described
from sightline.demo.world import SIZE
from sightline.errors import SightlineError


@pytest.fixture(scope="module")
def trained():
    torch.manual_seed(0)
    return build_vlm(build_tokenizer(), layers=3).eval()


def shorter_tokenizer(words):
    """The tokenizer as it was before its last words were added."""
    tokenizer = build_tokenizer()
    state = tokenizer.backend_tokenizer.model
    kept = {word: n for word, n in tokenizer.get_vocab().items() if n < len(tokenizer) - words}
    tokenizer.backend_tokenizer.model = type(state)(kept, unk_token="<unk>")
    return tokenizer


def logits(vlm, words):
    generator = torch.Generator().manual_seed(1)
    image = build_tokenizer().convert_tokens_to_ids(IMAGE_TOKEN)
    text = torch.randint(6, words, (2, 12), generator=generator)
    ids = torch.cat([torch.full((2, SIDE * SIDE), image), text], 1)
    pixels = torch.randn(2, 3, SIZE, SIZE, generator=generator)
    with torch.no_grad():
        return vlm(input_ids=ids, pixel_values=pixels).logits[..., :words]


@pytest.mark.parametrize("layers", [3, 4, 5, 6])
def test_a_grown_model_answers_as_before(trained, layers):
    known = build_tokenizer()
    deeper = grow(trained, known, known, layers).eval()
    assert len(deeper.model.language_model.layers) == layers
    words = len(known)
    torch.testing.assert_close(logits(deeper, words), logits(trained, words), rtol=1e-4, atol=1e-4)


def test_new_words_leave_the_known_ones_as_they_were():
    known, tokenizer = shorter_tokenizer(4), build_tokenizer()
    torch.manual_seed(0)
    trained = build_vlm(known, layers=2).eval()
    deeper = grow(trained, known, tokenizer, 3).eval()
    assert deeper.lm_head.weight.shape[0] == len(tokenizer) == len(known) + 4
    words = len(known)
    torch.testing.assert_close(logits(deeper, words), logits(trained, words), rtol=1e-4, atol=1e-4)


def test_a_copy_can_learn(trained):
    """Zero output matrices still get a gradient; were the read matrices zero too, nothing would move."""
    known = build_tokenizer()
    deeper = grow(trained, known, known, 4)
    copies = [n for n, (_, copied) in enumerate(block_sources(3, 4)) if copied]
    ids = torch.randint(6, len(known), (1, 8), generator=torch.Generator().manual_seed(0))
    deeper(input_ids=ids, labels=ids).loss.backward()
    for number in copies:
        block = deeper.model.language_model.layers[number]
        assert not block.mlp.down_proj.weight.any() and not block.self_attn.o_proj.weight.any()
        assert block.mlp.down_proj.weight.grad.any() and block.self_attn.o_proj.weight.grad.any()


def test_copies_stand_evenly_behind_their_originals():
    assert [block for block, copied in block_sources(8, 12) if copied] == [1, 3, 5, 7]
    assert [block for block, copied in block_sources(8, 12) if not copied] == list(range(8))


@pytest.mark.parametrize("layers", [2, 7])
def test_what_cannot_grow_is_refused(layers):
    with pytest.raises(SightlineError, match=f"3 blocks cannot grow to {layers}: expected 3 to 6"):
        block_sources(3, layers)


def test_words_with_other_numbers_are_refused(trained):
    known, moved = shorter_tokenizer(1), build_tokenizer()
    vocabulary = moved.get_vocab()
    vocabulary["mug"], vocabulary["cat"] = vocabulary["cat"], vocabulary["mug"]
    moved.backend_tokenizer.model = type(moved.backend_tokenizer.model)(
        vocabulary, unk_token="<unk>"
    )
    with pytest.raises(SightlineError, match=r"other numbers now: \['cat', 'mug'\]"):
        grow(trained, known, moved, 4)


def test_a_recipe_names_only_the_stages_it_has():
    assert "vision_steps" in described(RECIPES["llava-8"])
    assert "vision_steps" not in described(RECIPES["llava-12"])
    assert described(RECIPES["llava-12"])["grown_from"] == "llava-8"
