"""Loading a model from a folder or from the hub."""

from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig

from sightline.models.adapters import Adapter
from sightline.models.registry import FAMILIES, ModelError, ModelSource
from sightline.models.vlm import VLM


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
        ModelError: the files are missing or do not fit; the message names the path and what to do.
    """
    if not isinstance(source, ModelSource):
        source = ModelSource(key=Path(source).name, path=str(source))
    adapter = import_module(f"sightline.models.adapters.{source.family}")
    device = choose_device(device or source.device)
    location, revision = source.location, source.revision
    try:
        config = AutoConfig.from_pretrained(location, revision=revision)
        _check_family(source, config, adapter)
        processor = adapter.load_processor(source, config)
        model = adapter.model_class.from_pretrained(
            location,
            revision=revision,
            dtype=choose_dtype(dtype or source.dtype, device),
            attn_implementation="sdpa",
        )
    except (OSError, ValueError) as error:
        hint = (
            "Fetch the folder again: it needs config, weights, tokenizer and processor files."
            if source.folder
            else "Check name and revision, download it, or allow the network (HF_HUB_OFFLINE=0)."
        )
        raise ModelError(
            f"models.{source.key}: {source.path} cannot be loaded. {hint}\n{error}"
        ) from error
    return VLM(source, model.to(device), processor, adapter)


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


def choose_device(name: str) -> torch.device:
    """The device of that name; "auto" takes a GPU if there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def choose_dtype(name: str, device: torch.device) -> torch.dtype | str:
    """The type of that name; "auto" is float32 on a CPU, and left to the checkpoint elsewhere."""
    if name != "auto":
        return getattr(torch, name)
    return torch.float32 if device.type == "cpu" else "auto"
