"""Descriptions under knockout, as kaduri2025 runs them: image hidden from query, answer or both (section 3.1)."""

from collections.abc import Mapping
from typing import Any

from sightline.bench.plain import Cut, generate
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
from sightline.instruments.replay import CleanRun, replay_decoding

# Layers from which on the image is hidden, of 32, where the authors take "after layer -1, 4, 8, ..., 28".
STARTS = (0, 5, 9, 13, 17, 21, 25, 29)


def cuts(subject: Subject) -> list[Cut]:
    """24 conditions: from each of eight layers on, the image is hidden from query, from new tokens, from both."""
    image, query = (
        tuple(getattr(subject.prompt.roles, role).tolist()) for role in ("image", "query")
    )
    total = subject.shape.layers
    targets = {"query": (query, False), "answer": ((), True), "both": (query, True)}
    return [
        Cut(
            f"{target} from {start} of 32",
            rows,
            image,
            tuple(range(start * total // 32, total)),
            new,
        )
        for target, (rows, new) in targets.items()
        for start in STARTS
    ]


def prepare(subject: Subject) -> Work:
    """24 answers, once by ``generate`` each, once decoded together from one clean run."""
    conditions = cuts(subject)
    embeds = subject.embed(subject.prompt)
    names = {cut.name for cut in conditions}

    def ours(keep_logits: bool = False) -> Any:
        clean = CleanRun(subject.vlm, subject.prompt, subject.image_tokens)
        return replay_decoding(
            clean,
            [cut.condition for cut in conditions],
            subject.shape.new_tokens,
            keep_logits=keep_logits,
        )

    def agree(results: Mapping[str, Any]) -> Agreement:
        tolerance = TOLERANCES[subject.shape.dtype]
        found = {one.name: one for one in ours(keep_logits=True)}
        timed = {one.name: list(one.tokens) for one in results["replay"]}
        apart = [cut for cut in conditions if timed[cut.name] != results[cut.name][0]]
        # Logits of all steps are asked of few: the timed calls keep none.
        looked_at = apart + [cut for cut in conditions[:: len(STARTS)] if cut not in apart]
        errors, ties = [], 0
        for cut in looked_at:
            tokens, steps = generate(subject, embeds, cut, keep_logits=True)
            same = _common(tokens, list(found[cut.name].tokens))
            upto = min(same + 1, len(tokens))
            errors.append(relative_error(found[cut.name].steps[:upto], steps[:upto]))
            if cut in apart and same < len(tokens):
                margin = steps[same].max() - steps[same][found[cut.name].tokens[same]]
                ties += bool(margin <= 2 * tolerance * steps[same].abs().max())
        clean = generate(subject, embeds)[0]
        changed = sum(results[cut.name][0] != clean for cut in conditions)
        return Agreement(
            largest_error(errors),
            tolerance,
            changed / len(conditions),
            len(conditions) - len(apart),
            len(conditions),
            ties,
        )

    return Work(
        title=f"describe ({subject.shape.new_tokens} new tokens) under {len(conditions)} knockout "
        "layer sets",
        against="one generate each",
        steps=[
            Step(cut.name, lambda cut=cut: generate(subject, embeds, cut)) for cut in conditions
        ],
        whole={"replay": ours},
        ratios=[
            Ratio(
                f"{len(conditions)} answers, clean run counted",
                "x faster",
                lambda one: one.all_of(names) / one.whole["replay"],
                Goal(6),
            )
        ],
        agree=agree,
        peaks={
            "one generate": lambda: generate(subject, embeds, conditions[0]),
            "clean run and replay": ours,
        },
    )


def _common(first: list[int], second: list[int]) -> int:
    """Tokens before the first that differs."""
    pairs = enumerate(zip(first, second, strict=True))
    return next((place for place, (one, other) in pairs if one != other), len(first))
