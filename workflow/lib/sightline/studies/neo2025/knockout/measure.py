"""Ask each question with attention between token groups cut in a window of layers (neo2025 Table 2).

Only questions that are answered correctly with nothing cut are asked again. The clean prompt runs once; all
pairs and windows of `sightline.studies.neo2025.knockout.pairs` are replayed from it together.
"""

import argparse
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from sightline import cli
from sightline.files import write_parquet
from sightline.instruments.clean_run import CleanRun
from sightline.instruments.interventions import Condition, Knockout, Rows
from sightline.instruments.replay import replay
from sightline.instruments.workers import one_thread_each, side_by_side
from sightline.models.arguments import add_model, read_model
from sightline.models.loading import load_vlm
from sightline.models.prompts import Prompt
from sightline.models.roles import TokenRoles
from sightline.models.vlm import VLM
from sightline.scenes.coco import Coco
from sightline.shards import add_shard
from sightline.studies.neo2025 import judging, subsets
from sightline.studies.neo2025.knockout import pairs
from sightline.studies.neo2025.knockout.measurements import COLUMNS, NOTHING_ASKED
from sightline.studies.neo2025.knockout.pairs import Pair, Window
from sightline.studies.neo2025.knockout.question_set import REASONS, Asked, account, sort_questions
from sightline.studies.neo2025.measurements import MeasurementError
from sightline.studies.neo2025.protocol import Protocol
from sightline.studies.neo2025.selection import (
    published_tokens,
    require_one_tile,
    visible_tokens,
)
from sightline.studies.neo2025.subsets import Evidence, Tokens

log = logging.getLogger(__name__)

BUFFERS = (0, 1, 2)


class Cut(NamedTuple):
    """One measurement: a pair's tokens cut off from its rows in a window of layers."""

    pair: Pair
    variant: str
    draw: int
    window: Window
    tokens: Tokens

    @property
    def key(self) -> tuple:
        """Equal for cuts that do the same."""
        return self.pair.target, self.window.first, self.window.last, self.tokens.tobytes()


def target_rows(target: str, roles: TokenRoles) -> Rows:
    """Rows of a pair's target in a prompt.

    Question tokens are all text between the image and the last position: question, the template around it
    and the given words of the answer but their last token.
    """
    if target == pairs.QUESTION:
        return tuple(int(one) for one in roles.query if one != roles.last)
    return {pairs.LAST: "last", pairs.LAST_ROW: "last_image_row", pairs.TEXT: "query"}[target]


def last_row(roles: TokenRoles) -> Tokens:
    """Image tokens of the last visual row, those that the engine calls last_image_row."""
    return np.flatnonzero(np.isin(roles.image, roles.last_image_row))


@dataclass(frozen=True, eq=False)
class AttentionKnockout:
    """The experiment, ready to measure one question after the other.

    Attributes:
        vlm: the model.
        protocol: of the run.
    """

    vlm: VLM
    protocol: Protocol

    def measure(self, asked: Asked) -> list[dict[str, Any]]:
        """Rows of one question: nothing cut, then every pair in every window."""
        scene, instance = asked.candidate.scene, asked.candidate.instance
        prompt = self.vlm.prompt(asked.question, prefix=self.protocol.vqa_prefix)
        clean = CleanRun(self.vlm, prompt, self.vlm.encode_images([scene.image()])[0])
        common = {
            "model": self.vlm.key,
            "model_layers": len(clean.blocks),
            "image_id": scene.id,
            "object_id": instance.id,
            "category": instance.category,
            "kind": asked.kind,
            "question": asked.question,
        }
        [found] = self._judge(asked, prompt, clean.logits[None], clean.logits)
        rows = [common | _NOTHING_CUT | found]
        if not (found["correct"] or found["correct_as_published"]):
            return rows
        cuts = self._cuts(asked, prompt, len(clean.blocks))
        distinct = {cut.key: cut for cut in cuts}
        place = {key: number for number, key in enumerate(distinct)}
        conditions = [
            Condition(str(place[key]), _knockout(cut, prompt)) for key, cut in distinct.items()
        ]
        judged = self._judge(asked, prompt, replay(clean, conditions), clean.logits)
        return [*rows, *(common | _row(cut) | judged[place[cut.key]] for cut in cuts)]

    def _cuts(self, asked: Asked, prompt: Prompt, layers: int) -> list[Cut]:
        sources = self._sources(asked, prompt.roles)
        return [
            Cut(pair, variant, draw, window, tokens)
            for pair, variant, window in pairs.cuts(layers)
            for draw, tokens in enumerate(sources.get((pair.source, variant), ()))
            # An object may leave nothing around it; then there is nothing to cut.
            if len(tokens)
        ]

    def _sources(self, asked: Asked, roles: TokenRoles) -> Mapping[tuple[str, str], list[Tokens]]:
        """Tokens by source and variant, one entry for each draw."""
        candidate, everything = asked.candidate, np.arange(len(roles.image))
        published = published_tokens(candidate, self.vlm.grid, BUFFERS)
        evidence = Evidence(
            {n: visible_tokens(candidate, self.vlm, n) for n in BUFFERS},
            published,
            registers={},
            scores={},
        )
        # The same random tokens as in the ablation: they depend on seed, image, object and name alone.
        seed = (self.protocol.seed, candidate.scene.id, candidate.instance.id)
        sources: dict[tuple[str, str], list[Tokens]] = {}
        for one in subsets.build_subsets(
            evidence, len(everything), (), self.protocol.random_draws, seed
        ):
            sources.setdefault((one.condition, one.variant), []).append(one.tokens)
        for geometry in (subsets.MASK, subsets.CODE_GEOMETRY):
            if (pairs.PLUS_1, geometry) in sources:
                [near] = sources[pairs.PLUS_1, geometry]
                sources[pairs.CONTEXT, geometry] = [np.setdiff1d(everything, near)]
        sources[pairs.IMAGE, ""] = [everything]
        sources[pairs.UPPER_ROWS, ""] = [np.setdiff1d(everything, last_row(roles))]
        return sources

    def _judge(
        self, asked: Asked, prompt: Prompt, logits: torch.Tensor, clean: torch.Tensor
    ) -> list[dict[str, Any]]:
        """Answers from logits at the last position, (conditions, vocabulary)."""
        expected = self.vlm.first_token(asked.candidate.instance.category, prompt)
        wanted = self.vlm.decode([expected])
        tokens, probabilities = logits.argmax(-1).tolist(), logits.softmax(-1)[:, expected]
        changes = (logits - clean).abs().amax(-1)
        judged = []
        for token, p, change in zip(tokens, probabilities.tolist(), changes.tolist(), strict=True):
            text = self.vlm.decode([token])
            judgement = judging.judge_token(token, text, expected, wanted)
            judged.append(
                {
                    "answer": text,
                    "correct": judgement.corrected,
                    "correct_as_published": judgement.as_published,
                    "p_expected": p,
                    "logit_change": change,
                }
            )
        return judged


_NOTHING_CUT = {
    "pair": pairs.NONE, "source": "", "target": "", "variant": "", "draw": 0,
    "window": "", "first_layer": -1, "last_layer": -1, "n_tokens": 0,
}  # fmt: skip


def _knockout(cut: Cut, prompt: Prompt) -> Knockout:
    positions = tuple(int(one) for one in prompt.roles.image[cut.tokens])
    return Knockout(target_rows(cut.pair.target, prompt.roles), positions, cut.window.layers)


def _row(cut: Cut) -> dict[str, Any]:
    return {
        "pair": cut.pair.name,
        "source": cut.pair.source,
        "target": cut.pair.target,
        "variant": cut.variant,
        "draw": cut.draw,
        "window": cut.window.name,
        "first_layer": cut.window.first,
        "last_layer": cut.window.last,
        "n_tokens": len(cut.tokens),
    }


def measure_all(
    asked: Sequence[Asked], vlm: VLM, protocol: Protocol, processes: int = 1
) -> pd.DataFrame:
    """Measurements of all questions, so many at a time on a CPU."""
    experiment = AttentionKnockout(vlm, protocol)
    measured = side_by_side(experiment.measure, asked, processes, vlm.device)
    progress = tqdm(measured, total=len(asked), desc="cut attention", unit="question")
    rows = [row for found in progress for row in found]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def main(options: argparse.Namespace) -> None:
    """Measure one model on a split."""
    one_thread_each(options.processes)
    vlm = load_vlm(read_model(options))
    require_one_tile(vlm)
    coco = Coco(options.dataset, options.split)
    questions = options.shard.of(pd.read_parquet(options.questions))
    found = sort_questions(coco, questions, vlm, BUFFERS)
    # A share may have none; the rule that reads all of them says so if there is none at all.
    if options.shard.whole and not found.asked:
        raise MeasurementError(NOTHING_ASKED)
    measured = measure_all(found.asked, vlm, Protocol.read(options.protocol), options.processes)
    accounted = account(questions, found, measured, vlm.key)
    for reason in REASONS:
        log.info("%6d questions: %s", (accounted["reason"] == reason).sum(), reason)
    write_parquet(accounted, options.accounted)
    write_parquet(measured, options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_model(parser)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--split", required=True)
    parser.add_argument("--questions", type=Path, required=True)
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--processes", type=int, default=1, help="questions at a time, on a CPU")
    add_shard(parser)
    parser.add_argument("--accounted", type=Path, required=True, help="what became of questions")
    parser.add_argument("--out", type=Path, required=True)
    cli.run(main, parser)
