"""Names of LISA, SESAME and READ: a LLaVA, the projection of [SEG] and a SAM in one state dict.

model.embed_tokens, model.layers, model.norm, lm_head   Llama
model.mm_projector                                      two linear layers (LLaVA-1.5), or one (LLaVA-1)
model.vision_tower.vision_tower.vision_model            CLIP; left out of merged checkpoints
model.text_hidden_fcs.0                                 linear, ReLU, linear: the projection
model.visual_model                                      SAM
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from sightline.errors import SightlineError
from sightline.models.conversion import sam_keys

Part = Literal["vlm", "projection", "sam", "dropped", "unknown"]

_LANGUAGE = "model.language_model."
_TOWER = "model.vision_tower."
_SAM = "model.visual_model."
_PREFIXES = (
    ("model.embed_tokens.", f"{_LANGUAGE}embed_tokens."),
    ("model.layers.", f"{_LANGUAGE}layers."),
    ("model.norm.", f"{_LANGUAGE}norm."),
    ("lm_head.", "lm_head."),
    ("model.vision_tower.vision_tower.vision_model.", _TOWER),
    ("model.mm_projector.0.", "model.multi_modal_projector.linear_1."),
    ("model.mm_projector.2.", "model.multi_modal_projector.linear_2."),
    ("model.mm_projector.weight", "model.multi_modal_projector.linear_1.weight"),
    ("model.mm_projector.bias", "model.multi_modal_projector.linear_1.bias"),
)
_PROJECTION = "model.text_hidden_fcs.0."
_DROPPED = {
    "rotary_emb.inv_freq": "computed from the configuration",
    "embeddings.position_ids": "a counter",
    "visual_model.pixel_mean": "part of the image processor",
    "visual_model.pixel_std": "part of the image processor",
}
_TOWER_SOURCE = "vision_model."


class LisaLayoutError(SightlineError):
    """A checkpoint is not in the layout of LISA."""


@dataclass(frozen=True)
class Move:
    """Where a weight goes.

    Attributes:
        part: of the result; "dropped" where it is not needed, "unknown" where nothing is known of it.
        name: in that part, or why it is dropped.
    """

    part: Part
    name: str


def plan(names: Iterable[str]) -> dict[str, Move]:
    """Where every weight of a checkpoint goes.

    Args:
        names: of the checkpoint's weights.

    Raises:
        LisaLayoutError: LoRA weights are not merged.
    """
    names = list(names)
    for name in names:
        if "lora_" in name:
            raise LisaLayoutError(
                f"{name}: the checkpoint's LoRA is not merged. Merge it with the authors' script first."
            )
    inner = [name.removeprefix(_SAM) for name in names if name.startswith(_SAM)]
    depths = sam_keys.perceptron_depths(inner)
    return {name: _move(name, depths) for name in names}


def _move(name: str, depths: dict[str, int]) -> Move:
    for ending, reason in _DROPPED.items():
        if name.endswith(ending):
            return Move("dropped", reason)
    if name.startswith(_SAM):
        inner = name.removeprefix(_SAM)
        if inner.split(".")[0] in ("image_encoder", "prompt_encoder", "mask_decoder"):
            return Move("sam", sam_keys.rename(inner, depths))
        return Move("unknown", "")
    if name.startswith(_PROJECTION):
        return Move("projection", name.removeprefix(_PROJECTION))
    for before, after in _PREFIXES:
        if name.startswith(before):
            return Move("vlm", after + name.removeprefix(before))
    return Move("unknown", "")


def tower_names(names: Iterable[str]) -> dict[str, str]:
    """Weights of a CLIP, whole or its vision half -> their names in the VLM; those of the text half are left out."""
    found = {}
    for name in names:
        if name.startswith(_TOWER_SOURCE) and not name.endswith("embeddings.position_ids"):
            found[name] = _TOWER + name.removeprefix(_TOWER_SOURCE)
    return found


def has_tower(moves: Iterable[Move]) -> bool:
    """Whether a checkpoint brings its own vision tower."""
    return any(move.name.startswith(_TOWER) for move in moves if move.part == "vlm")
