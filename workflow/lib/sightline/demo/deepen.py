"""A deeper text model that computes what the shallow one did: blocks that change nothing yet are put between its own.

A small stack learns to look things up several times faster than a deep one; the new blocks then take up what needs more
steps than one, such as the colour of the thing left of the mug.
"""

import torch
from torch import nn
from transformers import LlavaForConditionalGeneration


@torch.no_grad()
def deepen(
    shallow: LlavaForConditionalGeneration, deep: LlavaForConditionalGeneration
) -> LlavaForConditionalGeneration:
    """Copy a trained model into a freshly built one with more blocks.

    Args:
        shallow: the trained model.
        deep: the same in everything but the number of blocks; those that are new are spread evenly over its depth
            and write nothing into the residual stream.

    Returns:
        ``deep``, which gives the logits of ``shallow``.

    Raises:
        ValueError: ``deep`` has no more blocks than ``shallow``.
    """
    old, new = shallow.model.language_model.layers, deep.model.language_model.layers
    if len(new) <= len(old):
        raise ValueError(f"{len(new)} blocks are not more than {len(old)}")
    # Taken out and put back: all other weights then agree by name.
    shallow.model.language_model.layers, deep.model.language_model.layers = (
        nn.ModuleList(),
        nn.ModuleList(),
    )
    deep.load_state_dict(shallow.state_dict())
    shallow.model.language_model.layers, deep.model.language_model.layers = old, new
    places = kept_places(len(old), len(new))
    for block, place in zip(old, places, strict=True):
        new[place].load_state_dict(block.state_dict())
    for place in set(range(len(new))) - set(places):
        new[place].self_attn.o_proj.weight.zero_()
        new[place].mlp.down_proj.weight.zero_()
    return deep


def kept_places(old: int, new: int) -> list[int]:
    """Where the blocks of the shallow model go: the first stays first, the rest are spread evenly."""
    return [block * new // old for block in range(old)]
