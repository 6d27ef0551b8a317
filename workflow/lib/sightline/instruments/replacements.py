"""What replaced image tokens become."""

from collections.abc import Mapping

import numpy as np
import torch

from sightline.instruments.edges import Edges, Positions
from sightline.instruments.interventions import MEAN, ZEROS, InterventionError


def replacement(
    edges: Edges, image: torch.Tensor, vectors: Mapping[str, torch.Tensor]
) -> tuple[Positions, torch.Tensor] | None:
    """New vectors of the image tokens that a condition replaces.

    Args:
        edges: the condition on its prompt.
        image: the image's own tokens, (tokens, width).
        vectors: (width,) or (tokens, width), by name.

    Returns:
        Sorted positions in the prompt and what stands there, (positions, width); None if nothing is replaced.

    Raises:
        InterventionError: a vector is of another shape.
    """
    if not edges.replaced:
        return None
    positions, found = [], []
    for one in edges.replaced:
        tokens = torch.tensor(one.tokens, device=image.device)
        if one.by == ZEROS:
            vector = torch.zeros_like(image[tokens])
        elif one.by == MEAN:
            vector = image.float().mean(0).to(image).expand(len(tokens), -1)
        elif isinstance(one.by, str):
            given = vectors[one.by].to(image)
            shapes = tuple(image.shape[1:]), tuple(image.shape)
            if tuple(given.shape) not in shapes:
                raise InterventionError(
                    f"vector {one.by!r}: shape {tuple(given.shape)}; expected {shapes[0]} or {shapes[1]}."
                )
            vector = given.expand(len(tokens), -1) if given.dim() == 1 else given[tokens]
        else:
            vector = image[torch.tensor(one.by, device=image.device)]
        positions.append(edges.image[list(one.tokens)])
        found.append(vector)
    places = np.concatenate(positions)
    order = np.argsort(places)
    return places[order], torch.cat(found)[torch.from_numpy(order).to(image.device)]
