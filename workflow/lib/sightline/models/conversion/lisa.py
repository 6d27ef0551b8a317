"""Take a checkpoint in the layout of LISA apart: a VLM and a segmenter that this library loads, and a report.

    python -m sightline.models.conversion.lisa --checkpoint results/models/read-7b --tower results/models/clip \
        --out results/converted/read-7b

<out>/llava            LlavaForConditionalGeneration with its processor
<out>/segmenter        SamModel, projection of the [SEG] state, image processor
<out>/conversion.json  every key of the checkpoint: where it went, or why it did not; what was added

The whole checkpoint is in memory once. Its tokenizer is a SentencePiece model, which transformers reads with the
package sentencepiece alone; without it, name a folder with a tokenizer.json that knows the same tokens (--tokenizer).
"""

import argparse
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoTokenizer,
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerBase,
    SamImageProcessorPil,
    SamModel,
)

from sightline import cli
from sightline.files import write_json
from sightline.models.conversion import sam_keys
from sightline.models.conversion.lisa_keys import (
    LisaLayoutError,
    Move,
    has_tower,
    plan,
    tower_names,
)
from sightline.models.conversion.stored import StoredWeights
from sightline.models.prompts import IMAGE
from sightline.models.segmenter import Segmenter
from sightline.scenes.records import read_json

_EMBEDDINGS = ("model.language_model.embed_tokens.weight", "lm_head.weight")
_PROJECTOR = "model.multi_modal_projector."
_LLAMA_KEYS = (
    "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
    "max_position_embeddings", "rms_norm_eps", "hidden_act", "bos_token_id", "eos_token_id",
)  # fmt: skip
# The SAM's own, 123.675 and so on of 255.
_PIXEL_MEAN, _PIXEL_STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
_log = logging.getLogger(__name__)


def convert(
    checkpoint: Path, tower: Path, out: Path, tokenizer: Path | None = None, decoder_heads: int = 8
) -> dict[str, Any]:
    """Write the VLM, the segmenter and the report.

    Args:
        checkpoint: folder in the layout of LISA.
        tower: folder of the CLIP that the checkpoint leaves out.
        out: folder to write to.
        tokenizer: folder of the tokenizer; by default the checkpoint's own.
        decoder_heads: heads of the SAM's mask decoder; 8 in every released SAM.

    Returns:
        The report.

    Raises:
        SightlineError: weights are missing or the layout is another; the message names the key.
    """
    stored = StoredWeights(checkpoint)
    moves = plan(stored.names)
    config = read_json(checkpoint / "config.json")
    words = load_tokenizer(tokenizer or checkpoint)
    report = {"checkpoint": str(checkpoint), "keys": _describe(stored, moves), "added": {}}
    _write_segmenter(stored, moves, decoder_heads, out / "segmenter", report)
    _write_vlm(stored, moves, config, tower, words, out / "llava", report)
    left = [name for name, move in moves.items() if move.part == "unknown"]
    if left:
        _log.warning("%s: %d keys are left over, such as %s", checkpoint, len(left), left[0])
    report["left_over"] = left
    write_json(report, out / "conversion.json")
    return report


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a folder, with a token that stands for the image.

    Raises:
        LisaLayoutError: it cannot be read.
    """
    try:
        words = AutoTokenizer.from_pretrained(folder)
    except (OSError, ValueError, ImportError) as error:
        raise LisaLayoutError(
            f"{folder}: no tokenizer that can be read ({error}). Install sentencepiece, or name a folder with the "
            "tokenizer.json of the same tokens with --tokenizer."
        ) from error
    words.add_tokens([IMAGE], special_tokens=True)
    return words


def _describe(stored: StoredWeights, moves: Mapping[str, Move]) -> dict[str, dict[str, Any]]:
    """One entry per key of the checkpoint, for the report."""
    entries = {}
    for name, move in moves.items():
        entry: dict[str, Any] = {"part": move.part}
        if move.part == "dropped":
            entry["because"] = move.name
        elif move.part != "unknown":
            entry["name"] = move.name
        entries[name] = entry | {"shape": list(stored[name].shape)}
    return entries


def _gather(stored: StoredWeights, moves: Mapping[str, Move], part: str) -> dict[str, torch.Tensor]:
    return {move.name: stored[name] for name, move in moves.items() if move.part == part}


def _write_segmenter(
    stored: StoredWeights,
    moves: Mapping[str, Move],
    decoder_heads: int,
    out: Path,
    report: dict[str, Any],
) -> None:
    prefix = "model.visual_model."
    shapes = {
        name.removeprefix(prefix): tuple(stored[name].shape)
        for name, move in moves.items()
        if move.part == "sam"
    }
    if not shapes:
        raise LisaLayoutError(f"{stored.folder}: no {prefix}*: the checkpoint holds no SAM.")
    config = sam_keys.config_of(shapes, decoder_heads)
    weights = sam_keys.complete(_gather(stored, moves, "sam"))
    report["added"][sam_keys.SHARED] = "the prompt encoder's position codes under a second name"
    projection = _gather(stored, moves, "projection")
    if set(projection) != {"0.weight", "0.bias", "2.weight", "2.bias"}:
        raise LisaLayoutError(
            f"{stored.folder}: model.text_hidden_fcs.0 has {', '.join(sorted(projection)) or 'nothing'}; expected "
            "0.weight, 0.bias, 2.weight and 2.bias."
        )
    with torch.device("meta"):
        segmenter = Segmenter(SamModel(config), projection["0.weight"].shape[1])
    _fill(segmenter.sam, weights, "the SAM")
    _fill(segmenter.projection, projection, "text_hidden_fcs")
    segmenter.save(out)
    SamImageProcessorPil(
        size={"longest_edge": segmenter.side},
        mask_size={"longest_edge": segmenter.side // 4},
        pad_size={"height": segmenter.side, "width": segmenter.side},
        mask_pad_size={"height": segmenter.side // 4, "width": segmenter.side // 4},
        image_mean=_PIXEL_MEAN,
        image_std=_PIXEL_STD,
    ).save_pretrained(out)


def _write_vlm(
    stored: StoredWeights,
    moves: Mapping[str, Move],
    config: Mapping[str, Any],
    tower: Path,
    words: PreTrainedTokenizerBase,
    out: Path,
    report: dict[str, Any],
) -> None:
    weights = _gather(stored, moves, "vlm")
    if not weights:
        raise LisaLayoutError(f"{stored.folder}: no model.layers.*: the checkpoint holds no LLaVA.")
    if not has_tower(moves.values()):
        eyes = StoredWeights(tower)
        dtype = next(iter(weights.values())).dtype
        names = tower_names(eyes.names)
        weights |= {new: eyes[name].to(dtype) for name, new in names.items()}
        report["tower"] = {"folder": str(tower), "keys": names}
    single = f"{_PROJECTOR}linear_2.weight" not in weights
    if single:
        _double_projector(weights, report)
    image_token = words.convert_tokens_to_ids(IMAGE)
    _make_room(weights, image_token, report)
    vision = CLIPVisionConfig.from_pretrained(tower)
    shape = LlavaConfig(
        vision_config=vision.to_dict(),
        text_config=_llama_config(config, len(weights[_EMBEDDINGS[0]]), words).to_dict(),
        image_token_index=image_token,
        image_seq_length=(vision.image_size // vision.patch_size) ** 2,
        vision_feature_layer=config.get("mm_vision_select_layer", -2),
        vision_feature_select_strategy="default",
        # One linear layer is two of which the second does nothing.
        projector_hidden_act="linear" if single else "gelu",
        pad_token_id=words.pad_token_id if words.pad_token_id is not None else words.unk_token_id,
        tie_word_embeddings=False,
    )
    with torch.device("meta"):
        vlm = LlavaForConditionalGeneration(shape)
    _fill(vlm, weights, "the VLM")
    vlm.generation_config.bos_token_id = words.bos_token_id
    vlm.generation_config.eos_token_id = words.eos_token_id
    vlm.generation_config.pad_token_id = shape.pad_token_id
    vlm.save_pretrained(out)
    LlavaProcessor(
        image_processor=CLIPImageProcessorPil.from_pretrained(tower),
        tokenizer=words,
        patch_size=vision.patch_size,
        vision_feature_select_strategy="default",
        # The CLS token, which the strategy "default" takes off again.
        num_additional_image_tokens=1,
        image_token=IMAGE,
    ).save_pretrained(out)


def _llama_config(
    config: Mapping[str, Any], vocabulary: int, words: PreTrainedTokenizerBase
) -> LlamaConfig:
    known = {key: config[key] for key in _LLAMA_KEYS if config.get(key) is not None}
    theta = float(config.get("rope_theta") or 10000.0)
    if config.get("rope_scaling"):
        raise LisaLayoutError(
            f"config.json: rope_scaling {config['rope_scaling']} is not converted."
        )
    return LlamaConfig(
        vocab_size=vocabulary,
        pad_token_id=words.pad_token_id,
        tie_word_embeddings=False,
        rope_parameters={"rope_type": "default", "rope_theta": theta},
        **known,
    )


def _double_projector(weights: dict[str, torch.Tensor], report: dict[str, Any]) -> None:
    """A second linear layer that changes nothing, where the checkpoint has one layer."""
    first = weights.get(f"{_PROJECTOR}linear_1.weight")
    if first is None:
        raise LisaLayoutError("model.mm_projector is missing: the checkpoint is no LLaVA.")
    width = len(first)
    weights[f"{_PROJECTOR}linear_2.weight"] = torch.eye(width, dtype=first.dtype)
    weights[f"{_PROJECTOR}linear_2.bias"] = torch.zeros(width, dtype=first.dtype)
    report["added"][f"{_PROJECTOR}linear_2"] = "identity: the checkpoint's projector is one layer"


def _make_room(weights: dict[str, torch.Tensor], image_token: int, report: dict[str, Any]) -> None:
    """A row for the image's token, which stands where image tokens go and is never read."""
    for name in _EMBEDDINGS:
        if name not in weights:
            raise LisaLayoutError(f"{name.removeprefix('model.language_model.')} is missing.")
        rows = weights[name]
        if image_token < len(rows):
            continue
        if image_token > len(rows):
            raise LisaLayoutError(
                f"{name.removeprefix('model.language_model.')} has {len(rows)} rows, the tokenizer knows "
                f"{image_token} tokens. Take both from the same checkpoint."
            )
        # The mean row: its logit is the mean of all logits and so never the largest.
        weights[name] = torch.cat([rows, rows.float().mean(0, keepdim=True).to(rows.dtype)])
        report["added"][name] = f"row {image_token} for {IMAGE}, the mean of the others"


def _fill(model: torch.nn.Module, weights: Mapping[str, torch.Tensor], what: str) -> None:
    """Give a model on no device its weights.

    Raises:
        LisaLayoutError: names or shapes do not fit.
    """
    wanted = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    for name, shape in wanted.items():
        if name not in weights:
            raise LisaLayoutError(f"{what}: no weight for {name} in the checkpoint.")
        if tuple(weights[name].shape) != shape:
            raise LisaLayoutError(
                f"{what}: {name} is of shape {tuple(weights[name].shape)}, expected {shape}."
            )
    beyond = sorted(set(weights) - set(wanted))
    if beyond:
        raise LisaLayoutError(f"{what}: nothing to do with {beyond[0]}, one of {len(beyond)} such.")
    model.load_state_dict({name: weights[name] for name in wanted}, assign=True)


def main(arguments: argparse.Namespace) -> None:
    """Convert one checkpoint."""
    convert(arguments.checkpoint, arguments.tower, arguments.out, arguments.tokenizer)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", type=Path, required=True, help="folder in LISA's layout")
    parser.add_argument("--tower", type=Path, required=True, help="folder of the CLIP")
    parser.add_argument("--tokenizer", type=Path, help="folder of a tokenizer, if not its own")
    parser.add_argument("--out", type=Path, required=True)
    cli.run(main, parser)
