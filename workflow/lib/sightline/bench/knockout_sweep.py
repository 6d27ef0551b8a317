"""The knockout sweep of neo2025: 6 pairs of token groups x 6 layer windows on one prompt (section 3.6)."""

from collections.abc import Mapping
from typing import Any

import torch

from sightline.bench.plain import Cut, last_logits
from sightline.bench.rounds import Round, Step
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
from sightline.instruments.replay import CleanRun, replay

LAST, LAST_ROW = "last token", "last visual row"
FORWARD, CLEAN = "forward pass", "clean run"


def cuts(subject: Subject) -> dict[str, list[Cut]]:
    """Conditions by where their attention ends: four pairs in the last token, two in the last visual row."""
    every = range(subject.shape.side**2)
    row = tuple(every[-subject.shape.side :])
    near, nearest = subject.shape.object_tokens(1), subject.shape.object_tokens()
    pairs = {
        LAST: {
            "O": nearest,
            "O+1": near,
            "O+2": subject.shape.object_tokens(2),
            "I-(O+1)": tuple(token for token in every if token not in near),
        },
        LAST_ROW: {
            "O+1": near,
            "I-LVR": tuple(token for token in every if token not in row),
        },
    }
    ends = {
        LAST: (subject.prompt.roles.last,),
        LAST_ROW: subject.image_positions(row),
    }
    return {
        end: [
            Cut(f"{name} to {end}, {window}", ends[end], subject.image_positions(keys), layers)
            for name, keys in groups.items()
            for window, layers in subject.shape.windows.items()
        ]
        for end, groups in pairs.items()
    }


def least_forwards(subject: Subject) -> float:
    """Clean forwards' worth of rows that the last-visual-row conditions change and later rows read.

    The row itself in the first layer of a window, the text behind it too from the next layer on; conditions that
    have done the same so far count once. Only in the last layer could an exact method do with less: keys and values
    suffice for all rows but the last, which would save some 0.03 here and 0.03 in the clean run, of 32 layers.
    """
    row, text = subject.shape.side, len(subject.prompt.roles.query)
    layers, rows = subject.shape.layers, 0
    for keys in {cut.keys for cut in cuts(subject)[LAST_ROW]}:
        windows = [cut.layers for cut in cuts(subject)[LAST_ROW] if cut.keys == keys]
        for layer in range(layers):
            # What was cut up to and in this layer tells conditions apart.
            histories = {tuple(one for one in window if one <= layer) for window in windows}
            rows += sum(row + text * (history[0] < layer) for history in histories if history)
    return rows / (layers * len(subject.prompt))


def prepare(subject: Subject) -> Work:
    """36 conditions, once by one forward pass each, once by replays of one clean run."""
    by_end = cuts(subject)
    everything = [cut for group in by_end.values() for cut in group]
    embeds = subject.embed(subject.prompt)
    clean = CleanRun(subject.vlm, subject.prompt, subject.image_tokens)

    def run(chosen: list[Cut]) -> torch.Tensor:
        return replay(clean, [cut.condition for cut in chosen])

    def agree(results: Mapping[str, Any]) -> Agreement:
        expected = torch.stack([results[cut.name] for cut in everything])
        unchanged = results[FORWARD].expand_as(expected)
        return Agreement(
            largest_error(
                [
                    relative_error(results["all"], expected),
                    relative_error(results[CLEAN].logits, results[FORWARD]),
                ]
            ),
            TOLERANCES[subject.shape.dtype],
            relative_error(unchanged, expected),
        )

    def faster(end: str) -> Ratio:
        names = {cut.name for cut in by_end[end]}
        return Ratio(
            f"{len(names)} conditions that end in the {end}; one clean run serves all 36, not counted",
            "x faster",
            lambda seconds: seconds.all_of(names) / seconds.whole[end],
            Goal(25 if end == LAST else 8),
        )

    def in_forwards(part: str) -> Any:
        return lambda one: (one.whole[CLEAN] + one.whole[part]) / one.whole[FORWARD]

    def all_faster(one: Round) -> float:
        naive = sum(one.all_of({cut.name for cut in group}) for group in by_end.values())
        return (naive + one.whole[FORWARD]) / (one.whole[CLEAN] + one.whole["all"])

    return Work(
        title=f"knockout sweep as neo2025 runs it, {len(everything)} conditions on one prompt of "
        f"{len(subject.prompt)} tokens, {subject.shape.layers} layers",
        against="one full forward per condition",
        steps=[
            Step(cut.name, lambda cut=cut: last_logits(subject, embeds, cut), end)
            for end, group in by_end.items()
            for cut in group
        ],
        whole={
            FORWARD: lambda: last_logits(subject, embeds),
            CLEAN: lambda: CleanRun(subject.vlm, subject.prompt, subject.image_tokens),
            LAST: lambda: run(by_end[LAST]),
            LAST_ROW: lambda: run(by_end[LAST_ROW]),
            "all": lambda: run(everything),
        },
        ratios=[
            faster(LAST),
            faster(LAST_ROW),
            Ratio(
                f"{len(by_end[LAST])} conditions that end in the last token, clean run counted",
                "clean forwards",
                in_forwards(LAST),
                Goal(1.5, at_least=False),
            ),
            Ratio(
                f"whole sweep of {len(everything)}, clean run counted",
                "clean forwards",
                in_forwards("all"),
                Goal(1.5, at_least=False),
                "the clean run is one forward, and the rows that conditions ending in the last visual row "
                f"change are another {least_forwards(subject):.2f}: no exact replay of whole layers costs "
                "less than both",
            ),
            Ratio(
                f"whole sweep of {len(everything)}; one clean run serves all, not counted",
                "clean forwards",
                lambda one: one.whole["all"] / one.whole[FORWARD],
            ),
            Ratio("whole sweep and the clean answer, clean run counted", "x faster", all_faster),
        ],
        agree=agree,
        peaks={
            "one forward": lambda: last_logits(subject, embeds, everything[0]),
            "clean run and sweep": lambda: (
                CleanRun(subject.vlm, subject.prompt, subject.image_tokens),
                run(everything),
            ),
        },
    )
