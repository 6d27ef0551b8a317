"""Token ablation of neo2025: subsets of one image's tokens replaced by a mean vector, under several prompts."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from sightline.bench.plain import last_logits
from sightline.bench.rounds import Step
from sightline.bench.subject import Subject
from sightline.bench.work import TOLERANCES, Agreement, Goal, Ratio, Work, relative_error
from sightline.instruments.interventions import Condition, ReplaceTokens
from sightline.instruments.replay import CleanRun, replay_prompts

PROMPTS = 4
# Shares of the image's tokens; on 576 of them 5, 10, 20, 40, 60 and 100 tokens as in neo2025 section 3.2.
RANDOM = (5 / 576, 10 / 576, 20 / 576, 40 / 576, 60 / 576, 100 / 576)
REGISTERS = 3 / 100


def subsets(subject: Subject) -> dict[str, tuple[int, ...]]:
    """Ten subsets: an object with none, one and two rings around it, few scattered tokens, six random sets."""
    rng = np.random.default_rng(0)
    total = subject.shape.side**2
    sizes = {"registers": REGISTERS} | {f"random {round(576 * share)}": share for share in RANDOM}
    scattered = {
        name: rng.choice(total, max(1, round(share * total)), replace=False)
        for name, share in sizes.items()
    }
    rings = {f"O+{buffer}": subject.shape.object_tokens(buffer) for buffer in range(3)}
    return rings | {name: tuple(np.sort(tokens).tolist()) for name, tokens in scattered.items()}


def prepare(subject: Subject) -> Work:
    """Every subset under every prompt, once by one forward pass each, once by replays that share the image."""
    chosen = subsets(subject)
    mean = subject.image_tokens.mean(0)
    prompts = [subject.ask(number) for number in range(PROMPTS)]
    conditions = [
        Condition(name, ReplaceTokens(tokens, "mean token")) for name, tokens in chosen.items()
    ]

    def plain(prompt: Any, tokens: tuple[int, ...]) -> torch.Tensor:
        edited = subject.image_tokens.clone()
        edited[list(tokens)] = mean
        return last_logits(subject, subject.embed(prompt, edited))

    def ours() -> torch.Tensor:
        clean = CleanRun(subject.vlm, prompts[0], subject.image_tokens)
        answers = replay_prompts(clean, conditions, prompts, vectors={"mean token": mean})
        return torch.stack([one.logits for answer in answers for one in answer])

    steps = [
        Step(f"prompt {number}, {name}", lambda p=prompt, t=tokens: plain(p, t))
        for number, prompt in enumerate(prompts)
        for name, tokens in chosen.items()
    ]
    names = {step.name for step in steps}

    def agree(results: Mapping[str, Any]) -> Agreement:
        expected = torch.stack([results[step.name] for step in steps])
        clean = torch.stack([last_logits(subject, subject.embed(prompt)) for prompt in prompts])
        return Agreement(
            relative_error(results["replay"], expected),
            TOLERANCES[subject.shape.dtype],
            relative_error(clean.repeat_interleave(len(chosen), 0), expected),
        )

    return Work(
        title=f"token ablation, {len(chosen)} subsets x {PROMPTS} prompts on one image",
        against="one full forward each",
        steps=steps,
        whole={"replay": ours},
        ratios=[
            Ratio(
                f"{len(steps)} answers, clean run counted",
                "x faster",
                lambda one: one.all_of(names) / one.whole["replay"],
                Goal(3),
            )
        ],
        agree=agree,
        peaks={"one forward": steps[0].call, "clean run and replay": ours},
    )
