"""LLaVA, projection and SAM in one state dict, as LISA, SESAME and READ were published, and the CLIP they leave out."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import CLIPImageProcessorPil, CLIPVisionConfig, CLIPVisionModel

from sightline.demo.tiny.words import FEW, build_tokenizer

WIDTH, SAM_WIDTH, SIDE, GRID = 32, 16, 64, 4
LAYERS, HEADS, WINDOW = 3, 2, 3
SPECIAL = ("[SEG]", "<im_start>", "<im_end>")
TOWER = CLIPVisionConfig(
    hidden_size=24,
    intermediate_size=32,
    num_hidden_layers=3,
    num_attention_heads=4,
    image_size=32,
    patch_size=8,
)
LLAMA = {
    "hidden_size": WIDTH,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "max_position_embeddings": 256,
    "rms_norm_eps": 1e-5,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
SAM = "model.visual_model."
CLIP = "model.vision_tower.vision_tower.vision_model."


def shapes(words: int, layers: int = 2) -> dict[str, tuple[int, ...]]:
    """Name -> shape of everything but the tower; ``layers`` of the projector."""
    found: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (words, WIDTH),
        "model.norm.weight": (WIDTH,),
        "lm_head.weight": (words, WIDTH),
    }
    for n in range(LLAMA["num_hidden_layers"]):
        block = f"model.layers.{n}"
        found |= {f"{block}.self_attn.{p}_proj.weight": (WIDTH, WIDTH) for p in "qkvo"}
        found |= {f"{block}.mlp.{p}_proj.weight": (48, WIDTH) for p in ("gate", "up")}
        found[f"{block}.mlp.down_proj.weight"] = (WIDTH, 48)
        for name in ("input_layernorm", "post_attention_layernorm"):
            found[f"{block}.{name}.weight"] = (WIDTH,)
        found[f"{block}.self_attn.rotary_emb.inv_freq"] = (4,)
    sizes = {
        "model.text_hidden_fcs.0.0": (WIDTH, WIDTH),
        "model.text_hidden_fcs.0.2": (SAM_WIDTH, WIDTH),
    }
    if layers == 2:
        sizes |= {"model.mm_projector.0": (WIDTH, 24), "model.mm_projector.2": (WIDTH, WIDTH)}
    else:
        sizes["model.mm_projector"] = (WIDTH, 24)
    return found | _biased(sizes) | {SAM + name: size for name, size in sam_shapes().items()}


def _biased(sizes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    return {
        f"{name}.{kind}": size if kind == "weight" else size[:1]
        for name, size in sizes.items()
        for kind in ("weight", "bias")
    }


def sam_shapes() -> dict[str, tuple[int, ...]]:
    """The original's names; 4 x 4 places, windows of 3 in all blocks but the last."""
    w, head = SAM_WIDTH, SAM_WIDTH // HEADS
    linears: dict[str, tuple[int, ...]] = {"image_encoder.patch_embed.proj": (w, 3, 16, 16)}
    plain: dict[str, tuple[int, ...]] = {"image_encoder.pos_embed": (1, GRID, GRID, w)}
    for n in range(LAYERS):
        block = f"image_encoder.blocks.{n}"
        linears |= {
            f"{block}.norm1": (w,), f"{block}.norm2": (w,), f"{block}.attn.qkv": (3 * w, w),
            f"{block}.attn.proj": (w, w), f"{block}.mlp.lin1": (24, w), f"{block}.mlp.lin2": (w, 24),
        }  # fmt: skip
        reach = GRID if n == LAYERS - 1 else WINDOW
        plain |= {f"{block}.attn.rel_pos_{axis}": (2 * reach - 1, head) for axis in "hw"}
    plain |= {
        "image_encoder.neck.0.weight": (w, w, 1, 1),
        "image_encoder.neck.2.weight": (w, w, 3, 3),
    }
    linears |= {"image_encoder.neck.1": (w,), "image_encoder.neck.3": (w,)}
    plain["prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"] = (2, w // 2)
    for name in (
        *(f"point_embeddings.{n}" for n in range(4)),
        "not_a_point_embed",
        "no_mask_embed",
    ):
        plain[f"prompt_encoder.{name}.weight"] = (1, w)
    down = "prompt_encoder.mask_downscaling"
    linears |= {
        f"{down}.0": (4, 1, 2, 2), f"{down}.1": (4,), f"{down}.3": (16, 4, 2, 2), f"{down}.4": (16,),
        f"{down}.6": (w, 16, 1, 1),
    }  # fmt: skip
    plain |= {"mask_decoder.iou_token.weight": (1, w), "mask_decoder.mask_tokens.weight": (4, w)}
    for n in range(2):
        block = f"mask_decoder.transformer.layers.{n}"
        linears |= {f"{block}.norm{k}": (w,) for k in (1, 2, 3, 4)}
        linears |= {f"{block}.mlp.lin1": (24, w), f"{block}.mlp.lin2": (w, 24)}
        linears |= _attention(f"{block}.self_attn", w)
        for way in ("token_to_image", "image_to_token"):
            linears |= _attention(f"{block}.cross_attn_{way}", w // 2)
    linears |= _attention("mask_decoder.transformer.final_attn_token_to_image", w // 2)
    linears["mask_decoder.transformer.norm_final_attn"] = (w,)
    up = "mask_decoder.output_upscaling"
    plain |= {f"{up}.0.weight": (w, w // 4, 2, 2), f"{up}.0.bias": (w // 4,)}
    plain |= {f"{up}.3.weight": (w // 4, w // 8, 2, 2), f"{up}.3.bias": (w // 8,)}
    linears[f"{up}.1"] = (w // 4,)
    ends = {f"mask_decoder.output_hypernetworks_mlps.{n}": w // 8 for n in range(4)}
    for head_name, end in (ends | {"mask_decoder.iou_prediction_head": 4}).items():
        for layer, out in enumerate((w, w, end)):
            linears[f"{head_name}.layers.{layer}"] = (out, w)
    return plain | _biased(linears)


def _attention(name: str, inner: int) -> dict[str, tuple[int, ...]]:
    ways = {f"{name}.{p}_proj": (inner, SAM_WIDTH) for p in "qkv"}
    return ways | {f"{name}.out_proj": (SAM_WIDTH, inner)}


def draw(
    seed: int = 0, layers: int = 2, words: Iterable[str] = FEW
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Random weights of a checkpoint and, under CLIP's own names, of its tower."""
    generator = torch.Generator().manual_seed(seed)
    vocabulary = len(build_tokenizer(SPECIAL, words))
    weights = {
        name: 0.3 * torch.randn(shape, generator=generator) + (0.5 if "norm" in name else 0)
        for name, shape in shapes(vocabulary, layers).items()
    }
    torch.manual_seed(seed)
    tower = CLIPVisionModel(TOWER).state_dict()
    return weights, {
        f"vision_model.{name.removeprefix('vision_model.')}": value.clone()
        for name, value in tower.items()
    }


def write(
    folder: Path,
    weights: Mapping[str, Tensor],
    tower: Mapping[str, Tensor],
    form: str = "safetensors",
) -> tuple[Path, Path]:
    """Write checkpoint and tower into folders of these names; ``form`` is that of `write_checkpoint`."""
    checkpoint, eyes = folder / "checkpoint", folder / "tower"
    write_checkpoint(checkpoint, weights, form=form)
    write_tower(eyes, tower)
    return checkpoint, eyes


def write_checkpoint(
    folder: Path,
    weights: Mapping[str, Tensor],
    words: Iterable[str] = FEW,
    form: str = "safetensors",
) -> None:
    """Write what `draw` gave first; ``form`` is safetensors, bin, or either with " shards" behind it."""
    folder.mkdir(parents=True, exist_ok=True)
    build_tokenizer(SPECIAL, words).save_pretrained(folder)
    about = {"architectures": ["READForCausalLM"], "model_type": "llava", "out_dim": SAM_WIDTH}
    about |= {"mm_vision_select_layer": -2, "vocab_size": len(weights["lm_head.weight"]), **LLAMA}
    (folder / "config.json").write_text(json.dumps(about))
    kind, _, shards = form.partition(" ")
    save = {"safetensors": save_file, "bin": torch.save}[kind]
    stem = {"safetensors": "model", "bin": "pytorch_model"}[kind]
    names = sorted(weights)
    if not shards:
        save(dict(weights), folder / f"{stem}.{kind}")
        return
    place = {}
    for number, chosen in enumerate((names[::2], names[1::2]), 1):
        file = f"{stem}-{number:05d}-of-00002.{kind}"
        save({name: weights[name] for name in chosen}, folder / file)
        place |= dict.fromkeys(chosen, file)
    (folder / f"{stem}.{kind}.index.json").write_text(json.dumps({"weight_map": place}))


def write_tower(folder: Path, tower: Mapping[str, Tensor]) -> None:
    """Write what `draw` gave second, with a weight of CLIP's other half."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {**tower, "text_model.final_layer_norm.weight": torch.ones(3)}, folder / "model.safetensors"
    )
    TOWER.save_pretrained(folder)
    CLIPImageProcessorPil(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    ).save_pretrained(folder)
