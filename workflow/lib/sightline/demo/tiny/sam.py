"""SAM: images of 64 px, a 4 x 4 embedding, relative positions."""

from pathlib import Path

import torch
from transformers import (
    SamConfig,
    SamImageProcessorPil,
    SamMaskDecoderConfig,
    SamModel,
    SamPromptEncoderConfig,
    SamVisionConfig,
)

SIDE, WIDTH = 64, 16


def build_sam(seed: int = 0) -> SamModel:
    """A random SAM for images of 64 px: 4 x 4 image embedding, 16 x 16 mask logits, relative positions."""
    torch.manual_seed(seed)
    config = SamConfig(
        vision_config=SamVisionConfig(
            hidden_size=16,
            output_channels=16,
            num_hidden_layers=3,
            num_attention_heads=2,
            image_size=64,
            patch_size=16,
            mlp_dim=24,
            use_rel_pos=True,
            global_attn_indexes=[2],
            window_size=3,
            num_pos_feats=8,
            initializer_range=0.2,
        ).to_dict(),
        prompt_encoder_config=SamPromptEncoderConfig(
            hidden_size=16, image_size=64, patch_size=16, mask_input_channels=16
        ).to_dict(),
        mask_decoder_config=SamMaskDecoderConfig(
            hidden_size=16, mlp_dim=24, num_attention_heads=2, iou_head_hidden_dim=16
        ).to_dict(),
        attn_implementation="eager",
    )
    model = SamModel(config)
    # Tables of positions start at zero, and norms at one: nothing would tell them apart.
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        parameter.data += 0.2 * noise
    return model.eval()


def write_sam(folder: Path, seed: int = 0) -> Path:
    """Write it with its image processor."""
    build_sam(seed).save_pretrained(folder)
    SamImageProcessorPil(
        size={"longest_edge": SIDE},
        mask_size={"longest_edge": SIDE // 4},
        pad_size={"height": SIDE, "width": SIDE},
        mask_pad_size={"height": SIDE // 4, "width": SIDE // 4},
    ).save_pretrained(folder)
    return folder
