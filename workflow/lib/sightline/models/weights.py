"""Weights of a checkpoint as they are stored: transformers draws those that are missing at random, and only logs it."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from sightline.models.entry import ModelError

_SHOWN = 3
"""Names of weights that a message gives."""


def load_weights(model_class: Any, location: Path | str, where: str, **options: Any) -> Any:
    """``from_pretrained``, where every weight must be there and fit.

    Tied weights and buffers that are computed count as there. Of pickled weights tensors are read and nothing else.

    Args:
        model_class: of transformers.
        location: folder, or name on the hub.
        where: key at fault, for the message.
        options: of ``from_pretrained``.

    Raises:
        ModelError: names the first weights that are missing or of another shape than config.json says.
        OSError, ValueError, SafetensorError: files are missing or malformed.
    """
    # Weights of another shape are told of like missing ones, not as an error without a type of its own.
    try:
        model, found = model_class.from_pretrained(
            location,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            weights_only=True,
            **options,
        )
    except (pickle.UnpicklingError, EOFError, KeyError, RuntimeError) as error:
        # What a damaged pickle gives, depending on where it is damaged.
        raise ModelError(
            f"{where}: weights of {location} cannot be read ({error!r}). Get all files of the checkpoint again."
        ) from error
    _refuse(found["missing_keys"], {name for name, *_ in found["mismatched_keys"]}, where, location)
    return model


def put_weights(module: nn.Module, weights: Mapping[str, Tensor], file: Path) -> None:
    """Give a module all its weights.

    Raises:
        ModelError: names the first weights that are missing, of another shape or none of the module's.
    """
    own = module.state_dict()
    odd = {name for name, one in weights.items() if name not in own or own[name].shape != one.shape}
    _refuse(own.keys() - weights.keys(), odd, "weights", file)
    module.load_state_dict(dict(weights))


def _refuse(missing: Any, odd: set[str], where: str, place: Path | str) -> None:
    for names, fault in ((missing, "are missing"), (odd, "do not fit the model's sizes")):
        if names:
            first = ", ".join(sorted(names)[:_SHOWN])
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            raise ModelError(
                f"{where}: weights of {place} {fault}: {first}{more}. Get all files of the checkpoint again, "
                "config.json and weights from one commit; after a conversion, convert it anew."
            )
