"""What a part of a model is given while the model runs."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn


@contextmanager
def listening_to(part: nn.Module) -> Iterator[list[Tensor]]:
    """Collect the first argument of every call of a part, float32, for as long as the block lasts."""
    heard: list[Tensor] = []

    def keep(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        heard.append(inputs[0].detach().float())

    handle = part.register_forward_pre_hook(keep)
    try:
        yield heard
    finally:
        handle.remove()
