"""The best entries of each row, found without sorting the vocabulary; words and their spellings."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sightline.instruments.logit_lens import LensError, _rank, stable_top, word_tokens


@given(st.integers(1, 300), st.integers(1, 4), st.integers(1, 5), st.data())
def test_best_entries_are_those_of_a_stable_sort(columns, rows, levels, data):
    """Few levels give many ties, within groups of columns and across them."""
    seed, k = data.draw(st.integers(0, 1000)), data.draw(st.integers(1, columns))
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randint(-levels, levels, (rows, columns), generator=generator).float()
    values, places = stable_top(logits, k)
    expected = logits.sort(dim=-1, descending=True, stable=True)
    assert torch.equal(places, expected.indices[:, :k])
    assert torch.equal(values, expected.values[:, :k])


def test_entries_ruled_out_come_last_but_never_from_outside():
    logits = torch.full((1, 70), -torch.inf)
    logits[0, 69] = 0
    assert stable_top(logits, 70)[1].tolist() == [[69, *range(69)]]


@given(st.integers(1, 90), st.data())
def test_rank_is_the_place_in_a_stable_sort(columns, data):
    generator = torch.Generator().manual_seed(data.draw(st.integers(0, 1000)))
    logits = torch.randint(-3, 3, (3, columns), generator=generator).float()
    word = data.draw(st.lists(st.integers(0, columns - 1), min_size=1, max_size=4))
    order = logits.sort(dim=-1, descending=True, stable=True).indices.tolist()
    expected = [min(row.index(token) for token in word) for row in order]
    assert _rank(logits, word).tolist() == expected


def test_word_tokens(tiny_llava):
    """One vocabulary entry per spelling that the tokenizer tells apart; never a special token."""
    tokenizer = tiny_llava.tokenizer
    (cat,) = word_tokens(tokenizer, "cat")
    assert tokenizer.convert_ids_to_tokens(cat) == "cat"
    assert word_tokens(tokenizer, ["cat", "Dog"]) == tuple(
        sorted(tokenizer.convert_tokens_to_ids(["cat", "dog"]))
    )
    light = word_tokens(tokenizer, "traffic light")
    assert tokenizer.convert_ids_to_tokens(light) == ["traffic"]
    with pytest.raises(LensError, match="traffic light: no spelling is a single token"):
        word_tokens(tokenizer, "traffic light", whole=True)
    with pytest.raises(LensError, match="zebra"):
        word_tokens(tokenizer, "zebra")
