"""Does a mask loss reach the similarity map through the points (qian2025 section 3.3, claim C12)?"""

from collections.abc import Collection, Sequence
from dataclasses import replace

import pandas as pd
import torch
import torch.nn.functional as F

from sightline.instruments.points import point_prompts, similarity_as_points
from sightline.scenes.scene import SegmentationQuery
from sightline.studies.qian2025.masks.measuring import Measuring

QUERIES = 40
"""First queries of the first split that are probed; a gradient takes as long as ten masks."""
SURFACES = ("pixels", "cells", "none")


def probe_gradients(measuring: Measuring, queries: Sequence[SegmentationQuery]) -> pd.DataFrame:
    """Gradient of the binary cross-entropy of a mask made from points and [SEG] together.

    Returns:
        One row per query and surface: number, continuous, map (norm of the gradient in the map times the map's standard
        deviation) and state (norm of the gradient in the state at [SEG] times the standard deviation of its entries):
        by how much the loss changes with a change of usual size; added: weights behind the mask that are not the
        segmenter's own.
    """
    rows = []
    for number, query in enumerate(queries[:QUERIES]):
        for surface in SURFACES:
            rows.append(
                {"number": number, "continuous": surface}
                | _probe(measuring, number, query, surface)
            )
    return pd.DataFrame(rows)


def _probe(
    measuring: Measuring, number: int, query: SegmentationQuery, surface: str
) -> dict[str, float]:
    position, own = measuring.protocol.position, measuring.segmenters.own
    size = (query.scene.height, query.scene.width)
    embedding, _ = measuring.segmenters.embed([query.scene.image()])
    weights = next(own.projection.parameters())
    scores = measuring.maps.of(position)[number].clone().requires_grad_()
    state = measuring.maps.seg(position)[number].to(weights).requires_grad_()
    rule = replace(measuring.rule, continuous=surface)
    points = similarity_as_points(scores, size, rule, measuring.geometry, measuring.patch)
    prompts = point_prompts(own, points, size, own.projection(state))
    logits = own.decode(embedding, prompts)[0, 0].float()
    # The target in the frame of the logits: the image's longest side fills it.
    frame = torch.from_numpy(measuring.frame.apply_mask(query.target).astype("float32"))
    target = F.adaptive_avg_pool2d(frame[None], logits.shape)[0].to(logits)
    added = count_weights(logits, {scores, state, *own.parameters()})
    F.binary_cross_entropy_with_logits(logits, target).backward()
    found = {"map": (scores, scores.detach().std()), "state": (state, state.detach().std())}
    return {"added": added} | {
        name: float(one.grad.norm() * scale) if one.grad is not None else 0.0
        for name, (one, scale) in found.items()
    }


def count_weights(result: torch.Tensor, known: Collection[torch.Tensor]) -> int:
    """Numbers in the leaves of the graph behind a result, those of ``known`` aside."""
    seen, waiting, count = set(), [result.grad_fn], 0
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        waiting += [before for before, _ in node.next_functions]
        leaf = getattr(node, "variable", None)
        if leaf is not None and leaf not in known:
            count += leaf.numel()
    return count
