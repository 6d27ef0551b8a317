"""The SAM as its authors wired it, in plain functions over a state dict with the original names."""

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

Weights = Mapping[str, Tensor]
ENCODER_EPS, DECODER_EPS = 1e-6, 1e-5


def linear(w: Weights, name: str, x: Tensor) -> Tensor:
    return F.linear(x, w[f"{name}.weight"], w.get(f"{name}.bias"))


def norm(w: Weights, name: str, x: Tensor, eps: float) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], w[f"{name}.weight"], w[f"{name}.bias"], eps)


def norm_2d(w: Weights, name: str, x: Tensor) -> Tensor:
    """Over channels of (batch, channels, rows, columns)."""
    return norm(w, name, x.permute(0, 2, 3, 1), ENCODER_EPS).permute(0, 3, 1, 2)


def relative(table: Tensor, side: int) -> Tensor:
    """(query, key, head width): the row of the table for each distance along one axis."""
    steps = torch.arange(side)
    return table[steps[:, None] - steps[None, :] + side - 1]


def window_attention(w: Weights, name: str, x: Tensor, heads: int) -> Tensor:
    """Attention within (windows, side, side, width), with decomposed relative positions."""
    windows, side, _, width = x.shape
    qkv = linear(w, f"{name}.qkv", x).reshape(windows, side * side, 3, heads, -1)
    q, k, v = qkv.permute(2, 0, 3, 1, 4)
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    by_place = q.reshape(windows, heads, side, side, -1)
    down = torch.einsum("bnhwc,hkc->bnhwk", by_place, relative(w[f"{name}.rel_pos_h"], side))
    across = torch.einsum("bnhwc,wkc->bnhwk", by_place, relative(w[f"{name}.rel_pos_w"], side))
    scores = scores.view(windows, heads, side, side, side, side)
    scores = (scores + down[..., :, None] + across[..., None, :]).view(
        windows, heads, side * side, -1
    )
    out = (scores.softmax(-1) @ v).transpose(1, 2).reshape(windows, side, side, width)
    return linear(w, f"{name}.proj", out)


def encode_image(w: Weights, pixels: Tensor, layers: int, heads: int, window: int) -> Tensor:
    """Image embedding (batch, channels, grid, grid); blocks whose tables reach over the grid see all of it."""
    patch = w["image_encoder.patch_embed.proj.weight"]
    x = F.conv2d(
        pixels, patch, w["image_encoder.patch_embed.proj.bias"], stride=patch.shape[-1]
    ).permute(0, 2, 3, 1)
    x = x + w["image_encoder.pos_embed"]
    batch, grid, _, width = x.shape
    for layer in range(layers):
        name = f"image_encoder.blocks.{layer}"
        y = norm(w, f"{name}.norm1", x, ENCODER_EPS)
        if len(w[f"{name}.attn.rel_pos_h"]) == 2 * grid - 1:
            y = window_attention(w, f"{name}.attn", y, heads)
        else:
            count = math.ceil(grid / window)
            y = F.pad(y, (0, 0, 0, count * window - grid, 0, count * window - grid))
            y = y.view(batch, count, window, count, window, width).transpose(2, 3)
            y = window_attention(w, f"{name}.attn", y.reshape(-1, window, window, width), heads)
            y = y.view(batch, count, count, window, window, width).transpose(2, 3)
            y = y.reshape(batch, count * window, count * window, width)[:, :grid, :grid]
        x = x + y
        y = norm(w, f"{name}.norm2", x, ENCODER_EPS)
        x = x + linear(w, f"{name}.mlp.lin2", F.gelu(linear(w, f"{name}.mlp.lin1", y)))
    x = F.conv2d(x.permute(0, 3, 1, 2), w["image_encoder.neck.0.weight"])
    x = norm_2d(w, "image_encoder.neck.1", x)
    x = F.conv2d(x, w["image_encoder.neck.2.weight"], padding=1)
    return norm_2d(w, "image_encoder.neck.3", x)


def encode_places(w: Weights, places: Tensor) -> Tensor:
    """Fourier codes of x, y between 0 and 1."""
    codes = w["prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"]
    angles = 2 * math.pi * ((2 * places - 1) @ codes)
    return torch.cat([angles.sin(), angles.cos()], -1)


def prompt(
    w: Weights, side: int, text: Tensor, places: Tensor | None = None, labels: Tensor | None = None
) -> Tensor:
    """Sparse tokens (1, tokens, width): clicks with their padding point, if any, then the text embedding."""
    if places is None:
        return text[None]
    places = torch.cat([places + 0.5, torch.zeros(1, 2)])
    labels = torch.cat([labels, torch.tensor([-1])])
    tokens = encode_places(w, places / side)
    tokens[labels == -1] = w["prompt_encoder.not_a_point_embed.weight"][0]
    for label in (0, 1):
        tokens[labels == label] += w[f"prompt_encoder.point_embeddings.{label}.weight"][0]
    return torch.cat([tokens, text])[None]


def attend(w: Weights, name: str, q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
    q, k, v = (linear(w, f"{name}.{p}_proj", x) for p, x in (("q", q), ("k", k), ("v", v)))
    q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
    out = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(-2)
    return linear(w, f"{name}.out_proj", out)


def two_way(
    w: Weights, embedding: Tensor, codes: Tensor, tokens: Tensor, layers: int, heads: int
) -> tuple[Tensor, Tensor]:
    """Tokens (1, tokens, width) and image (1, places, width) after the two-way transformer."""
    queries, image, place = (
        tokens,
        embedding.flatten(2).transpose(1, 2),
        codes.flatten(2).transpose(1, 2),
    )
    for layer in range(layers):
        name = f"mask_decoder.transformer.layers.{layer}"
        q = queries if layer == 0 else queries + tokens
        seen = attend(w, f"{name}.self_attn", q, q, queries, heads)
        queries = norm(w, f"{name}.norm1", seen if layer == 0 else queries + seen, DECODER_EPS)
        seen = attend(
            w, f"{name}.cross_attn_token_to_image", queries + tokens, image + place, image, heads
        )
        queries = norm(w, f"{name}.norm2", queries + seen, DECODER_EPS)
        hidden = F.relu(linear(w, f"{name}.mlp.lin1", queries))
        queries = norm(
            w, f"{name}.norm3", queries + linear(w, f"{name}.mlp.lin2", hidden), DECODER_EPS
        )
        seen = attend(
            w, f"{name}.cross_attn_image_to_token", image + place, queries + tokens, queries, heads
        )
        image = norm(w, f"{name}.norm4", image + seen, DECODER_EPS)
    name = "mask_decoder.transformer.final_attn_token_to_image"
    seen = attend(w, name, queries + tokens, image + place, image, heads)
    queries = norm(w, "mask_decoder.transformer.norm_final_attn", queries + seen, DECODER_EPS)
    return queries, image


def decode(
    w: Weights, embedding: Tensor, sparse: Tensor, layers: int = 2, heads: int = 8
) -> Tensor:
    """Logits (rows, columns) of mask token 0 for one prompt on one image."""
    grid = embedding.shape[-1]
    along = (torch.arange(grid) + 0.5) / grid
    places = torch.stack(torch.meshgrid(along, along, indexing="xy"), -1)
    codes = encode_places(w, places).permute(2, 0, 1)[None]
    own = torch.cat([w["mask_decoder.iou_token.weight"], w["mask_decoder.mask_tokens.weight"]])
    tokens = torch.cat([own[None], sparse], 1)
    dense = w["prompt_encoder.no_mask_embed.weight"].view(1, -1, 1, 1)
    queries, image = two_way(w, embedding + dense, codes, tokens, layers, heads)
    image = image.transpose(1, 2).view(embedding.shape)
    up = "mask_decoder.output_upscaling"
    image = F.conv_transpose2d(image, w[f"{up}.0.weight"], w[f"{up}.0.bias"], stride=2)
    image = F.gelu(norm_2d(w, f"{up}.1", image))
    image = F.gelu(F.conv_transpose2d(image, w[f"{up}.3.weight"], w[f"{up}.3.bias"], stride=2))
    hyper, name = queries[:, 1], "mask_decoder.output_hypernetworks_mlps.0.layers"
    for layer in range(3):
        hyper = linear(w, f"{name}.{layer}", hyper)
        hyper = F.relu(hyper) if layer < 2 else hyper
    return (hyper @ image.flatten(2)).view(image.shape[-2:])
