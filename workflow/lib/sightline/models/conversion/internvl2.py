"""Rewrite a checkpoint of InternVL2 for InternVLForConditionalGeneration, compare every weight, and report.

    python -m sightline.models.conversion.internvl2 --checkpoint results/models/internvl2-76b \
        --out results/converted/internvl2-76b

<out>/internvl         InternVLForConditionalGeneration with tokenizer and image processor
<out>/conversion.json  every key of the checkpoint: what became of it; how many were read back and found equal

Nothing of the checkpoint's own code is run. Weights go through memory one shard at a time. The tokenizers of the models
with InternLM2 (2B, 8B, 26B) are code in the checkpoint: name a folder with a tokenizer.json of the same tokens
(--tokenizer). InternVL2-4B has a Phi-3 with a position code that is not converted.
"""

import argparse
import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from tqdm import tqdm
from transformers import (
    AutoTokenizer,
    GenerationConfig,
    GotOcr2ImageProcessorPil,
    InternVLConfig,
    InternVLForConditionalGeneration,
    InternVLVisionConfig,
    LlamaConfig,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
    Qwen2Config,
)

from sightline import cli
from sightline.files import atomic_path, write_json
from sightline.models.conversion.internvl2_keys import Heads, InternVL2LayoutError, Step, plan
from sightline.models.conversion.stored import StoredWeights
from sightline.scenes.records import read_json

CONTEXT = "<IMG_CONTEXT>"
_TEXT = {"llama": LlamaConfig, "qwen2": Qwen2Config, "internlm2": LlamaConfig}
_TEXT_KEYS = (
    "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
    "max_position_embeddings", "rms_norm_eps", "hidden_act", "vocab_size", "bos_token_id", "eos_token_id",
    "pad_token_id", "tie_word_embeddings", "head_dim", "attention_bias",
)  # fmt: skip
_VISION_KEYS = (
    "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "hidden_act", "norm_type",
    "layer_norm_eps", "image_size", "patch_size",
)  # fmt: skip
_SHARD = 4 << 30
# ImageNet's, which InternVL's own loader has in its code.
_MEAN, _STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
_log = logging.getLogger(__name__)


def convert(
    checkpoint: Path, out: Path, tokenizer: Path | None = None, shard: int = _SHARD
) -> dict[str, Any]:
    """Write the model and the report.

    Args:
        checkpoint: folder in the layout of InternVL2.
        out: folder to write to.
        tokenizer: folder of the tokenizer; by default the checkpoint's own.
        shard: bytes of weights per file.

    Returns:
        The report.

    Raises:
        SightlineError: weights are missing or the layout is another; the message names the key.
    """
    stored = StoredWeights(checkpoint)
    original = _read_config(checkpoint)
    steps = plan(stored.names)
    words = load_tokenizer(tokenizer or checkpoint)
    config = _config(original, words, checkpoint)
    heads = _heads(original["llm_config"])
    folder = out / "internvl"
    folder.mkdir(parents=True, exist_ok=True)
    _check_names(config, steps)
    place = _write_weights(stored, steps, heads, config, folder, shard)
    config.architectures = [InternVLForConditionalGeneration.__name__]
    config.save_pretrained(folder)
    GenerationConfig(
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
    ).save_pretrained(folder)
    words.save_pretrained(folder)
    side = config.vision_config.image_size[0]
    GotOcr2ImageProcessorPil(
        size={"height": side, "width": side}, image_mean=_MEAN, image_std=_STD
    ).save_pretrained(folder)
    equal = compare(stored, StoredWeights(folder), steps, heads)
    report = {
        "checkpoint": str(checkpoint),
        "keys": {name: list(step.names) or "computed" for name, step in steps.items()},
        "files": sorted(set(place.values())),
        "compared": len(equal),
        "equal": sum(equal.values()),
    }
    unequal = [name for name, same in equal.items() if not same]
    if unequal:
        raise InternVL2LayoutError(
            f"{folder}: {unequal[0]}, one of {len(unequal)}, is not what {checkpoint} holds. Delete the folder and "
            "run again; if it happens again, the disk is not to be trusted."
        )
    write_json(report, out / "conversion.json")
    return report


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a folder, without running code of it.

    Raises:
        InternVL2LayoutError: it cannot be read, or knows no image token.
    """
    try:
        if (folder / "tokenizer.json").is_file():
            words = PreTrainedTokenizerFast.from_pretrained(folder)
        else:
            words = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError, ImportError) as error:
        raise InternVL2LayoutError(
            f"{folder}: no tokenizer that can be read without code of the checkpoint ({error}). Name a folder with "
            "the tokenizer.json of the same tokens with --tokenizer."
        ) from error
    if CONTEXT not in words.get_vocab():
        raise InternVL2LayoutError(
            f"{folder}: the tokenizer has no {CONTEXT}. Take that of the checkpoint."
        )
    return words


def compare(
    stored: StoredWeights, written: StoredWeights, steps: Mapping[str, Step], heads: Heads | None
) -> dict[str, bool]:
    """Key of the original -> whether the written weights, put together again, are bit for bit the same."""
    return {
        name: torch.equal(stored[name], step.undo([written[n] for n in step.names], heads))
        for name, step in tqdm(steps.items(), desc="compare", unit="weight", mininterval=5)
        if step.names
    }


def _read_config(checkpoint: Path) -> dict[str, Any]:
    path = checkpoint / "config.json"
    original = read_json(path)
    for part in ("vision_config", "llm_config"):
        if not isinstance(original.get(part), dict):
            raise InternVL2LayoutError(
                f"{path}: no {part}. A checkpoint of InternVL2 has model_type internvl_chat; one that ends in -hf "
                "needs no conversion."
            )
    wanted = {"select_layer": -1, "ps_version": "v2"}
    for key, value in wanted.items():
        if original.get(key, value) != value:
            raise InternVL2LayoutError(
                f"{path}: {key} is {original[key]!r}; only {value!r} is converted."
            )
    return original


def _config(
    original: Mapping[str, Any], words: PreTrainedTokenizerBase, checkpoint: Path
) -> InternVLConfig:
    seen = original["vision_config"]
    vision = {key: seen[key] for key in _VISION_KEYS if seen.get(key) is not None}
    vision |= {
        "attention_bias": bool(seen.get("qkv_bias", True)),
        "use_qk_norm": bool(seen.get("qk_normalization", False)),
        # So that there is no norm behind the last block: InternViT has none.
        "use_mean_pooling": True,
    }
    side = original.get("force_image_size") or vision["image_size"]
    if side != vision["image_size"]:
        raise InternVL2LayoutError(
            f"{checkpoint / 'config.json'}: force_image_size {side} is not that of vision_config."
        )
    ratio = original.get("downsample_ratio", 0.5)
    return InternVLConfig(
        vision_config=InternVLVisionConfig(**vision),
        text_config=_text_config(original["llm_config"], checkpoint),
        image_token_id=words.convert_tokens_to_ids(CONTEXT),
        image_seq_length=round((side // vision["patch_size"] * ratio) ** 2),
        downsample_ratio=ratio,
        tie_word_embeddings=bool(original["llm_config"].get("tie_word_embeddings", False)),
    )


def _text_config(original: Mapping[str, Any], checkpoint: Path) -> Any:
    kind = original.get("model_type")
    if kind not in _TEXT:
        raise InternVL2LayoutError(
            f"{checkpoint / 'config.json'}: llm_config.model_type is {kind}; converted are {', '.join(_TEXT)}."
        )
    known = {key: original[key] for key in _TEXT_KEYS if original.get(key) is not None}
    if kind == "internlm2":
        known["attention_bias"] = bool(original.get("bias", False))
    known.setdefault("tie_word_embeddings", False)
    rope = {"rope_type": "default", "rope_theta": float(original.get("rope_theta") or 10000.0)}
    scaling = dict(original.get("rope_scaling") or {})
    if scaling:
        rope |= {"rope_type": scaling.pop("type", None) or scaling.get("rope_type"), **scaling}
    return _TEXT[kind](rope_parameters=rope, **known)


def _heads(original: Mapping[str, Any]) -> Heads | None:
    if original["model_type"] != "internlm2":
        return None
    queries = original["num_attention_heads"]
    return Heads(queries, original.get("num_key_value_heads") or queries)


def _check_names(config: InternVLConfig, steps: Mapping[str, Step]) -> None:
    """Whether the checkpoint gives all weights of the class, and none beside them."""
    with torch.device("meta"):
        wanted = set(InternVLForConditionalGeneration(config).state_dict())
    if config.tie_word_embeddings:
        wanted.discard("lm_head.weight")
    given = {name for step in steps.values() for name in step.names}
    if config.tie_word_embeddings:
        given.discard("lm_head.weight")
    if lacking := sorted(wanted - given):
        raise InternVL2LayoutError(
            f"no weight for {lacking[0]}, one of {len(lacking)} such, in the checkpoint. Fetch it again."
        )
    if beyond := sorted(given - wanted):
        raise InternVL2LayoutError(
            f"nothing to do with {beyond[0]}, one of {len(beyond)} such: config.json is that of another checkpoint."
        )


def _write_weights(
    stored: StoredWeights,
    steps: Mapping[str, Step],
    heads: Heads | None,
    config: InternVLConfig,
    folder: Path,
    shard: int,
) -> dict[str, str]:
    """Write all weights in shards; returns name -> file."""
    with torch.device("meta"):
        shapes = {
            name: value.shape
            for name, value in InternVLForConditionalGeneration(config).state_dict().items()
        }
    place: dict[str, str] = {}
    size = 0
    for number, weights in enumerate(_shards(stored, steps, heads, shard), 1):
        file = f"model-{number:05d}.safetensors"
        for name, weight in weights.items():
            if weight.shape != shapes[name]:
                raise InternVL2LayoutError(
                    f"{name} is of shape {tuple(weight.shape)}, expected {tuple(shapes[name])}: config.json and "
                    "weights do not belong together."
                )
        with atomic_path(folder / file) as temporary:
            save_file(weights, temporary, metadata={"format": "pt"})
        place |= dict.fromkeys(weights, file)
        size += sum(weight.nbytes for weight in weights.values())
    index = {"metadata": {"total_size": size}, "weight_map": dict(sorted(place.items()))}
    with atomic_path(folder / "model.safetensors.index.json") as temporary:
        temporary.write_text(json.dumps(index, indent=1) + "\n")
    return place


def _shards(
    stored: StoredWeights, steps: Mapping[str, Step], heads: Heads | None, limit: int
) -> Iterator[dict[str, Tensor]]:
    held: dict[str, Tensor] = {}
    size = 0
    for name, step in tqdm(steps.items(), desc="convert", unit="weight", mininterval=5):
        if not step.names:
            continue
        weight = stored[name]
        if held and size + weight.nbytes > limit:
            yield held
            held, size = {}, 0
        held |= zip(step.names, step.apply(weight, heads), strict=True)
        size += weight.nbytes
    if held:
        yield held


def main(arguments: argparse.Namespace) -> None:
    """Convert one checkpoint."""
    report = convert(arguments.checkpoint, arguments.out, arguments.tokenizer)
    _log.info("%d of %d weights read back equal", report["equal"], report["compared"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", type=Path, required=True, help="folder in its layout")
    parser.add_argument("--tokenizer", type=Path, help="folder of a tokenizer, if not its own")
    parser.add_argument("--out", type=Path, required=True)
    cli.run(main, parser)
