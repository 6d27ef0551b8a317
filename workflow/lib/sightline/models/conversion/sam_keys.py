"""From the names and shapes of the original SAM to those of transformers.

image_encoder    ViT with windows, relative positions and a neck
prompt_encoder   random Fourier codes, four kinds of points, mask downscaling
mask_decoder     two-way transformer, upscaling, hypernetworks, IoU head
"""

import re
from collections.abc import Mapping

import torch
from transformers import SamConfig, SamMaskDecoderConfig, SamPromptEncoderConfig, SamVisionConfig

from sightline.errors import SightlineError

_RULES = (
    (r"^image_encoder\.", "vision_encoder."),
    (r"^vision_encoder\.blocks\.", "vision_encoder.layers."),
    (r"^vision_encoder\.patch_embed\.proj\.", "vision_encoder.patch_embed.projection."),
    (r"^vision_encoder\.neck\.0\.", "vision_encoder.neck.conv1."),
    (r"^vision_encoder\.neck\.1\.", "vision_encoder.neck.layer_norm1."),
    (r"^vision_encoder\.neck\.2\.", "vision_encoder.neck.conv2."),
    (r"^vision_encoder\.neck\.3\.", "vision_encoder.neck.layer_norm2."),
    (r"\.norm(\d)\.", r".layer_norm\1."),
    (r"\.norm_final_attn\.", ".layer_norm_final_attn."),
    (
        r"\.pe_layer\.positional_encoding_gaussian_matrix$",
        ".shared_embedding.positional_embedding",
    ),
    (r"\.point_embeddings\.", ".point_embed."),
    (r"\.mask_downscaling\.0\.", ".mask_embed.conv1."),
    (r"\.mask_downscaling\.1\.", ".mask_embed.layer_norm1."),
    (r"\.mask_downscaling\.3\.", ".mask_embed.conv2."),
    (r"\.mask_downscaling\.4\.", ".mask_embed.layer_norm2."),
    (r"\.mask_downscaling\.6\.", ".mask_embed.conv3."),
    (r"\.output_upscaling\.0\.", ".upscale_conv1."),
    (r"\.output_upscaling\.1\.", ".upscale_layer_norm."),
    (r"\.output_upscaling\.3\.", ".upscale_conv2."),
)
_PERCEPTRON = re.compile(
    r"^(mask_decoder\.(?:output_hypernetworks_mlps\.\d+|iou_prediction_head))\.layers\.(\d+)\.(.+)$"
)
SHARED = "shared_image_embedding.positional_embedding"
"""A second name of the position codes in transformers, beside that in the prompt encoder."""
_CODES = "prompt_encoder.shared_embedding.positional_embedding"


class SamLayoutError(SightlineError):
    """A checkpoint's SAM is not of the original's build."""


def rename(name: str, depths: Mapping[str, int]) -> str:
    """The name in transformers of a weight of the original.

    Args:
        name: without what stands before ``image_encoder``, ``prompt_encoder`` or ``mask_decoder``.
        depths: linear layers of each perceptron, see `perceptron_depths`.
    """
    if matched := _PERCEPTRON.match(name):
        head, layer, rest = matched[1], int(matched[2]), matched[3]
        if layer == 0:
            return f"{head}.proj_in.{rest}"
        if layer == depths[head] - 1:
            return f"{head}.proj_out.{rest}"
        return f"{head}.layers.{layer - 1}.{rest}"
    for pattern, replacement in _RULES:
        name = re.sub(pattern, replacement, name)
    return name


def perceptron_depths(names: list[str]) -> dict[str, int]:
    """Head of the mask decoder -> how many linear layers it has."""
    depths: dict[str, int] = {}
    for name in names:
        if matched := _PERCEPTRON.match(name):
            depths[matched[1]] = max(depths.get(matched[1], 0), int(matched[2]) + 1)
    return depths


def complete(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Renamed weights with the position codes under both of their names."""
    return weights | {SHARED: weights[_CODES]} if _CODES in weights else weights


def config_of(shapes: Mapping[str, tuple[int, ...]], decoder_heads: int = 8) -> SamConfig:
    """The build of an original SAM, read off the shapes of its weights.

    Args:
        shapes: original name -> shape.
        decoder_heads: heads of the mask decoder, which no shape tells; 8 in every released SAM.

    Raises:
        SamLayoutError: a weight that says something about the build is missing.
    """

    def shape(name: str) -> tuple[int, ...]:
        if name not in shapes:
            raise SamLayoutError(
                f"the SAM in the checkpoint has no {name}; is it the original's build?"
            )
        return shapes[name]

    _, grid, _, hidden = shape("image_encoder.pos_embed")
    patch = shape("image_encoder.patch_embed.proj.weight")[-1]
    layers = _count(shapes, r"^image_encoder\.blocks\.(\d+)\.")
    reach = [(shape(f"image_encoder.blocks.{n}.attn.rel_pos_h")[0] + 1) // 2 for n in range(layers)]
    windows = sorted({side for side in reach if side != grid})
    if len(windows) > 1:
        raise SamLayoutError(
            f"the SAM's image encoder has windows of {windows}; expected one size."
        )
    channels = shape("image_encoder.neck.0.weight")[0]
    codes = shape("prompt_encoder.pe_layer.positional_encoding_gaussian_matrix")[1]
    vision = SamVisionConfig(
        hidden_size=hidden,
        output_channels=channels,
        num_hidden_layers=layers,
        num_attention_heads=hidden // shape("image_encoder.blocks.0.attn.rel_pos_h")[1],
        image_size=grid * patch,
        patch_size=patch,
        mlp_dim=shape("image_encoder.blocks.0.mlp.lin1.weight")[0],
        qkv_bias="image_encoder.blocks.0.attn.qkv.bias" in shapes,
        use_rel_pos=True,
        window_size=windows[0] if windows else 0,
        global_attn_indexes=[number for number, side in enumerate(reach) if side == grid],
        num_pos_feats=codes,
    )
    tokens, width = shape("mask_decoder.mask_tokens.weight")
    inner = shape("mask_decoder.transformer.final_attn_token_to_image.q_proj.weight")[0]
    decoder = SamMaskDecoderConfig(
        hidden_size=width,
        mlp_dim=shape("mask_decoder.transformer.layers.0.mlp.lin1.weight")[0],
        num_hidden_layers=_count(shapes, r"^mask_decoder\.transformer\.layers\.(\d+)\."),
        num_attention_heads=decoder_heads,
        attention_downsample_rate=width // inner,
        num_multimask_outputs=tokens - 1,
        iou_head_depth=_count(shapes, r"^mask_decoder\.iou_prediction_head\.layers\.(\d+)\."),
        iou_head_hidden_dim=shape("mask_decoder.iou_prediction_head.layers.0.weight")[0],
        # The original's two-way transformer uses torch's usual 1e-5; transformers' default is 1e-6.
        layer_norm_eps=1e-5,
    )
    prompt = SamPromptEncoderConfig(
        hidden_size=width,
        image_size=grid * patch,
        patch_size=patch,
        mask_input_channels=shape("prompt_encoder.mask_downscaling.3.weight")[0],
    )
    return SamConfig(
        vision_config=vision.to_dict(),
        prompt_encoder_config=prompt.to_dict(),
        mask_decoder_config=decoder.to_dict(),
    )


def _count(shapes: Mapping[str, tuple[int, ...]], pattern: str) -> int:
    """How many numbers a pattern finds, counted from zero."""
    numbers = [int(found[1]) for name in shapes if (found := re.match(pattern, name))]
    if not numbers:
        raise SamLayoutError(f"the SAM in the checkpoint has no weight like {pattern}.")
    return max(numbers) + 1
