"""Loading a model from a folder or from the hub."""

import json
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, BitsAndBytesConfig

from sightline.models.adapters import Adapter
from sightline.models.checksums import check_weights
from sightline.models.devices import choose_device
from sightline.models.registry import FAMILIES, ModelError, ModelSource
from sightline.models.vlm import VLM
from sightline.models.weights import load_weights


def load_vlm(
    source: ModelSource | Path | str, device: str | None = None, dtype: str | None = None
) -> VLM:
    """Load a model for reading.

    Remote code is never run, and with ``HF_HUB_OFFLINE`` set nothing is downloaded.

    Args:
        source: entry of the configuration, or the folder of a LLaVA-1.5-type model.
        device: instead of the source's.
        dtype: instead of the source's.

    Raises:
        ModelError: files or weights are missing or do not fit; the message names the path and what to do.
    """
    if not isinstance(source, ModelSource):
        source = ModelSource(key=Path(source).name, path=str(source))
    adapter = import_module(f"sightline.models.adapters.{source.family}")
    device = choose_device(device or source.device, source.gpus if source.device_map else 1)
    location, revision = source.location, source.revision
    if source.folder:
        check_weights(source.folder)
        _check_generation_settings(source.folder, source.key)
    placing = choose_placing(source, device)
    try:
        config = AutoConfig.from_pretrained(location, revision=revision)
        _check_family(source, config, adapter)
        processor = adapter.load_processor(source, config)
        model = load_weights(
            adapter.model_class,
            location,
            f"models.{source.key}",
            revision=revision,
            dtype=choose_dtype(dtype or source.dtype, device),
            attn_implementation="sdpa",
            **placing,
        )
    except (OSError, ValueError, SafetensorError) as error:
        hint = (
            "Fetch the folder again: it needs config, weights, tokenizer and processor files."
            if source.folder
            else "Check name and revision, download it, or allow the network (HF_HUB_OFFLINE=0)."
        )
        raise ModelError(
            f"models.{source.key}: {source.path} cannot be loaded. {hint}\n{error}"
        ) from error
    # What was placed while it was read stays where it is.
    return VLM(source, model if placing else model.to(device), processor, adapter)


# Small beside the language model, and what the lens multiplies with must be the published numbers.
_UNTOUCHED = ["lm_head", "vision_tower", "visual", "multi_modal_projector"]


def choose_placing(source: ModelSource, device: torch.device) -> dict[str, Any]:
    """Arguments of ``from_pretrained`` for a model that is quantized or spread over GPUs; empty for all others.

    Args:
        source: of the model.
        device: it would be on otherwise.

    Raises:
        ModelError: bitsandbytes is not installed, or there is no GPU to quantize for.
    """
    placing: dict[str, Any] = {}
    if source.device_map:
        placing["device_map"] = source.device_map
    if source.quantization:
        if find_spec("bitsandbytes") is None:
            raise ModelError(
                f"models.{source.key}.quantization: {source.quantization} needs the package bitsandbytes, which is not "
                "installed. Install it (pip install -e '.[quantized]'), or leave the key out."
            )
        if device.type != "cuda":
            raise ModelError(
                f"models.{source.key}.quantization: {source.quantization} needs a GPU; on {device} leave the key out."
            )
        compute = choose_dtype(source.dtype, device)
        four = source.quantization == "4bit"
        placing["quantization_config"] = BitsAndBytesConfig(
            load_in_8bit=not four,
            load_in_4bit=four,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_compute_dtype=torch.float16 if compute == "auto" else compute,
            llm_int8_skip_modules=_UNTOUCHED,
        )
        placing.setdefault("device_map", {"": str(device)})
    return placing


def _check_generation_settings(folder: Path, key: str) -> None:
    # Transformers takes a file that it cannot read for none, and answers would end elsewhere.
    file = folder / "generation_config.json"
    if not file.is_file():
        return
    try:
        json.loads(file.read_text())
    except ValueError as error:
        raise ModelError(
            f"models.{key}: {file} is damaged ({error}). Get the file again."
        ) from error


def _check_family(source: ModelSource, config: Any, adapter: Adapter) -> None:
    if isinstance(config, adapter.model_class.config_class):
        return
    known = ", ".join(FAMILIES)
    advice = (
        f"give family {config.model_type}"
        if config.model_type in FAMILIES
        else f"supported are {known}; docs/models.md says how to add a family"
    )
    raise ModelError(
        f"models.{source.key}.family: {source.family}, but config.json of {source.path} says "
        f"{config.model_type}: {advice}."
    )


def choose_dtype(name: str, device: torch.device) -> torch.dtype | str:
    """The type of that name; "auto" is float32 on a CPU, and left to the checkpoint elsewhere."""
    if name != "auto":
        return getattr(torch, name)
    return torch.float32 if device.type == "cpu" else "auto"
