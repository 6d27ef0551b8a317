"""The logit lens over all layers and image tokens, against nothing but its matrix product."""

from collections.abc import Mapping
from typing import Any

import torch

from sightline.bench.rounds import Step
from sightline.bench.subject import Subject
from sightline.bench.work import (
    TOLERANCES,
    Agreement,
    Goal,
    Ratio,
    Work,
    largest_error,
    relative_error,
)
from sightline.instruments.logit_lens import Lens, logit_lens
from sightline.instruments.reading import Reading
from sightline.instruments.states import capture

TOP = 10
PRODUCT, LENS = "matrix product", "lens"
# The quickest way found: no larger than what a CPU's caches hold.
_ROWS = {"cpu": 256, "cuda": 4096}


def prepare(subject: Subject) -> Work:
    """Top words of every image token in every layer."""
    vlm = subject.vlm
    captured = capture(
        vlm, [subject.prompt], subject.image_tokens[None], Reading(rows="image", dtype=None)
    )
    # (layers + 1, image tokens, width), all before the final norm.
    states = captured.states
    weight = vlm.model.get_output_embeddings().weight
    rows = _ROWS[vlm.device.type]

    @torch.no_grad()
    def product() -> None:
        out = torch.empty(rows, len(weight), dtype=weight.dtype, device=weight.device)
        for chunk in states.flatten(0, 1).split(rows):
            torch.mm(chunk, weight.T, out=out[: len(chunk)])

    def lens() -> Lens:
        return logit_lens(vlm, states, TOP)

    @torch.no_grad()
    def agree(results: Mapping[str, Any]) -> Agreement:
        found, errors = results[LENS], []
        norm = vlm.adapter.final_norm(vlm.model)
        for layer, state in enumerate(states):
            logits = vlm.model.get_output_embeddings()(norm(state)).float()
            best = logits.topk(TOP).values
            # Equal words may come in any order: what counts is that those named have the best logits.
            errors.append(relative_error(logits.gather(1, found.tokens[layer]), best))
            errors.append(relative_error(found.logits[layer], best))
            spoken = logits.log_softmax(-1).gather(1, found.tokens[layer])
            errors.append(relative_error(found.log_probabilities[layer], spoken))
        return Agreement(largest_error(errors), TOLERANCES[subject.shape.dtype])

    layers, tokens, _ = states.shape
    return Work(
        title=f"logit lens, {tokens} tokens x {layers} layers, {len(weight):,} words, top {TOP}",
        against="the bare matrix product, in chunks, results thrown away",
        steps=[Step(PRODUCT, product)],
        whole={LENS: lens},
        ratios=[
            Ratio(
                "time",
                "x the product's",
                lambda one: one.whole[LENS] / one.steps[PRODUCT],
                Goal(2, at_least=False),
            )
        ],
        agree=agree,
        peaks={PRODUCT: product, LENS: lens},
    )
