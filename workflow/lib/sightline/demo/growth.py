"""A deeper VLM from a trained one: copies of its blocks that at first add nothing.

Copies stand evenly among the originals, each behind the block it was copied from. The two matrices by which a copy
writes to the residual stream are zero, so the deeper model starts out computing what the trained one does, and learns
from there what more layers are good for (block expansion, LLaMA Pro, arXiv 2401.02415).
"""

import copy

import torch
from torch import Tensor
from transformers import LlavaForConditionalGeneration, PreTrainedTokenizerFast

from sightline.errors import SightlineError

_WRITING = ("self_attn.o_proj.weight", "mlp.down_proj.weight")


def block_sources(trained: int, layers: int) -> list[tuple[int, bool]]:
    """Where each block of the deeper text model comes from.

    Args:
        trained: blocks of the trained model.
        layers: blocks of the deeper one, at most twice as many.

    Returns:
        (layers,) pairs of a trained block and whether it is a copy that writes nothing yet.

    Raises:
        SightlineError: the deeper model would be shallower, or more than twice as deep.
    """
    more = layers - trained
    if not 0 <= more <= trained:
        raise SightlineError(
            f"{trained} blocks cannot grow to {layers}: expected {trained} to {2 * trained}."
        )
    copied = {(number + 1) * trained // more - 1 for number in range(more)}
    sources = []
    for block in range(trained):
        sources.append((block, False))
        if block in copied:
            sources.append((block, True))
    return sources


def grow(
    vlm: LlavaForConditionalGeneration,
    known: PreTrainedTokenizerFast,
    tokenizer: PreTrainedTokenizerFast,
    layers: int,
) -> LlavaForConditionalGeneration:
    """A VLM with more blocks, and with words the trained one did not have; it answers as before.

    Args:
        vlm: the trained one.
        known: its tokenizer.
        tokenizer: the words of the deeper one: the known ones, and new ones behind them.
        layers: blocks of the deeper text model.

    Raises:
        SightlineError: a known word has another number now, or the number of blocks does not fit.
    """
    moved = {
        word: number for word, number in known.get_vocab().items()
        if tokenizer.get_vocab().get(word) != number
    }  # fmt: skip
    if moved:
        raise SightlineError(
            f"words of the trained model have other numbers now: {sorted(moved)[:5]}. "
            "New words belong to the end of the vocabulary."
        )
    config = copy.deepcopy(vlm.config)
    config.text_config.num_hidden_layers = layers
    config.text_config.vocab_size = len(tokenizer)
    deeper = LlavaForConditionalGeneration(config)
    sources = block_sources(vlm.config.text_config.num_hidden_layers, layers)
    weights = vlm.state_dict()
    grown: dict[str, Tensor] = {}
    for name, drawn in deeper.state_dict().items():
        grown[name] = _weight(name, drawn, weights, sources)
    deeper.load_state_dict(grown)
    return deeper


def _weight(
    name: str, drawn: Tensor, weights: dict[str, Tensor], sources: list[tuple[int, bool]]
) -> Tensor:
    head, found, tail = name.partition("language_model.layers.")
    if not found:
        weight = weights[name]
        # Words that are new keep the random rows they were drawn with.
        return torch.cat([weight.to(drawn), drawn[len(weight) :]]) if drawn.ndim else weight
    number, _, part = tail.partition(".")
    block, copied = sources[int(number)]
    if copied and part in _WRITING:
        return torch.zeros_like(drawn)
    return weights[f"{head}{found}{block}.{part}"].to(drawn)
