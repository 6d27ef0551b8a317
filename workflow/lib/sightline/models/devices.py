"""Which device a model goes to."""

import torch

from sightline.models.leases import lease_gpus


def choose_device(name: str, gpus: int | None = 1) -> torch.device:
    """The device of that name; "auto" takes a GPU if there is one.

    Where no number is named, the GPU is one that no other process has taken.

    Args:
        name: such as "auto", "cpu" or "cuda:1".
        gpus: to take, for layers spread over several; None takes all there are.

    Raises:
        ModelError: there are fewer.
    """
    # A process that has spoken to CUDA before, such as a notebook, sees what it saw then.
    if name in ("auto", "cuda") and torch.version.cuda and not torch.cuda.is_initialized():
        lease_gpus(gpus)
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)
