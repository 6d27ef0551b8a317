"""InternVL2 as it was published: an InternViT with query, key and value in one, and one of three language models."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from sightline.demo.tiny.vlms import INTERNVL, PATCH, SIDE, TEXT, WIDTH
from sightline.demo.tiny.words import FEW, build_tokenizer, prefer_answers

LAYERS, HEADS, INNER = 3, 4, 48
SIDE_OF_PATCH = PATCH // 2
TOWERS = {
    # InternViT-300M, of 1B to 8B, and InternViT-6B, of 26B and above.
    "300M": {"norm_type": "layer_norm", "qkv_bias": True, "qk_normalization": False},
    "6B": {"norm_type": "rms_norm", "qkv_bias": False, "qk_normalization": True},
}
LANGUAGES = ("llama", "qwen2", "internlm2")


def config(text: str, tower: str, vocabulary: int) -> dict[str, Any]:
    """What config.json says."""
    language = {key: value for key, value in TEXT.items() if key != "initializer_range"}
    language |= {
        "model_type": text,
        "vocab_size": vocabulary,
        "rope_theta": 1e6,
        "hidden_act": "silu",
    }
    language |= {"rms_norm_eps": 1e-5}
    if text == "internlm2":
        language |= {"bias": False, "rope_scaling": {"type": "dynamic", "factor": 2.0}}
    vision = {
        "model_type": "intern_vit_6b",
        "hidden_size": WIDTH,
        "intermediate_size": INNER,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "image_size": SIDE,
        "patch_size": SIDE_OF_PATCH,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-6,
        **TOWERS[tower],
    }
    return {
        "architectures": ["InternVLChatModel"],
        "model_type": "internvl_chat",
        "auto_map": {"AutoModel": "modeling_internvl_chat.InternVLChatModel"},
        "downsample_ratio": 0.5,
        "force_image_size": SIDE,
        "ps_version": "v2",
        "select_layer": -1,
        "vision_config": vision,
        "llm_config": language,
    }


def shapes(about: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Name -> shape of all weights."""
    vision, text = about["vision_config"], about["llm_config"]
    places = (SIDE // SIDE_OF_PATCH) ** 2 + 1
    front = "vision_model.embeddings"
    found: dict[str, tuple[int, ...]] = {
        f"{front}.class_embedding": (1, 1, WIDTH),
        f"{front}.position_embedding": (1, places, WIDTH),
        f"{front}.patch_embedding.weight": (WIDTH, 3, SIDE_OF_PATCH, SIDE_OF_PATCH),
        f"{front}.patch_embedding.bias": (WIDTH,),
    }
    for number in range(LAYERS):
        block = f"vision_model.encoder.layers.{number}"
        found |= _with_bias(f"{block}.attn.proj", WIDTH, WIDTH)
        found |= _with_bias(f"{block}.mlp.fc1", INNER, WIDTH)
        found |= _with_bias(f"{block}.mlp.fc2", WIDTH, INNER)
        found |= {f"{block}.ls{k}": (WIDTH,) for k in (1, 2)}
        found |= {f"{block}.norm{k}.weight": (WIDTH,) for k in (1, 2)}
        found[f"{block}.attn.qkv.weight"] = (3 * WIDTH, WIDTH)
        if vision["norm_type"] == "layer_norm":
            found |= {f"{block}.norm{k}.bias": (WIDTH,) for k in (1, 2)}
        if vision["qkv_bias"]:
            found[f"{block}.attn.qkv.bias"] = (3 * WIDTH,)
        if vision["qk_normalization"]:
            found |= {f"{block}.attn.{p}_norm.weight": (WIDTH,) for p in "qk"}
    found |= {"mlp1.0.weight": (4 * WIDTH,), "mlp1.0.bias": (4 * WIDTH,)}
    found |= _with_bias("mlp1.1", WIDTH, 4 * WIDTH) | _with_bias("mlp1.3", WIDTH, WIDTH)
    return found | {f"language_model.{name}": size for name, size in _language(text).items()}


def _language(text: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    words = (text["vocab_size"], WIDTH)
    keys = WIDTH * text["num_key_value_heads"] // text["num_attention_heads"]
    inner = text["intermediate_size"]
    found: dict[str, tuple[int, ...]] = {"model.norm.weight": (WIDTH,)}
    own = text["model_type"] == "internlm2"
    found |= (
        {"model.tok_embeddings.weight": words, "output.weight": words}
        if own
        else {"model.embed_tokens.weight": words, "lm_head.weight": words}
    )
    for number in range(text["num_hidden_layers"]):
        block = f"model.layers.{number}"
        if own:
            found |= {
                f"{block}.attention.wqkv.weight": (WIDTH + 2 * keys, WIDTH),
                f"{block}.attention.wo.weight": (WIDTH, WIDTH),
                f"{block}.feed_forward.w1.weight": (inner, WIDTH),
                f"{block}.feed_forward.w2.weight": (WIDTH, inner),
                f"{block}.feed_forward.w3.weight": (inner, WIDTH),
                f"{block}.attention_norm.weight": (WIDTH,),
                f"{block}.ffn_norm.weight": (WIDTH,),
            }
            continue
        sizes = {"q": WIDTH, "k": keys, "v": keys}
        found |= {f"{block}.self_attn.{p}_proj.weight": (n, WIDTH) for p, n in sizes.items()}
        if text["model_type"] == "qwen2":
            found |= {f"{block}.self_attn.{p}_proj.bias": (n,) for p, n in sizes.items()}
        found |= {f"{block}.self_attn.o_proj.weight": (WIDTH, WIDTH)}
        found |= {f"{block}.mlp.{p}_proj.weight": (inner, WIDTH) for p in ("gate", "up")}
        found[f"{block}.mlp.down_proj.weight"] = (WIDTH, inner)
        for name in ("input_layernorm", "post_attention_layernorm"):
            found[f"{block}.{name}.weight"] = (WIDTH,)
    return found


def _with_bias(name: str, rows: int, columns: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (rows, columns), f"{name}.bias": (rows,)}


def draw(about: dict[str, Any], seed: int = 0) -> dict[str, Tensor]:
    """Random weights in bfloat16; norms lie around one."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: (
            0.3 * torch.randn(shape, generator=generator)
            + (1.0 if len(shape) == 1 and ("norm" in name or name == "mlp1.0.weight") else 0.0)
        ).bfloat16()
        for name, shape in shapes(about).items()
    }


def write(
    folder: Path,
    text: str = "llama",
    tower: str = "6B",
    seed: int = 0,
    words: Iterable[str] = FEW,
    shards: int = 2,
) -> Path:
    """Write a checkpoint: weights in shards with their index, configuration, tokenizer.

    Args:
        folder: to write to.
        text: one of LANGUAGES.
        tower: one of TOWERS.
        seed: of the weights.
        words: the tokenizer knows.
        shards: files of weights.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = build_tokenizer(INTERNVL, words)
    tokenizer.save_pretrained(folder)
    about = config(text, tower, len(tokenizer))
    (folder / "config.json").write_text(json.dumps(about, indent=1))
    weights = draw(about, seed)
    if len(tokenizer) > 2 * len(FEW):
        last = "output" if text == "internlm2" else "lm_head"
        prefer_answers(weights[f"language_model.{last}.weight"], tokenizer)
    names = sorted(weights)
    place = {}
    for number in range(shards):
        file = f"model-{number + 1:05d}-of-{shards:05d}.safetensors"
        chosen = names[number::shards]
        save_file({name: weights[name] for name in chosen}, folder / file)
        place |= dict.fromkeys(chosen, file)
    index = json.dumps({"weight_map": place}, indent=1)
    (folder / "model.safetensors.index.json").write_text(index)
    return folder
