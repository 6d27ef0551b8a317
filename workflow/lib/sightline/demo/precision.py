"""The number format that models are trained in on this machine."""

import torch


def has_half_precision() -> bool:
    """Whether the processor multiplies bfloat16 matrices itself (AVX512-BF16, AMX, or Arm's BF16)."""
    return torch.ops.mkldnn._is_mkldnn_bf16_supported()


# Where it does, half precision is more than twice as fast as float32; where it does not, twenty times slower.
TRAINING = torch.bfloat16 if has_half_precision() else torch.float32
PRECISION = str(TRAINING).removeprefix("torch.")
