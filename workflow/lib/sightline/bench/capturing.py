"""Capture during one forward pass: states of all layers, and head-mean attention to the image."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from sightline.bench.rounds import Step
from sightline.bench.subject import Subject
from sightline.bench.work import (
    TOLERANCES,
    Agreement,
    Goal,
    PeakRatio,
    Ratio,
    Work,
    largest_error,
    relative_error,
)
from sightline.instruments.reading import Reading
from sightline.instruments.states import Captured, capture

READING = Reading(rows=["object", "last"], queries="query", keys="image", heads="mean")
PLAIN, CAPTURE, EVERYTHING = "forward", "capture", "output_attentions=True"


def prepare(subject: Subject) -> Work:
    """One forward pass of the text model with and without reading."""
    vlm, prompt = subject.vlm, subject.prompt
    objects = np.array(subject.shape.object_tokens(1))
    text = vlm.adapter.text_model(vlm.model)

    @torch.no_grad()
    def forward(**options: Any) -> Any:
        return text(inputs_embeds=subject.embed(prompt), use_cache=False, **options)

    def plain() -> torch.Tensor:
        return forward().last_hidden_state

    def ours() -> Captured:
        return capture(vlm, [prompt], subject.image_tokens[None], READING, [objects])

    def everything() -> Any:
        with _eager(subject):
            return forward(output_attentions=True, output_hidden_states=True)

    def agree(results: Mapping[str, Any]) -> Agreement:
        found, expected = results[CAPTURE], everything()
        rows = [*prompt.roles.image[objects].tolist(), prompt.roles.last]
        # Transformers gives the last state behind the final norm, capture before it.
        states = torch.cat(
            [*found.states[:-1], vlm.adapter.final_norm(vlm.model)(found.states[-1])]
        )
        wanted = torch.cat([state[0, rows] for state in expected.hidden_states])
        query, image = (torch.from_numpy(one) for one in (prompt.roles.query, prompt.roles.image))
        weights = torch.stack(
            [one[0].float().mean(0)[query][:, image] for one in expected.attentions]
        )
        return Agreement(
            largest_error(
                [
                    relative_error(states, wanted),
                    relative_error(found.attention[:, 0], weights),
                ]
            ),
            TOLERANCES[subject.shape.dtype],
        )

    return Work(
        title="capture of all layers' object and last-token states and of head-mean attention, "
        f"{len(prompt.roles.query)} text rows to {len(prompt.roles.image)} image tokens",
        against="the same forward without capture (sdpa)",
        steps=[Step(PLAIN, plain)],
        whole={CAPTURE: ours},
        ratios=[
            Ratio(
                "time",
                "x the forward's",
                lambda one: one.whole[CAPTURE] / one.steps[PLAIN],
                Goal(1.15, at_least=False),
            )
        ],
        agree=agree,
        peaks={PLAIN: plain, CAPTURE: ours, EVERYTHING: everything},
        peak_ratios=[
            PeakRatio(
                "total peak, model and process included",
                "x the forward's",
                lambda peaks: peaks[CAPTURE].total / peaks[PLAIN].total,
                Goal(1.2, at_least=False),
            ),
            PeakRatio(
                "peak of tensors, weights aside",
                "x the forward's",
                lambda peaks: peaks[CAPTURE].times(peaks[PLAIN]),
                note=f"what is kept is {_kept_bytes(subject) / 2**20:.1f} MiB by itself",
            ),
            PeakRatio(
                "memory beyond the forward's, against output_attentions=True",
                "x less",
                lambda peaks: (
                    peaks[EVERYTHING].above(peaks[PLAIN])
                    / max(peaks[CAPTURE].above(peaks[PLAIN]), 1)
                ),
                Goal(20),
            ),
            PeakRatio(
                "peak of tensors, weights aside, against output_attentions=True",
                "x less",
                lambda peaks: peaks[EVERYTHING].times(peaks[CAPTURE]),
            ),
            PeakRatio(
                "total peak, model and process included, against output_attentions=True",
                "x less",
                lambda peaks: peaks[EVERYTHING].total / peaks[CAPTURE].total,
            ),
        ],
        trace=True,
        often=3,
    )


def _kept_bytes(subject: Subject) -> int:
    """Size of what is asked for: states, and attention."""
    shape, roles = subject.shape, subject.prompt.roles
    states = (shape.layers + 1) * (len(shape.object_tokens(1)) + 1) * shape.width
    attention = shape.layers * len(roles.query) * len(roles.image)
    return (states + attention) * subject.image_tokens.element_size()


@contextmanager
def _eager(subject: Subject) -> Iterator[None]:
    """The text model with eager attention, which alone returns its weights."""
    model = subject.vlm.model
    model.set_attn_implementation({"text_config": "eager"})
    try:
        yield
    finally:
        model.set_attn_implementation({"text_config": "sdpa"})
