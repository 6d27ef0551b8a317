"""InternVL2 as its authors wired it, in plain functions over a state dict with the original names."""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

Weights = Mapping[str, Tensor]


def rms(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    return weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps)


def norm(w: Weights, name: str, x: Tensor, about: Mapping[str, Any]) -> Tensor:
    if about["norm_type"] == "rms_norm":
        return rms(x, w[f"{name}.weight"], about["layer_norm_eps"])
    weight, bias = w[f"{name}.weight"], w[f"{name}.bias"]
    return F.layer_norm(x, x.shape[-1:], weight, bias, about["layer_norm_eps"])


def linear(w: Weights, name: str, x: Tensor) -> Tensor:
    return F.linear(x, w[f"{name}.weight"], w.get(f"{name}.bias"))


def image_tokens(w: Weights, about: Mapping[str, Any], pixels: Tensor) -> Tensor:
    """Projector output (tiles, tokens, text width) of pixels (tiles, 3, side, side)."""
    seen = about["vision_config"]
    front = "vision_model.embeddings"
    kernel = w[f"{front}.patch_embedding.weight"]
    x = F.conv2d(pixels, kernel, w[f"{front}.patch_embedding.bias"], stride=kernel.shape[-1])
    side = x.shape[-1]
    x = x.flatten(2).transpose(1, 2)
    x = torch.cat([w[f"{front}.class_embedding"].expand(len(x), -1, -1), x], 1)
    x = x + w[f"{front}.position_embedding"]
    for number in range(seen["num_hidden_layers"]):
        block = f"vision_model.encoder.layers.{number}"
        inner = attention(w, f"{block}.attn", norm(w, f"{block}.norm1", x, seen), seen)
        x = x + inner * w[f"{block}.ls1"]
        inner = norm(w, f"{block}.norm2", x, seen)
        inner = linear(w, f"{block}.mlp.fc2", F.gelu(linear(w, f"{block}.mlp.fc1", inner)))
        x = x + inner * w[f"{block}.ls2"]
    x = x[:, 1:].reshape(len(x), side, side, -1)
    x = shuffle(x, about["downsample_ratio"])
    x = F.layer_norm(x, x.shape[-1:], w["mlp1.0.weight"], w["mlp1.0.bias"])
    return linear(w, "mlp1.3", F.gelu(linear(w, "mlp1.1", x)))


def attention(w: Weights, name: str, x: Tensor, about: Mapping[str, Any]) -> Tensor:
    heads = about["num_attention_heads"]
    q, k, v = linear(w, f"{name}.qkv", x).chunk(3, -1)
    if about["qk_normalization"]:
        # Over all heads at once.
        q = rms(q, w[f"{name}.q_norm.weight"], about["layer_norm_eps"])
        k = rms(k, w[f"{name}.k_norm.weight"], about["layer_norm_eps"])
    q, k, v = (part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in (q, k, v))
    scores = q * q.shape[-1] ** -0.5 @ k.transpose(-1, -2)
    return linear(w, f"{name}.proj", (scores.softmax(-1) @ v).transpose(1, 2).flatten(2))


def shuffle(x: Tensor, scale: float) -> Tensor:
    """Pixel shuffle of version 2: (tiles, rows, columns, width) -> (tiles, fewer places, more width)."""
    n, w, h, c = x.shape
    x = x.reshape(n, w, int(h * scale), int(c / scale)).permute(0, 2, 1, 3)
    x = x.reshape(n, int(h * scale), int(w * scale), int(c / scale**2)).permute(0, 2, 1, 3)
    return x.flatten(1, 2)


def language_logits(w: Weights, about: Mapping[str, Any], states: Tensor) -> Tensor:
    """Logits (positions, words) of embeddings (positions, width)."""
    text = about["llm_config"]
    own = {k.removeprefix("language_model."): v for k, v in w.items() if k.startswith("language_")}
    if text["model_type"] == "internlm2":
        return internlm2(own, text, states)
    kinds = {"llama": (LlamaConfig, LlamaForCausalLM), "qwen2": (Qwen2Config, Qwen2ForCausalLM)}
    config, model = kinds[text["model_type"]]
    given = {k: v for k, v in text.items() if k not in ("model_type", "rope_theta")}
    rope = {"rope_type": "default", "rope_theta": text["rope_theta"]}
    built = model(config(**given, rope_parameters=rope)).eval()
    built.load_state_dict(own)
    return built(inputs_embeds=states[None]).logits[0]


def internlm2(w: Weights, about: Mapping[str, Any], x: Tensor) -> Tensor:
    keys, groups = about["num_key_value_heads"], about["num_attention_heads"]
    groups //= keys
    eps = about["rms_norm_eps"]
    causal = torch.ones(len(x), len(x), dtype=torch.bool).tril()
    for number in range(about["num_hidden_layers"]):
        block = f"model.layers.{number}"
        inner = rms(x, w[f"{block}.attention_norm.weight"], eps)
        # "q (h gs d) -> q h gs d": in every group its queries, then one key, then one value.
        qkv = linear(w, f"{block}.attention.wqkv", inner).unflatten(-1, (keys, groups + 2, -1))
        q, k, v = qkv[:, :, :groups].flatten(1, 2), qkv[:, :, -2], qkv[:, :, -1]
        q, k = (rotate(part, about["rope_theta"]) for part in (q, k))
        k, v = (part.repeat_interleave(groups, 1) for part in (k, v))
        scores = torch.einsum("qhd,khd->hqk", q, k) * q.shape[-1] ** -0.5
        weights = scores.masked_fill(~causal, -torch.inf).softmax(-1)
        seen = torch.einsum("hqk,khd->qhd", weights, v).flatten(1)
        x = x + linear(w, f"{block}.attention.wo", seen)
        inner = rms(x, w[f"{block}.ffn_norm.weight"], eps)
        gate = F.silu(linear(w, f"{block}.feed_forward.w1", inner))
        inner = gate * linear(w, f"{block}.feed_forward.w3", inner)
        x = x + linear(w, f"{block}.feed_forward.w2", inner)
    return linear(w, "output", rms(x, w["model.norm.weight"], eps))


def rotate(x: Tensor, theta: float) -> Tensor:
    """Rotary positions on (positions, heads, width)."""
    half = x.shape[-1] // 2
    angles = torch.arange(len(x))[:, None] * theta ** (-torch.arange(half) / half)
    cos, sin = angles.cos()[:, None], angles.sin()[:, None]
    first, second = x[..., :half], x[..., half:]
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)
